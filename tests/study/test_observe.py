"""Where files of two real trees differ: what one lacks, what each is, and what a level of comparison counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hermetica.study.comparing import Alike, sighting_at
from hermetica.study.forms import UNPACKED_MAX_BYTES
from hermetica.study.observe import located, prints_of
from hermetica.study.trials import differing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def differences(tmp_path: Path, change: Callable[[Path], object], level: Alike = Alike.NORMALISED) -> dict[str, str]:
    """Of two equal trees of which the second one was changed: file -> where it differs, in words."""
    trees = {name: {"out": tmp_path / name} for name in ("first", "second")}
    for each in trees.values():
        each["out"].mkdir(parents=True)
        (each["out"] / "file").write_text("same\n")
        (each["out"] / "link").symlink_to("file")
        os.utime(each["out"] / "file", (1, 1))
        os.utime(each["out"] / "link", (1, 1), follow_symlinks=False)
    change(trees["second"]["out"])
    first, second = (sighting_at(level, prints_of(each)) for each in trees.values())
    found = located(differing(first, second), trees["first"], trees["second"], level)
    return {path: "; ".join(map(str, loci)) for path, loci in found.items()}


def replaced_by_a_directory(tree: Path) -> None:
    (tree / "file").unlink()
    (tree / "file").mkdir()
    (tree / "link").unlink()
    (tree / "link").symlink_to("nowhere")


CHANGES: Sequence[tuple[str, Callable[[Path], object], dict[str, str]]] = [
    ("missing", lambda tree: (tree / "file").unlink(), {"out/file": "missing: 5 bytes, then nothing"}),
    ("added", lambda tree: (tree / "more").symlink_to("x"), {"out/more": "added: nothing, then a link to x"}),
    ("executable", lambda tree: (tree / "file").chmod(0o755), {"out/file": "executable: False, then True"}),
    ("line", lambda tree: (tree / "file").write_text("other\n"), {"out/file": "line 1: same, then other"}),
    (
        "kind",
        replaced_by_a_directory,
        {
            "out/file": "kind: file, then directory",
            "out/file/": "kind: file, then directory",
            "out/link": "link: file, then nowhere",
        },
    ),
]


@pytest.mark.parametrize(("change", "told"), [each[1:] for each in CHANGES], ids=[each[0] for each in CHANGES])
def test_what_differs_between_two_trees_is_told(
    tmp_path: Path, change: Callable[[Path], object], told: dict[str, str]
) -> None:
    assert differences(tmp_path, change) == told


def test_where_files_differ_that_are_too_large_to_look_into_is_told(tmp_path: Path) -> None:
    places = [tmp_path / name for name in "12"]
    for place in places:
        with place.open("wb") as file:
            file.truncate(UNPACKED_MAX_BYTES + 1)  # holes, on the disk
            file.seek((1 << 20) + 3)
            file.write(place.name.encode())
    (found,) = located(["out"], {"out": places[0]}, {"out": places[1]})["out"]
    assert (found.what, found.place, found.first[:2], found.second[:2]) == ("bytes", (1 << 20) + 3, "31", "32")


def test_modes_and_times_are_told_where_they_count(tmp_path: Path) -> None:
    def change(tree: Path) -> None:
        (tree / "file").chmod(0o640)
        os.utime(tree / "file", ns=(0, 2_500_000_000))

    assert differences(tmp_path / "a", change) == {}
    assert differences(tmp_path / "b", change, Alike.BITWISE) == {
        "out/file": "mode: 0644, then 0640; mtime: 1.000000000, then 2.500000000"
    }
