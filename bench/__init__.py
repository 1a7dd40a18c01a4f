"""Benchmarks: what docs/benchmarks.md says was measured with these."""
