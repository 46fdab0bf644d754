"""Sealing with fs-verity: probed, never required, and real where the kernel has it."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from hermetica_store import ObjectStore
from hermetica_store.sealing import why_not
from tests.store.test_dedup import LARGE, publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sealing_store(tmp_path: Path) -> Iterator[ObjectStore]:
    """A store on a file system that can seal files."""
    make = shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    if os.geteuid() != 0 or make is None:
        pytest.skip("needs root and mkfs.ext4")
    image, mount = tmp_path / "image", tmp_path / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run([make, "-q", "-F", "-O", "verity", "-b", "4096", image], check=True, capture_output=True)
    if subprocess.run(["mount", "-o", "loop", image, mount], check=False, capture_output=True).returncode:
        pytest.skip("an ext4 with fs-verity cannot be mounted here")
    try:
        if (why := why_not(mount)) is not None:
            pytest.skip(f"nothing can be sealed on an ext4 made for it: {why}")
        with ObjectStore.open(mount / "store") as store:
            yield store
    finally:
        subprocess.run(["umount", mount], check=True)


def test_what_is_published_is_sealed(sealing_store: ObjectStore) -> None:
    store = sealing_store
    store.seal_what_is_published()
    first = publish(store, "first", {"a": LARGE, "small": b"x"})
    second = publish(store, "second", {"b": LARGE})
    for place in (store.on_disk(first) / "a", store.on_disk(second) / "b"):
        place.chmod(0o644)
        with pytest.raises(PermissionError):  # root, too
            place.open("r+b")
        place.chmod(0o444)
    assert store.features().sealing == "fs-verity"
    assert store.verify().problems == ()
    store.collect()
    assert list((store.root / "store").iterdir()) == []


def test_where_nothing_can_be_sealed_nothing_fails(object_store: ObjectStore) -> None:
    why = why_not(object_store.root / "tmp")
    object_store.seal_what_is_published()
    publish(object_store, "first", {"a": LARGE})
    assert object_store.verify().problems == ()
    assert object_store.features().sealing == ("fs-verity" if why is None else f"none: {why}")
    assert why_not(object_store.root / "absent") is not None
