"""Realizing derivations: what to do, in which order, and doing it."""
