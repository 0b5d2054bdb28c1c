"""Benchmarks of the offline half."""
