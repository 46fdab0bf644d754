"""Benchmarks: hermetica beside the peers that are installed, and beside the physical limit, in one run."""
