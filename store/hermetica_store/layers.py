"""Several stores as one: questions go to the upper store first, then to each lower one in order.

A lower store answers and is never written. What is in one is not built, copied or registered again, and objects of the
upper store may refer to objects of lower ones. Source: docs/format-store.md, "Layers".
"""

from __future__ import annotations

import os
from heapq import merge
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.codec import decode_object, path_at
from hermetica_store.consistency import Problem
from hermetica_store.errors import StoreError
from hermetica_store.faults import NotRegistered
from hermetica_store.queries import Queries
from hermetica_store.schema import META, OBJECTS, REFERRERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hermetica_store.codec import ObjectInfo
    from hermetica_store.nar import NarDigest
    from hermetica_store.path import StorePath
    from hermetica_store.schema import Table
    from hermetica_store.shared import Shared
    from hermetica_store.transaction import Transaction

_LOWER: Final = b"lower"


class LowerUnavailable(StoreError):
    """A lower store that cannot be read."""

    code = "HM451"

    def __init__(self, root: os.PathLike[str], error: StoreError) -> None:
        super().__init__(
            f"the lower store {os.fspath(root)} cannot be used",
            details=(("cause", error.message), *error.details),
            hint="make it readable there, or take it out of lower in the settings (HERMETICA_LOWER)",
        )


class InLowerStore(StoreError):
    """An object that is to be changed and lies in a lower store."""

    code = "HM452"

    def __init__(self, path: StorePath, root: os.PathLike[str]) -> None:
        super().__init__(
            f"{path} is in the lower store {os.fspath(root)}, which is never written from here",
            hint=f"whoever may write it does that with --store {os.fspath(root)}",
        )
        self.path = path


