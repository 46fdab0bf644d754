"""The command line: results to stdout, talk to stderr, one table of exit statuses.

Nothing here decides anything that the library does not: commands call its public interface and lay out what it says.
Source: docs/cli.md.
"""
