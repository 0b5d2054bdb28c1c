"""Benchmarks of each stage that a request goes through, within this process."""
