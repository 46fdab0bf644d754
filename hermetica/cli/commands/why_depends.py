"""``hermetica why-depends``: how one object comes to need another, and where each link of the chain is written."""

from __future__ import annotations

from collections import deque
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.mentions import mentions
from hermetica.cli.objects import object_of
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hermetica.cli.mentions import Mention
    from hermetica.cli.session import Session
    from hermetica_store import StorePath

_SHOWN: Final = 3
NOT_NEEDED: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("source", metavar="A", help="what depends: a target or an object")
    parser.add_argument("wanted", metavar="B", help="on what: a target or an object")
    parser.add_argument("--all", action="store_true", help="every place that mentions, not the first few")
    parser.epilog = f"Exit status {NOT_NEEDED} where A does not depend on B."


def shortest_chain(
    source: StorePath, wanted: StorePath, references: Callable[[StorePath], Iterable[StorePath]]
) -> list[StorePath]:
    """A shortest chain of references, both ends included; empty where there is none."""
    parent: dict[StorePath, StorePath | None] = {source: None}
    pending = deque([source])
    while pending:
        path = pending.popleft()
        if path == wanted:
            chain: list[StorePath] = []
            step: StorePath | None = path
            while step is not None:
                chain.append(step)
                step = parent[step]
            return chain[::-1]
        for other in references(path):
            if other not in parent:
                parent[other] = path
                pending.append(other)
    return []


def run(session: Session) -> int:
    """Prints the chain; ``NOT_NEEDED`` where there is none."""
    objects, options = session.objects, session.options
    with evaluation():
        source, wanted = object_of(session, options.source), object_of(session, options.wanted)
    chain = shortest_chain(source, wanted, objects.references)
    limit = None if options.all else _SHOWN
    steps = [list(islice(mentions(objects.on_disk(a), b.digest), limit)) for a, b in pairwise(chain)]
    document = {
        "format": "hermetica.why-depends/1",
        "from": str(source),
        "to": str(wanted),
        "chain": [str(path) for path in chain],
        "steps": [_step(*pair, step) for pair, step in zip(pairwise(chain), steps, strict=True)],
    }
    session.console.result(document, _lines(chain, steps))
    if chain:
        return 0
    session.console.say(
        f"{source.base} does not depend on {wanted.base} when it runs; hermetica query deps TARGET says what went in"
    )
    return NOT_NEEDED


def _step(source: StorePath, wanted: StorePath, found: Sequence[Mention]) -> dict[str, Any]:
    first = found[0] if found else None
    return {
        "from": str(source),
        "to": str(wanted),
        "file": None if first is None else first.file,
        "offset": None if first is None else first.offset,
        "mentions": [attrs.asdict(mention) for mention in found],
    }


def _lines(chain: Sequence[StorePath], steps: Sequence[Sequence[Mention]]) -> Iterator[str]:
    for index, path in enumerate(chain):
        yield f"{'   ' * index}{path}"
        if index < len(steps):
            for mention in steps[index]:
                place = mention.file or "the file itself"
                yield f"{'   ' * index}└─ {place}, {mention.kind}, offset {mention.offset}: …{mention.excerpt}…"
