"""Which objects a collection may take, and in what order: pure decisions over what the index says.

An object is alive if a root or lease reaches it through references. What is dead goes least recently used first, each
after all that refer to it; using an object counts as using what it refers to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


class Facts(NamedTuple):
    """What a collection looks at: a tuple, for there is one for each object of a store.

    Attributes:
        size_bytes: of the object.
        used_ms: when it was last used, in milliseconds since the epoch.
        references: what it refers to.
    """

    size_bytes: int
    used_ms: int
    references: Sequence[bytes]


@attrs.frozen(kw_only=True)
class Limits:
    """How much of what is dead is to go.

    Attributes:
        max_bytes: stop as soon as what is left is no larger; None for no such limit.
        max_freed_bytes: stop as soon as so much is gone; None for no such limit.
        unused_since_ms: take only what was last used before; None for no such limit.
    """

    max_bytes: int | None = None
    max_freed_bytes: int | None = None
    unused_since_ms: int | None = None


def alive(
    starts: Iterable[bytes], objects: Mapping[bytes, Facts], built_from: Mapping[bytes, Sequence[bytes]] | None = None
) -> set[bytes]:
    """What the starts reach, by references and, where that is given, by what each was built from."""
    reached: set[bytes] = set()
    waiting = [start for start in starts if start in objects]
    while waiting:
        base = waiting.pop()
        if base not in reached:
            reached.add(base)
            near = (*objects[base].references, *(built_from.get(base, ()) if built_from else ()))
            waiting.extend(each for each in near if each in objects and each not in reached)
    return reached


def condemned(objects: Mapping[bytes, Facts], living: Collection[bytes], limits: Limits) -> list[bytes]:
    """What is to go, in order: everything comes after all that refer to it."""
    dead = {base: facts for base, facts in objects.items() if base not in living}
    order = referrers_first(dead)
    used_ms = {base: dead[base].used_ms for base in order}
    for base in order:
        for reference in dead[base].references:
            if reference in used_ms:
                used_ms[reference] = max(used_ms[reference], used_ms[base])
    rank = {base: number for number, base in enumerate(order)}
    order.sort(key=lambda base: (used_ms[base], rank[base]))
    if limits.unused_since_ms is not None:
        order = [base for base in order if used_ms[base] < limits.unused_since_ms]
    left = sum(facts.size_bytes for facts in objects.values())
    enough = [left - limits.max_bytes] if limits.max_bytes is not None else []
    enough += [limits.max_freed_bytes] if limits.max_freed_bytes is not None else []
    if not enough:
        return order
    chosen: list[bytes] = []
    freed_bytes = 0
    for base in order:
        if freed_bytes >= min(enough):
            break
        chosen.append(base)
        freed_bytes += objects[base].size_bytes
    return chosen


def referrers_first(objects: Mapping[bytes, Facts]) -> list[bytes]:
    """The objects, each after all that refer to it; ascending where that leaves a choice."""
    referrers = dict.fromkeys(objects, 0)
    for base, facts in objects.items():
        for reference in facts.references:
            if reference in referrers and reference != base:
                referrers[reference] += 1
    ready = sorted((base for base, count in referrers.items() if not count), reverse=True)
    order: list[bytes] = []
    while ready:
        base = ready.pop()
        order.append(base)
        for reference in objects[base].references:
            if reference in referrers and reference != base:
                referrers[reference] -= 1
                if not referrers[reference]:
                    ready.append(reference)
    return order
