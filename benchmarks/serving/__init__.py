"""Benchmarks of the online half, beside other ways to serve the same model."""
