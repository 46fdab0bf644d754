"""Evaluation apart: the user's modules run in a child process, in a sandbox that shows it the project and nothing else.

``project`` finds what a project is and what it declares, ``surroundings`` decides what its evaluation sees, ``child``
starts it, ``early`` before all else on a guess, ``outside`` asks it, ``inside`` is what it runs, ``wire`` is how both
speak. What comes back are derivations in their canonical form, each with the id that the asker computes again, and
errors as values.
Sources: docs/adr/0017-modules-are-evaluated-apart.md,
docs/adr/0020-both-processes-begin-at-once-and-compile-nothing.md.
"""