@attrs.frozen
class LayeredQueries(Queries):
    """The questions that an upper store answers together with those below it."""

    lowers: tuple[Queries, ...] = attrs.field(kw_only=True)

    @classmethod
    def over(cls, shared: Shared, *, writable: bool) -> LayeredQueries:
        """Of a store with those that it lies over."""
        lowers = tuple(Queries(lower, writable=False) for lower in shared.lowers)
        return cls(shared, writable, lowers=lowers)

    @property
    def _layers(self) -> tuple[Queries, ...]:
        return (Queries(self.shared, self.writable), *self.lowers)

    def info(self, path: StorePath) -> ObjectInfo | None:
        """What the first store that has an object knows of it."""
        return next((info for layer in self._layers if (info := layer.info(path)) is not None), None)

    def paths(self, prefix: str = "") -> Iterator[StorePath]:
        """The objects of all stores whose base names begin with ``prefix``, each once, ascending."""
        yield from sorted(set(chain.from_iterable(layer.paths(prefix) for layer in self._layers)))

    def referrers(self, path: StorePath) -> tuple[StorePath, ...]:
        """The objects of all stores that mention one, ascending."""
        return tuple(sorted({each for layer in self._layers for each in layer.referrers(path)}))

    def closure(self, paths: Iterable[StorePath]) -> tuple[StorePath, ...]:
        """The objects and all that they refer to, wherever they are; ascending."""
        seen: set[StorePath] = set()
        waiting: dict[StorePath, StorePath | None] = dict.fromkeys(paths)
        while waiting:
            infos = self._infos(waiting)
            seen |= waiting.keys()
            waiting = {each: info.path for info in infos for each in info.references if each not in seen}
        return tuple(sorted(seen))

    def _infos(self, wanted: dict[StorePath, StorePath | None]) -> list[ObjectInfo]:
        """What is known of objects, each with one that needs it."""
        left = dict(wanted)
        found: list[ObjectInfo] = []
        for layer in self._layers:
            infos = _infos_of(layer, left)
            found += infos
            for info in infos:
                del left[info.path]
            if not left:
                return found
        path, needed_by = next(iter(left.items()))
        hint = None if needed_by is None else "it went from a lower store: build it again, or delete what needs it"
        raise NotRegistered(path, needed_by=needed_by, hint=hint)

    def nar(self, path: StorePath) -> NarDigest:
        """The digest of an object's NAR; kept only where the object is the upper store's."""
        holder = next((layer for layer in self._layers if layer.info(path) is not None), None)
        if holder is None:
            raise NotRegistered(path)
        return holder.nar(path)

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a row in the first store that has it."""
        return next((value for layer in self._layers if (value := layer.get(table, key)) is not None), None)

    def get_many(self, table: Table, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of several rows, each from the first store that has it."""
        return self._filled(keys, lambda layer, missing: layer.get_many(table, missing))

    def first_many(self, table: Table, prefixes: Sequence[bytes]) -> list[bytes | None]:
        """For each prefix the value of the first row whose key begins with it, from the first store that has one."""
        return self._filled(prefixes, lambda layer, missing: layer.first_many(table, missing))

    def _filled(
        self, keys: Sequence[bytes], look_up: Callable[[Queries, list[bytes]], list[bytes | None]]
    ) -> list[bytes | None]:
        values: list[bytes | None] = [None] * len(keys)
        for layer in self._layers:
            missing = [number for number, value in enumerate(values) if value is None]
            if not missing:
                break
            for number, value in zip(missing, look_up(layer, [keys[each] for each in missing]), strict=True):
                values[number] = value
        return values

    def items(self, table: Table, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """The rows of all stores, ascending by key; of equal keys the one of the first store."""
        last = None
        for item in merge(*(layer.items(table, prefix) for layer in self._layers), key=itemgetter(0)):
            if item[0] != last:
                last = item[0]
                yield item


def _infos_of(layer: Queries, wanted: Iterable[StorePath]) -> list[ObjectInfo]:
    """What one store knows of objects, seen at one moment; those it does not have are left out."""
    found = [info for path in wanted if (info := layer.shared.overlay.objects.get(path)) is not None]
    bases = [path.base.encode() for path in wanted if path not in {info.path for info in found}]

    def read(tx: Transaction) -> list[tuple[bytes, bytes]]:
        return [(base, value) for base in bases if (value := tx.get(OBJECTS, base)) is not None]

    return found + [decode_object(base, value) for base, value in layer.shared.index.read(read)]


def note_lowers(shared: Shared) -> None:
    """Write down over which stores this one was used, for whoever misses their objects later."""
    value = b"\0".join(os.fsencode(lower.layout.root) for lower in shared.lowers)
    if value and shared.index.get(META, _LOWER) != value:
        shared.writer.run(lambda tx: tx.put(META, _LOWER, value))


def lower_problems(shared: Shared) -> Iterator[Problem]:
    """Objects of lower stores that this one needs, and whose files are not there."""

    def borrowed(tx: Transaction) -> list[bytes]:
        keys = {base for base, _ in tx.items(REFERRERS)}
        return [base for base in sorted(keys) if tx.get(OBJECTS, base) is None and tx.is_below(base)]

    for base in shared.index.read(borrowed) if shared.lowers else ():
        place = shared.on_disk(path_at(base))
        if not os.path.lexists(place):
            yield Problem(kind="missing", path=path_at(base), file="", detail=f"it is gone from a lower store: {place}")


def split(shared: Shared, paths: Iterable[StorePath]) -> list[tuple[Shared, list[StorePath]]]:
    """Which store to ask about which objects; the upper one about those that none has."""
    groups: dict[int, list[StorePath]] = {}
    stores = (shared, *shared.lowers)
    for path in paths:
        number = next((number for number, store in enumerate(stores) if store.is_known(path)), 0)
        groups.setdefault(number, []).append(path)
    return [(stores[number], group) for number, group in sorted(groups.items())]


def refuse_lower(shared: Shared, paths: Iterable[StorePath]) -> None:
    """Before objects are changed.

    Raises:
        InLowerStore: one is in a lower store only.
    """
    for store, group in split(shared, paths) if shared.lowers else ():
        if store is not shared:
            raise InLowerStore(group[0], store.layout.root)
