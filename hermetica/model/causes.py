"""Why a derivation is another than it was: from what differs at the top down to what was really changed.

Where a derivation differs only in what its inputs are, those are followed, until a field, a file of a source or an
input of another kind is found that somebody changed. Pure: whoever asks brings what was kept of former derivations.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.model.difference import Declared, FieldChange, difference, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from hermetica.model.derivation import Derivation
    from hermetica_store.digest import Digest
    from hermetica_store.path import StorePath

    LookUp = Callable[[Sequence[str]], Mapping[str, Declared]]

_STEM: Final = re.compile(r"-(?=\d)")


@attrs.frozen(kw_only=True)
class SourceChange:
    """Local files that are not what they were.

    Attributes:
        before: the store path that they had.
        after: the one that they have.
        place: the field that mentions them, such as ``env.src``.
    """

    before: StorePath
    after: StorePath
    place: str


@attrs.frozen(kw_only=True)
class Cause:
    """A derivation that declares something else than it did.

    Attributes:
        derivation: as it is.
        before: what it declared; None where that is not kept.
        fields: what says something else.
        sources: what has other files.
        path: from what was asked about to the derivation, both included: each uses the next.
    """

    derivation: Declared
    before: Declared | None
    fields: tuple[FieldChange, ...] = ()
    sources: tuple[SourceChange, ...] = ()
    path: tuple[Declared, ...]


@attrs.define
class _Compared:
    """A derivation, what it was, and what of it was changed."""

    after: Declared
    before: Declared | None
    fields: list[FieldChange] = attrs.field(factory=list[FieldChange])
    sources: list[SourceChange] = attrs.field(factory=list[SourceChange])


@attrs.define
class _Search:
    """What is known while inputs are followed, level by level.

    Attributes:
        former: what former derivations declared, by the 32 characters of their tokens; those that are known.
        present: the same of those of today.
        found: what was changed, nearest first.
        users: by derivation, through which other one it was reached.
        seen: pairs of references that were followed, or need not be.
    """

    former: LookUp
    present: LookUp
    found: list[_Compared] = attrs.field(factory=list[_Compared])
    users: dict[str, Declared | None] = attrs.field(factory=dict[str, "Declared | None"])
    seen: set[tuple[str, str]] = attrs.field(factory=set[tuple[str, str]])

    def level(self, waiting: Sequence[tuple[Declared, Declared]]) -> list[tuple[Declared, Declared]]:
        """Compares what waits; gives the inputs that are to be compared next."""
        compared = [_Compared(after, before) for before, after in waiting]
        pairs = [(each, *pair) for each in compared for pair in self._compare(each)]
        former = self.former([before for _, before, _ in pairs])
        present = self.present([after for _, _, after in pairs])
        followed = [
            self._follow(user, present[after], before, former.get(before))
            for user, before, after in pairs
            if after in present
        ]
        self.found += [each for each in compared if each.fields or each.sources]
        return [each for each in followed if each is not None]

    def _compare(self, each: _Compared) -> Iterator[tuple[str, str]]:
        """Notes what was changed in a derivation itself; gives the inputs that are others, as references."""
        if each.before is None:
            return
        what = difference(each.before, each.after)
        each.fields += what.fields
        for pair in what.references:
            if pair in self.seen:
                continue
            self.seen.add(pair)
            before, after = each.before.source(pair[0]), each.after.source(pair[1])
            if before is not None and after is not None:
                place = place_of(each.after, after.digest)
                each.sources.append(SourceChange(before=before, after=after, place=place))
            else:
                yield pair

    def _follow(
        self, user: _Compared, source: Declared, reference: str, former: Declared | None
    ) -> tuple[Declared, Declared] | None:
        """An input and what it was, if they are to be compared."""
        if former is not None and not _is_same_thing(former.name, source.name):
            place = "inputs" if user.before is None else place_of(user.before, reference)
            one, other = json.dumps(f"${{{former.name}}}"), json.dumps(f"${{{source.name}}}")
            user.fields.append(FieldChange(field=place, before=one, after=other))
            return None
        if source.id in self.users or (former is not None and former.id == source.id):
            return None
        self.users[source.id] = user.after
        if former is None:
            self.found.append(_Compared(source, None))
            return None
        return former, source

    def path_to(self, derivation: Declared) -> tuple[Declared, ...]:
        """The way on which a derivation was reached."""
        path = [derivation]
        while (user := self.users[path[-1].id]) is not None:
            path.append(user)
        return tuple(reversed(path))


def find_causes(before: Declared, after: Declared, former: LookUp, present: LookUp) -> list[Cause]:
    """Everything that makes ``after`` another derivation than ``before``, nearest first.

    Args:
        before: what was declared.
        after: what is.
        former: what former derivations declared, by the 32 characters of their tokens; those that are known.
        present: the same of those of today. What is not known is not followed.
    """
    search = _Search(former, present)
    search.users[after.id] = None
    waiting = [(before, after)]
    while waiting:
        waiting = search.level(waiting)
    return [
        Cause(
            derivation=each.after,
            before=each.before,
            fields=tuple(each.fields),
            sources=tuple(each.sources),
            path=search.path_to(each.after),
        )
        for each in search.found
    ]


def count_dependants(graph: Iterable[Derivation], roots: Sequence[Collection[Digest]]) -> list[int]:
    """For each of ``roots`` how many derivations use one of them, at any distance; themselves left out.

    Args:
        graph: inputs before those that use them.
        roots: sets of ids.
    """
    own: dict[Digest, int] = {}
    for number, ids in enumerate(roots):
        for each in ids:
            own[each] = own.get(each, 0) | 1 << number
    reached: dict[Digest, int] = {}
    counts: Counter[int] = Counter()
    for derivation in graph:
        used = 0
        for _, source in derivation.inputs.derivations:
            used |= reached.get(source.id, 0)
        mine = own.get(derivation.id, 0)
        if used | mine:
            reached[derivation.id] = used | mine
            counts[used & ~mine] += 1
    return [sum(count for bits, count in counts.items() if bits >> number & 1) for number in range(len(roots))]


def _is_same_thing(before: str, after: str) -> bool:
    """Whether two names are those of two versions of one thing."""
    return _STEM.split(before, 1)[0] == _STEM.split(after, 1)[0]
