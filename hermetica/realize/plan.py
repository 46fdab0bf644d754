"""The plan: what of a graph is there, what must be made and why. Computing it runs nothing and writes nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import attrs

from hermetica.model.builtins import FETCHES, FETCHURL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from hermetica.model import Derivation
    from hermetica_store.digest import Digest
    from hermetica_store.path import StorePath


class Work(StrEnum):
    """What it takes to realize a derivation."""

    BUILD = "build"
    BUILTIN = "builtin"
    FETCH = "fetch"


def work_of(derivation: Derivation) -> Work:
    """What it takes to realize ``derivation``."""
    if derivation.builder in FETCHES:
        return Work.FETCH
    return Work.BUILTIN if derivation.builder.startswith("builtin:") else Work.BUILD


def declared_size_bytes(derivation: Derivation) -> int | None:
    """How much a fetch says it will bring, if it says so."""
    text = derivation.env.get("size_bytes", "") if derivation.builder == FETCHURL else ""
    return int(text) if text.isdecimal() else None


@attrs.frozen(kw_only=True)
class Step:
    """One derivation that is not there yet.

    Attributes:
        derivation: which.
        work: what it takes.
        why: one line: the reason that it is not there.
    """

    derivation: Derivation
    work: Work
    why: str


@attrs.frozen(kw_only=True)
class Plan:
    """What realizing some derivations would do.

    Attributes:
        steps: in an order in which they could be done, inputs first.
        reused: (derivation, output) -> the path that is there and will be used.
        again: the same of what is there and is to be made once more all the same.
    """

    steps: tuple[Step, ...]
    reused: Mapping[tuple[Digest, str], StorePath] = attrs.field(repr=False)
    again: Mapping[tuple[Digest, str], StorePath] = attrs.field(
        factory=dict[tuple["Digest", str], "StorePath"], repr=False
    )

    def of(self, work: Work) -> tuple[Step, ...]:
        """The steps that are ``work``."""
        return tuple(step for step in self.steps if step.work is work)

    @property
    def fetch_bytes(self) -> int:
        """What the fetches say they weigh, where they say so."""
        return sum(declared_size_bytes(step.derivation) or 0 for step in self.steps)

    def inputs(self) -> dict[Digest, frozenset[Digest]]:
        """Which steps each step needs first, by input id."""
        by_id = {step.derivation.input_id: step.derivation for step in self.steps}
        return {
            drv: frozenset(
                source.input_id
                for token, source in derivation.inputs.derivations
                if source.input_id in by_id and (source.input_id, token.output) not in self.again
            )
            for drv, derivation in by_id.items()
        }

    def to_json(self) -> dict[str, Any]:
        """The plan as ``hermetica.plan/1``."""
        return {
            "format": "hermetica.plan/1",
            "steps": [
                {
                    "drv": step.derivation.id.hex,
                    "name": step.derivation.name,
                    "work": str(step.work),
                    "why": step.why,
                    "origin": str(step.derivation.origin) if step.derivation.origin else None,
                    "size_bytes": declared_size_bytes(step.derivation),
                }
                for step in self.steps
            ],
            "fetch_bytes": self.fetch_bytes,
            "reused": len(self.reused),
        }


Lookup = "Callable[[Sequence[tuple[Digest, str]]], Sequence[StorePath | None]]"


def make_plan(
    roots: Iterable[Derivation],
    look_up: Callable[[Sequence[tuple[Digest, str]]], Sequence[StorePath | None]],
) -> Plan:
    """What must be done for every output of ``roots`` to be in the store.

    What is there is not looked into: its inputs do not matter any more.

    Args:
        roots: what is wanted, all outputs of each.
        look_up: for each (input id, output), the path in the store, or None.
    """
    reused: dict[tuple[Digest, str], StorePath] = {}
    missing: dict[Digest, Derivation] = {}  # by input id: of several recipes for one fixed content the first is enough
    absent: set[tuple[Digest, str]] = set()
    seen: set[tuple[Digest, str]] = set()
    wanted: list[tuple[Derivation, str]] = [(root, output) for root in roots for output in root.outputs]
    while wanted:
        fresh: dict[tuple[Digest, str], Derivation] = {}
        for derivation, output in wanted:
            key = (derivation.input_id, output)
            if key not in seen:
                seen.add(key)
                fresh[key] = derivation
        wanted = []
        for (key, derivation), path in zip(fresh.items(), look_up(list(fresh)), strict=True):
            if path is not None:
                reused[key] = path
                continue
            absent.add(key)
            if derivation.input_id not in missing:
                missing[derivation.input_id] = derivation
                wanted += [(source, token.output) for token, source in derivation.inputs.derivations]
    steps = tuple(
        Step(derivation=derivation, work=work_of(derivation), why=_why(derivation, missing, absent, reused))
        for derivation in _in_order(missing)
    )
    return Plan(steps=steps, reused=reused)


def _in_order(missing: Mapping[Digest, Derivation]) -> Iterator[Derivation]:
    done: set[Digest] = set()
    for root in missing.values():
        pending = [(root, False)]
        while pending:
            derivation, is_expanded = pending.pop()
            if derivation.input_id in done:
                continue
            ids = [source.input_id for _, source in derivation.inputs.derivations]
            sources = [missing[source] for source in ids if source in missing and source not in done]
            if not is_expanded and sources:
                pending.append((derivation, True))
                pending.extend((source, False) for source in sources)
                continue
            done.add(derivation.input_id)
            yield derivation


def _why(
    derivation: Derivation,
    missing: Mapping[Digest, Derivation],
    absent: AbstractSet[tuple[Digest, str]],
    reused: Mapping[tuple[Digest, str], StorePath],
) -> str:
    lost = [output for output in derivation.outputs if (derivation.input_id, output) in absent]
    if any((derivation.input_id, output) in reused for output in derivation.outputs):
        return f"its output {lost[0]} is not in the store"
    for _, source in derivation.inputs.derivations:
        if source.input_id in missing:
            return f"its input {source.name} is not there yet; once it is, equal content would be reused"
    return "nothing with these inputs is in the store"
