"""B53, B54: equal files share their bytes; damage is found, and repaired where it can be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hermetica_store.dedup import can_clone

if TYPE_CHECKING:
    import hermetica as hm
    from tests.behaviours.conftest import Shell

pytestmark = pytest.mark.sandbox

BIG = "for i in $(seq 1 9000); do echo line $i; done"


def test_b53_equal_files_share_an_inode_and_the_table_ends_empty(store: hm.Store, sh: Shell) -> None:
    one = store.realize(sh("one", f"mkdir $out; {BIG} > $out/big; echo 1 > $out/own")).out
    two = store.realize(sh("two", f"mkdir $out; {BIG} > $out/large; echo 2 > $out/own")).out
    files = [store.on_disk(one) / "big", store.on_disk(two) / "large"]
    table = store.objects.root / "links"
    assert any(path.is_file() for path in table.rglob("*"))
    if can_clone(store.objects.root / "tmp"):
        assert files[0].read_bytes() == files[1].read_bytes()
    else:
        assert files[0].stat().st_ino == files[1].stat().st_ino
        files[0].chmod(0o644)
        with files[0].open("r+b") as file:
            file.write(b"L")
        os.utime(files[0], ns=(10**9, 10**9))
        files[0].chmod(0o444)
        assert store.objects.verify().damaged == tuple(sorted([one, two]))
    store.objects.collect()
    assert list(table.iterdir()) == []
