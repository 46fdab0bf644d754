"""Studies of reproducibility: what is varied, why builds differ, and what that amounts to in numbers.

Everything is decided in pure modules; `runner` and `records` act. Each name is imported when it is first used.
"""
