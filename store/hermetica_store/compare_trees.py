"""Two trees on disk compared: read both, and find in files that differ the first byte that does."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.comparison import Comparison, Difference, Kind, Place, compare
from hermetica_store.inspection import inspect
from hermetica_store.prefix import common_prefix
from hermetica_store.reading import CHUNK_BYTES, FILE_FLAGS

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store.content import Content

EXCERPT_BYTES: Final = 16
PLACES_MAX: Final = 1000  # that many differing files are looked into; the rest are named all the same


def compare_trees(first: Path, second: Path) -> Comparison:
    """What differs between two trees, with the first differing byte of files.

    Args:
        first: a file, directory or link that nobody changes meanwhile.
        second: likewise.

    Raises:
        TreeError: one cannot be read.
    """
    return with_places(compare(inspect(first).content, inspect(second).content), first, second)


def compare_contents(first: Path, before: Content, second: Path, after: Content) -> Comparison:
    """The same of trees whose content is known."""
    return with_places(compare(before, after), first, second)


def with_places(comparison: Comparison, first: Path, second: Path) -> Comparison:
    """The comparison with the first differing byte of each file; left out where it cannot be read."""
    done: list[Difference] = []
    looked = 0
    for each in comparison.differences:
        place = None
        if each.kind is Kind.CONTENT and looked < PLACES_MAX:
            looked += 1
            with contextlib.suppress(OSError):  # only the place is missing then; that it differs is known
                place = first_difference(
                    first / each.path if each.path else first, second / each.path if each.path else second
                )
        done.append(attrs.evolve(each, place=place))
    return attrs.evolve(comparison, differences=tuple(done))


def first_difference(first: Path, second: Path) -> Place | None:
    """Where two files begin to differ; None where they do not.

    Raises:
        OSError: one cannot be read.
    """
    with contextlib.ExitStack() as opened:
        one, other = (os.open(path, FILE_FLAGS) for path in (first, second))
        opened.callback(os.close, one)
        opened.callback(os.close, other)
        base = 0
        while True:
            left, right = os.pread(one, CHUNK_BYTES, base), os.pread(other, CHUNK_BYTES, base)
            if left != right:
                offset = base + common_prefix(left, right)
                return Place(
                    offset=offset,
                    first=os.pread(one, EXCERPT_BYTES, offset),
                    second=os.pread(other, EXCERPT_BYTES, offset),
                )
            if not left:
                return None
            base += len(left)
