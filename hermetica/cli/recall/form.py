"""What is kept of a build whose evaluation can be remembered, as bytes. Pure, and without imports.

A row is fields with a NUL after each: none of them can hold one, being paths, names of variables, digits or, where
bytes could be anything, hexadecimal.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMAT = b"hermetica.evaluation/1"
KEY_PREFIX = b"e"


class Evaluated:
    """What a command led to, and what it depends on.

    Attributes:
        confirmed: whether two evaluations led to the same derivations.
        told: whether the user wants to hear of it.
        reads: (kind, name, state) of all that was read; the kinds are those of ``states``.
        traces: (key, value) of rows of the build trace that must be as they were.
        objects: base names of what must be in the store.
        links: (name of the root, base name, place of the link, where it leads).
        output: what goes to stdout.
    """

    def __init__(
        self,
        *,
        confirmed: bool,
        told: bool,
        reads: Sequence[tuple[str, bytes, bytes]],
        traces: Sequence[tuple[bytes, bytes]],
        objects: Sequence[bytes],
        links: Sequence[tuple[bytes, bytes, bytes, bytes]],
        output: bytes,
    ) -> None:
        self.confirmed = confirmed
        self.told = told
        self.reads = reads
        self.traces = traces
        self.objects = objects
        self.links = links
        self.output = output

    def encode(self) -> bytes:
        """The row."""
        fields = [FORMAT, b"%d%d" % (self.confirmed, self.told), self.output.hex().encode()]
        fields += _section([(kind.encode(), name, state) for kind, name, state in self.reads])
        fields += _section([(key.hex().encode(), value.hex().encode()) for key, value in self.traces])
        fields += _section([(base,) for base in self.objects])
        fields += _section(self.links)
        return b"\0".join(fields)


def _section(rows: Sequence[tuple[bytes, ...]]) -> Iterable[bytes]:
    return [b"%d" % len(rows), *(field for row in rows for field in row)]


def decode(data: bytes) -> Evaluated | None:
    """The value of a row; None where it is none of this version."""
    fields = iter(data.split(b"\0"))
    try:
        if next(fields) != FORMAT:
            return None
        flags, output = next(fields), bytes.fromhex(next(fields).decode())
        reads = [(next(fields).decode(), next(fields), next(fields)) for _ in range(int(next(fields)))]
        traces = [(_unhex(next(fields)), _unhex(next(fields))) for _ in range(int(next(fields)))]
        objects = [next(fields) for _ in range(int(next(fields)))]
        links = [(next(fields), next(fields), next(fields), next(fields)) for _ in range(int(next(fields)))]
    except (StopIteration, RuntimeError, ValueError):
        return None
    return Evaluated(
        confirmed=flags[:1] == b"1",
        told=flags[1:] == b"1",
        reads=reads,
        traces=traces,
        objects=objects,
        links=links,
        output=output,
    )


def _unhex(text: bytes) -> bytes:
    return bytes.fromhex(text.decode())


def store_word(words: Sequence[str]) -> str | None:
    """The place of the store that a command line names; None where it names none.

    A word that only looks like it leads to a store in which this command line is not kept.
    """
    found = None
    for index, word in enumerate(words):
        if word == "--store" and index + 1 < len(words):
            found = words[index + 1]
        elif word.startswith("--store="):
            found = word.removeprefix("--store=")
    return found


ALWAYS = ("HOME", "PATH", "TZ", "LANG", "LANGUAGE", "USER", "LOGNAME", "TMPDIR")
FAMILIES = ("HERMETICA_", "XDG_", "LC_", "GIT_", "PYTHON")


def is_always_read(variable: str) -> bool:
    """Whether a variable counts in any case: Python, git, the C library or hermetica itself look at it."""
    return variable in ALWAYS or variable.startswith(FAMILIES)
