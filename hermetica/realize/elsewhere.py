"""Which other store of this machine still has what no address gives, and how it is copied from there.

Other stores are only asked, and only then. What they have is named and not taken: it comes in as an archive, whose
bytes are hashed like those of any address.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from hermetica.realize.present import file_in, tree_in
from hermetica.realize.trace import Trace
from hermetica_store import ObjectStore, StoreError
from hermetica_store.layout import default_root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hermetica.model import Derivation
    from hermetica_store import StorePath

__all__ = ["asked_elsewhere"]


def asked_elsewhere(
    derivation: Derivation, store: ObjectStore, others: Iterable[Path]
) -> tuple[list[tuple[str, str]], str | None]:
    """(store, what it says) for each other store of this machine, and the command that copies from one that has it.

    Args:
        derivation: a fixed output.
        store: the one that lacks it; the user's usual store is asked too, where this is another.
        others: roots of stores; one that cannot be read says so.
    """
    said: list[tuple[str, str]] = []
    command: str | None = None
    for root in _roots(store, others):
        try:
            with ObjectStore.open(root, read_only=True, lower=()) as other:
                path = _path_in(other, derivation)
        except StoreError as error:
            said.append((f"store {root}", error.message))
            continue
        said.append((f"store {root}", "does not have it" if path is None else f"has it: {path}"))
        if path is not None and command is None:
            place, here = (shlex.quote(os.fspath(each)) for each in (root, store.root))
            command = (
                f"hermetica --store {place} store export --no-closure {path} | hermetica --store {here} store import"
            )
    return said, command


def _roots(store: ObjectStore, others: Iterable[Path]) -> Iterator[Path]:
    known = {os.path.realpath(each) for each in (store.root, *store.lower)}
    usual = default_root({key: value for key, value in os.environ.items() if key != "HERMETICA_STORE"})
    for root in (*others, *([usual] if usual.is_dir() else [])):
        real = os.path.realpath(root)
        if real not in known:
            known.add(real)
            yield root


def _path_in(other: ObjectStore, derivation: Derivation) -> StorePath | None:
    known = Trace(other).unresolved(derivation.input_id, derivation.outputs)
    if known is not None:
        return known[derivation.outputs[0]]
    return tree_in(other, derivation) or next(file_in(other, derivation), None)
