"""Worlds that stand still: a tracer in a process of its own gives every program of a sandbox the clock that it is told.

One stop at each exec points the program's vDSO at constants; the sandbox's own filter asks for the tracer where a
system call could tell otherwise. Strict worlds (T3) also sort directories, seed random numbers and fix the times of
files. It is no security boundary. Source: docs/worlds.md.
"""

from __future__ import annotations
