"""Files that lie beside those of a source and are not in it, and why: for who wonders, after a build missed one."""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

from hermetica.fetch.select import select

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermetica.model import Source


def reasons(source: Source) -> Mapping[str, str]:
    """Every file below the root of a source that is not in it, ascending, and why.

    Args:
        source: of a directory.
    """
    everything = select(Path(source.root or ""))
    why = f"the patterns of hm.source(…) leave it out{f', {source.origin}' if source.origin else ''}"
    found = {**dict.fromkeys(everything.files, why), **everything.excluded}
    taken = set(source.files or ())
    return {file: found[file] for file in sorted(found) if file not in taken}


def missed(source: Source, names: Iterable[str]) -> dict[str, str]:
    """Which of the files that a build looked for exist beside a source's own, and why each is not in it.

    Args:
        source: any; one that was never a directory here misses nothing.
        names: as the build named them: relative to the source, to a directory of it, or to somewhere above it.
    """
    root = Path(source.root) if source.root is not None and source.files is not None else None
    if root is None or not root.is_dir():
        return {}
    taken = set(source.files or ())
    directories = sorted({"", *(posixpath.dirname(file) for file in taken)})
    there = [
        file
        for name in dict.fromkeys(names)
        for file in dict.fromkeys(
            posixpath.normpath(posixpath.join(each, end)) for each in directories for end in _ends(name)
        )
        if file not in taken and not file.startswith("..") and (root / file).is_file()
    ]
    if not there:
        return {}
    known = reasons(source)
    return {file: known.get(file, "it came after the source was read") for file in dict.fromkeys(there)}


def _ends(name: str) -> list[str]:
    """The path, and what is left of it without what is above the source."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    return ["/".join(parts[index:]) for index in range(len(parts))]
