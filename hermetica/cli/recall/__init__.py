"""The evaluation cache: what a ``build`` led to, answered again while all that its evaluation read is unchanged.

``form`` is the row that is kept, ``states`` what a thing that was read looks like now, ``answer`` the way of a command
that is known already, ``watch`` and ``keep`` that of one that is not. What ``answer`` needs imports next to nothing.
Source: docs/adr/0009-builds-are-remembered-by-what-their-evaluation-read.md.
"""
