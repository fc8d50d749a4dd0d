"""Benchmarks beside the peers: `python -m bench`, see `bench.__main__`."""
