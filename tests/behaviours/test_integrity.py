"""B53, B54: equal files share their bytes; damage is found, and repaired where it can be."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hermetica_store import ObjectStore
from hermetica_store.dedup import can_clone
from hermetica_store.move import move
from tests.behaviours.conftest import module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import hermetica as hm
    from tests.behaviours.conftest import CommandLine, Shell

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


def test_b53_usage_tells_what_is_shared_from_what_is_an_objects_own(command: CommandLine) -> None:
    command.write(
        "pkgs.py", module(f"one = sh('one', '{BIG} > $out')", f"two = sh('two', 'mkdir $out; {BIG} > $out/b')")
    )
    command("build", "./pkgs.py", "--no-link", "-j", "1")  # of two published at once neither knows the other
    document = json.loads(command("store", "du", "./pkgs.py:one", "./pkgs.py:two", "--closure", "--json").stdout)
    assert document["format"] == "hermetica.usage/1"
    assert document["size_bytes"] == sum(each["size_bytes"] for each in document["objects"])
    assert document["disk_bytes"] < sum(each["disk_bytes"] for each in document["objects"])
    assert document["exclusive_bytes"] <= document["disk_bytes"]
    assert all(each["shared_bytes"] for each in document["objects"])
    lines = command("store", "du").stdout.splitlines()
    assert [len(line.split()) for line in lines] == [4, 4, 4]


PACKAGES = module(
    "tree = sh('tree', 'mkdir -p $out/bin; echo \"#!/bin/sh $out\" > $out/bin/tool; echo data > $out/data; '",
    "          'ln -s data $out/link; mkdir $out/deep; echo x > $out/deep/x')",
    "app = sh('app', 'cat $tree/data > $out; echo $tree $dev >> $out; echo dev > $dev', outputs=('out', 'dev'),",
    "         env={'tree': f'{tree}'})",
    "random = sh('random', 'cat /proc/sys/kernel/random/uuid > $out')",
)


def opened(place: Path) -> Path:
    place.chmod(0o755)
    return place


def add_a_file(tree: Path) -> None:
    (opened(tree / "bin") / "added").write_text("!")


def change_bytes(tree: Path) -> None:
    file = opened(tree / "data")
    file.write_bytes(b"DATA\n")
    os.utime(file, ns=(10**9, 10**9))
    file.chmod(0o444)


def delete_a_directory(tree: Path) -> None:
    opened(tree)
    shutil.rmtree(opened(tree / "deep"))


def change_a_link(tree: Path) -> None:
    (opened(tree) / "link").unlink()
    (tree / "link").symlink_to("bin")


def delete_everything(tree: Path) -> None:
    move(tree, tree.parent.parent / "moved-away")


@pytest.mark.parametrize(
    ("damaging", "said", "how"),
    [
        (add_a_file, "added", "assembled"),
        (change_bytes, "changed", "supplied"),
        (delete_a_directory, "missing", "supplied"),
        (change_a_link, "changed", "assembled"),
        (delete_everything, "missing", "supplied"),
    ],
)
def test_b54_damage_is_found_and_repaired_by_building_anew_where_bytes_are_lost(
    command: CommandLine, damaging: Callable[[Path], None], said: str, how: str, store_root: Path
) -> None:
    command.write("pkgs.py", PACKAGES)
    built = command("build", "./pkgs.py:tree", "./pkgs.py:app", "--no-link", "--print-paths").stdout.split()
    place = next(store_root / "store" / path.rpartition("/")[2] for path in built if path.endswith("-tree"))
    damaging(place)
    found = command("store", "verify", status=5)
    assert said in found.stdout
    assert place.name in found.stdout
    assert "--repair" in found.stderr
    ended = command("store", "verify", "--repair", "--json")
    assert ("making tree again" in ended.stderr) == (how == "supplied")
    repaired = json.loads(ended.stdout)
    assert [(each["path"], each["how"]) for each in repaired["repaired"]] == [(f"/hermetica/store/{place.name}", how)]
    assert (place / "bin" / "tool").read_text() == f"#!/bin/sh /hermetica/store/{place.name}\n"
    with ObjectStore.open(store_root) as objects:
        assert objects.verify().problems == ()
        kept = [each.path.base for each in objects.quarantined()]
    assert kept == ([] if damaging is delete_everything else [place.name])
    if damaging is change_bytes:
        assert place.name in command("store", "quarantine").stdout
        assert place.name in command("store", "quarantine", "--purge").stdout
        assert command("store", "quarantine").stdout == ""
        assert command("store", "verify").stdout == ""


def test_b54_an_object_and_what_it_was_built_with_are_repaired_in_order(command: CommandLine, store_root: Path) -> None:
    command.write("pkgs.py", PACKAGES)
    command("build", "./pkgs.py:app", "--no-link")
    objects = sorted((store_root / "store").iterdir())
    for place in objects:  # the shell that is their source, too
        move(place, store_root / place.name)
    status = json.loads(command("store", "verify", "--repair", "--json").stdout)
    assert len(status["repaired"]) == len(objects) == 4
    assert sorted((store_root / "store").iterdir()) == objects
    assert command("store", "verify").stdout == ""


def test_b54_an_output_is_built_again_whose_source_was_collected(command: CommandLine, store_root: Path) -> None:
    for number in range(60):
        command.write(f"data/part_{number:03d}.txt", f"{number}\n")
    command.write(
        "pkgs.py",
        module("data = hm.source('data')", "whole = sh('whole', 'cat $data/* > $out', env={'data': f'{data}'})"),
    )
    built = command("build", "./pkgs.py:whole", "-o", "result", "--print-paths").stdout.strip()
    command("gc")
    (place,) = (store_root / "store").iterdir()
    assert place.name == built.rpartition("/")[2]
    drv = json.loads(command("show", "./pkgs.py:whole", "--json").stdout)["id"]
    sources = json.loads(command("show", drv, "--json").stdout)["sources"]
    assert [len(each["files"]) for each in sources if each["path"].endswith("-data")] == [60]
    opened(place).unlink()
    assert [
        each["how"] for each in json.loads(command("store", "verify", "--repair", "--json").stdout)["repaired"]
    ] == ["supplied"]
    assert place.read_text().split() == [str(number) for number in range(60)]
    assert command("store", "verify").stdout == ""


def test_b54_what_cannot_be_repaired_is_named_and_said_by_the_status(command: CommandLine, store_root: Path) -> None:
    command.write("pkgs.py", PACKAGES)
    command("build", "./pkgs.py:random", "--no-link")
    added = command("store", "add", "pkgs.py").stdout.strip().rpartition("/")[2]
    random = next(path for path in (store_root / "store").iterdir() if path.name.endswith("-random"))
    for place in (random, store_root / "store" / added):
        opened(place).write_text("gone\n")
    ended = command("store", "verify", "--repair", status=5)
    assert f"unrepaired  /hermetica/store/{random.name}  what was made again is not the same" in ended.stdout
    assert f"unrepaired  /hermetica/store/{added}" in ended.stdout
    assert ended.stdout.count("  fix  ") == 2
    assert random.read_text() == "gone\n"
    assert command("store", "verify", status=5).stdout.count("changed") == 2


def test_b54_a_source_is_copied_again_where_it_still_is(store: hm.Store, sh: Shell) -> None:
    path = store.realize(sh("x", "echo x > $out")).out
    (source,) = [each for each in store.objects.paths() if each.name == "busybox"]
    before = store.on_disk(source).stat().st_ino
    shell = store.on_disk(source) / "bin" / "busybox"
    opened(shell).write_bytes(b"no shell")
    report = store.repair([source])
    assert [(each.path, each.how) for each in report.repaired] == [(source, "supplied")]
    assert store.on_disk(source).stat().st_ino != before
    move(store.on_disk(path), store.objects.root / "moved-away")
    assert [each.how for each in store.repair().repaired] == ["supplied"]
    assert store.objects.verify().problems == ()
