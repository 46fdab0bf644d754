"""B47-B50: what collection keeps, and what it takes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize import DerivationStarted
from hermetica_store import InUse, Table
from tests.behaviours.conftest import TOOLS, module

if TYPE_CHECKING:
    from pathlib import Path

    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox


def pair(sh: Shell) -> tuple[hm.Derivation, hm.Derivation]:
    library = sh("library", "echo library > $out; echo said")
    return library, sh("app", "echo $lib > $out; echo said", {"lib": f"{library}"})


def test_b47_a_root_keeps_its_closure_and_the_rest_goes(store: hm.Store, sh: Shell) -> None:
    library, app = pair(sh)
    other = store.realize(sh("other", "echo other > $out")).out
    result = store.realize(app)
    store.objects.add_root("keep", result.out)
    collected = store.objects.collect()
    assert other in collected.paths
    assert set(store.objects.paths()) == {result.out, store.path(library)}
    assert store.realize(app).outcome == "cached"


def test_b47_without_roots_nothing_is_left_in_files_or_index(store: hm.Store, sh: Shell) -> None:
    store.realize(pair(sh)[1])
    with pytest.raises(hm.HermeticaError):
        store.realize(sh("bad", "echo said; exit 1"))
    store.add_derivations([sh("never", "true")])
    store.objects.collect()
    assert list(store.objects.paths()) == []
    for table in Table:
        assert list(store.objects.items(table)) == [], table
    for name in ("store", "log", "tmp"):
        directory = store.objects.root / name
        assert not directory.exists() or list(directory.rglob("*")) == [], name
    assert not store.objects.verify().problems


def test_b48_a_result_link_is_a_root_until_it_is_deleted(command: CommandLine, store_root: Path) -> None:
    command.write("pkgs.py", module("x = sh('x', 'echo x > $out')"))
    command("build", "./pkgs.py:x")
    link = command.directory / "result"
    assert link.read_text() == "x\n"
    command("gc")
    assert link.read_text() == "x\n"
    link.unlink()
    command("gc")
    assert list((store_root / "store").iterdir()) == []
    assert command("root", "ls").stdout.strip() == ""


def test_b49_what_is_in_use_is_not_deleted_and_the_reason_is_named(store: hm.Store, sh: Shell) -> None:
    library, app = pair(sh)
    result = store.realize(app)
    store.objects.add_root("mine", result.out)
    used = store.path(library)
    assert used is not None
    with pytest.raises(InUse, match=str(result.out.digest)):
        store.objects.delete([used])
    with pytest.raises(InUse, match="mine"):
        store.objects.delete([result.out])
    store.objects.remove_root("mine")
    with store.objects.lease() as lease:
        lease.hold([result.out])
        with pytest.raises(InUse):
            store.objects.delete([result.out])
    store.objects.delete([result.out])
    assert not store.objects.has(result.out)


COLLECT = """
import sys, hermetica as hm
with hm.Store.open(sys.argv[1]) as store:
    for _ in range(int(sys.argv[2])):
        store.objects.collect()
"""


def test_b50_a_collection_during_a_build_keeps_what_it_needs(store: hm.Store, sh: Shell, store_root: Path) -> None:
    dependency = sh("dependency", "echo kept > $out")
    store.realize(dependency)
    slow = sh("slow", "sleep 1; cat $d > $out; echo $d >> $out", {"d": f"{dependency}"})
    collected: list[int] = []

    def collect(event: hm.Event) -> None:
        if isinstance(event, DerivationStarted):
            ended = subprocess.run([sys.executable, "-c", COLLECT, str(store_root), "3"], check=False)
            collected.append(ended.returncode)

    started = time.monotonic()
    result = store.realize(slow, on_event=collect)
    assert time.monotonic() - started < 30
    assert collected == [0]
    assert result.outcome == "built"
    assert set(store.objects.closure([result.out])) == {result.out, store.path(dependency)}


BUILD_MANY = f"""
import sys, hermetica as hm
busybox = hm.source({TOOLS!r}, name="busybox")
with hm.Store.open(sys.argv[1]) as store:
    for round in range(10):
        last = hm.text("seed", f"{{round}}")
        for step in range(4):
            last = hm.derivation(name=f"s{{step}}", builder=f"{{busybox}}/bin/sh", env={{"last": f"{{last}}"}},
                                 args=["-euc", "cat $last > $out; echo $last >> $out"])
        assert store.realize(last).outcome in ("built", "cached")
"""


def test_b50_builders_and_collectors_work_side_by_side(store: hm.Store, store_root: Path) -> None:
    builders = [
        subprocess.Popen([sys.executable, "-c", BUILD_MANY, str(store_root)], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    stop = threading.Event()

    def collect() -> None:
        while not stop.is_set():
            store.objects.collect()

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        ended = [(builder.communicate(timeout=120)[1], builder.returncode) for builder in builders]
    finally:
        stop.set()
        collector.join()
    assert [status for _, status in ended] == [0, 0], ended
    store.objects.collect()
    assert not store.objects.verify().problems
