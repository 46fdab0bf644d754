"""Links to results, ``./result`` and its kind: each is a root that lives as long as the link."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hermetica_store import ObjectStore, StorePath


class LinkInTheWay(HermeticaError):
    """A result link cannot be made where the user wants it."""

    code = "HM223"


_ROOT_NAME_BYTES: Final = 400


def link_names(base: str, results: Iterable[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """What the links are called: ``result``, ``result-dev``; of the second target ``result-1``, ``result-1-dev``.

    Args:
        base: of the first.
        results: of each target its default output, and the outputs to link.
    """
    names: list[list[str]] = []
    for index, (default, outputs) in enumerate(results):
        stem = base if index == 0 else f"{base}-{index}"
        names.append([stem if output == default else f"{stem}-{output}" for output in outputs])
    return names


def root_name(place: Path) -> str:
    """What the root of a link is called: by its place, or where that is too long for a key by the digest of it."""
    name = f"link:{place}"
    if len(os.fsencode(name)) <= _ROOT_NAME_BYTES:
        return name
    return f"link:{sha256(os.fsencode(place)).hexdigest()}"


def make_link(link: Path, path: StorePath, objects: ObjectStore) -> None:
    """Makes a link to an object, in one step, and registers it as a root.

    Raises:
        LinkInTheWay: something that is no link lies there, or its directory cannot be written.
    """
    if link.exists() and not link.is_symlink():
        raise LinkInTheWay(f"{link} is in the way, and is no link", hint="--out-link NAME, or --no-link")
    place = link.parent.resolve() / link.name
    target, fresh = objects.on_disk(path), place.with_name(f".{place.name}.{os.getpid()}")
    try:
        if not (place.is_symlink() and place.readlink() == target):
            fresh.unlink(missing_ok=True)  # of a process that died, which had our number
            fresh.symlink_to(target)
            fresh.replace(place)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise LinkInTheWay(
            f"{link} cannot be made: {error.strerror}", hint="--out-link NAME elsewhere, or --no-link"
        ) from error
    objects.add_root(root_name(place), path, link=place)


def make_links(
    base: str, results: Sequence[tuple[str, Mapping[str, StorePath]]], objects: ObjectStore
) -> list[dict[str, str]]:
    """Makes the links of several results, which a lease of the caller holds; for each, output -> link.

    Args:
        base: where the first goes.
        results: of each target its default output, and output -> path.
        objects: the store.
    """
    names = link_names(base, [(default, list(paths)) for default, paths in results])
    for (_, paths), links in zip(results, names, strict=True):
        for path, link in zip(paths.values(), links, strict=True):
            make_link(Path(link), path, objects)
    return [dict(zip(paths, links, strict=True)) for (_, paths), links in zip(results, names, strict=True)]
