"""Reproducibility: what hermetica's studies find on programs of known truth and on real packages, beside other tools.

``python -m benchmarks.reproducibility --help`` begins; docs/reproducibility.md has the results and says how to repeat
them.
"""
