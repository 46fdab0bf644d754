"""Two closures compared: what one has and the other has not, versions of one thing beside each other. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from hermetica_store.path import StorePath

_VERSION: Final = re.compile(r"-(?=\d)")


@attrs.frozen(kw_only=True)
class ObjectChange:
    """One object that is not in both closures.

    Attributes:
        before: what is in the first only; None where the second has something new.
        after: what is in the second only; None where it has nothing of the kind any more.
        before_bytes: its size; 0 where there is none.
        after_bytes: likewise.
    """

    before: StorePath | None
    after: StorePath | None
    before_bytes: int = 0
    after_bytes: int = 0

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def closure_changes(before: Mapping[StorePath, int], after: Mapping[StorePath, int]) -> list[ObjectChange]:
    """What differs between two closures, ascending by name.

    Args:
        before: path -> size in bytes.
        after: likewise.
    """
    gone, new = _by_thing(before.keys() - after.keys()), _by_thing(after.keys() - before.keys())
    return [
        ObjectChange(
            before=one,
            after=other,
            before_bytes=0 if one is None else before[one],
            after_bytes=0 if other is None else after[other],
        )
        for name in sorted(gone.keys() | new.keys())
        for one, other in zip_longest(gone.get(name, ()), new.get(name, ()))
    ]


def needed_alone(
    root: StorePath, closure: AbstractSet[StorePath], referrers: Callable[[StorePath], Iterable[StorePath]]
) -> set[StorePath]:
    """What of a closure nothing but its root needs, the root itself included: what else refers to it does not count.

    Args:
        root: what the closure is of.
        closure: it and all that it refers to.
        referrers: the objects that mention one.
    """
    users = {path: set(referrers(path)) - {path} for path in closure}
    alone = set(closure)
    pending = [path for path in closure if path != root and not users[path] <= closure]
    needs: defaultdict[StorePath, list[StorePath]] = defaultdict(list)
    for path, others in users.items():
        for other in others:
            needs[other].append(path)
    while pending:
        path = pending.pop()
        if path in alone:
            alone.remove(path)
            pending += [other for other in needs[path] if other != root]
    return alone


def _by_thing(paths: Iterable[StorePath]) -> dict[str, list[StorePath]]:
    """The paths by name without version, so that two versions of one thing meet."""
    found: defaultdict[str, list[StorePath]] = defaultdict(list)
    for path in sorted(paths, key=lambda each: (each.name, each.digest)):
        found[_VERSION.split(path.name, maxsplit=1)[0]].append(path)
    return found
