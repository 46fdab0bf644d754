"""B51, B52, B56: room is made in time, by rules that the user set, and a store outlives the version that made it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING

import lmdb
import pytest

import hermetica as hm
from hermetica.realize import CollectionFinished, CollectionStarted, DerivationFinished, Event
from hermetica_store import LowDisk, Policy, StoreReadOnly, StoreVersionMismatch
from hermetica_store.schema import META, SCHEMA_VERSION, VERSION_KEY
from tests.behaviours.conftest import module
from tests.mounts import small_tmpfs
from tests.store.fixtures.make import packages, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hermetica_store import StorePath
    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox


def pair(sh: Shell) -> tuple[hm.Derivation, hm.Derivation, hm.Derivation]:
    """A source of bytes, a library built from it, and an app that mentions the library alone."""
    seed = sh("seed", "head -c 100000 /dev/zero > $out")
    library = sh("library", "wc -c < $seed > $out; echo said", {"seed": f"{seed}"})
    return seed, library, sh("app", "echo $lib > $out; echo said", {"lib": f"{library}"})


def test_b52_what_a_root_was_built_from_is_kept_on_demand(store: hm.Store, sh: Shell) -> None:
    seed, library, app = pair(sh)
    result = store.realize(app)
    store.objects.add_root("app", result.out)
    kept = store.objects.collect(Policy(keep_outputs=True))
    assert kept.paths == ()
    gone = store.objects.collect(Policy(keep_outputs=False))
    assert {path.name for path in gone.paths} == {"seed", "busybox"}
    assert store.path(seed) is None
    assert store.path(library) is not None
    assert store.realize(app).outcome == "cached"


def test_b52_how_a_root_was_built_goes_on_demand_and_it_is_not_built_again(store: hm.Store, sh: Shell) -> None:
    app = pair(sh)[2]
    result = store.realize(app)
    store.objects.add_root("app", result.out)
    store.objects.collect()
    assert len(store.trace.all_records()) == 2
    gone = store.objects.collect(Policy(keep_derivations=False))
    assert (gone.paths, gone.logs) == ((), 2)
    assert store.trace.all_records() == []
    assert store.realize(app).outcome == "cached"


def test_b52_the_settings_say_what_goes_and_the_command_line_has_the_last_word(
    command: CommandLine, store_root: Path
) -> None:
    command.write(
        "pkgs.py", module("x = [sh(f'x{n}', f'head -c 1000000 /dev/zero > $out; echo {n} >> $out') for n in range(4)]")
    )
    command("build", "./pkgs.py:x.*", "--no-link")
    command.environment["HERMETICA_CONFIG"] = str(
        command.write("config.toml", '[gc]\nmax_bytes = "3.5M"\nolder_than = "1d"\nkeep_outputs = true\n')
    )
    assert command("gc", "--dry-run").stdout == ""
    dry = json.loads(command("gc", "--older-than", "0s", "--dry-run", "--json").stdout)
    assert (dry["dry_run"], dry["total_bytes"] >= 2_000_000) == (True, True)
    shown = command("gc", "--older-than", "0s", "--dry-run")
    assert "would be deleted" in shown.stderr
    gone = json.loads(command("gc", "--older-than", "0s", "--json").stdout)
    assert gone["paths"] == dry["paths"]
    with hm.Store.open(store_root) as store:
        assert store.objects.statistics().size_bytes <= 3_500_000
    ended = command("gc", "--older-than", "soon", status=2)
    assert "length of time such as 7d" in ended.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MB."""
    with small_tmpfs(tmp_path / "disk", "100000000") as disk:
        yield disk


def litter(store: hm.Store, count: int) -> list[StorePath]:
    """Objects of 4 MB that nothing needs, the least recently used first."""
    made: list[StorePath] = []
    for number in range(count):
        with store.objects.lease() as lease:
            made.append(store.objects.add_bytes(os.urandom(4_000_000), f"litter-{number:02}", lease=lease))
        store.objects.put([]).wait()
        time.sleep(0.002)
    return made


def test_b51_low_disk_makes_a_run_collect_up_to_its_limit_and_breaks_no_build(
    small_disk: Path, sh: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hermetica.realize.room._PAUSE_S", 0.1)
    seed = sh("seed", "head -c 3000000 /dev/urandom > $out")
    fill = "i=0; while [ $i -lt 20 ]; do head -c 1000000 /dev/zero >> $out; sleep 0.1; i=$((i+1)); done"  # not at once
    script = f"cat $seed > copy; {fill}; cmp copy $seed; date >> $out"
    builds = [sh(f"slow-{number}", script + f"; echo {number}", {"seed": f"{seed}"}) for number in range(2)]
    events: list[Event] = []
    with hm.Store.open(small_disk / "root") as store:
        litter(store, 2)
        rooted = store.realize(sh("rooted", "head -c 4000000 /dev/urandom > $out")).out
        store.objects.add_root("rooted", rooted)
        dead = litter(store, 12)
        free = store.objects.free_bytes()
        rule = LowDisk(min_free_bytes=free - 10_000_000, max_free_bytes=free - 5_000_000)
        results = store.realize_all(builds, low_disk=rule, jobs=2, on_event=events.append)
        assert results.ok
        assert [result.outcome for result in results.all] == ["built", "built"]
        started = next(event for event in events if isinstance(event, CollectionStarted))
        finished = [event for event in events if isinstance(event, CollectionFinished)]
        assert started.free_bytes < started.min_free_bytes == rule.min_free_bytes
        assert finished[0].objects > 0
        assert [event.error for event in finished] == [None] * len(finished)
        left = [store.objects.has(path) for path in dead]
        assert left == sorted(left), "the least recently used go first"
        assert left[-1], "no more than it takes"
        assert store.objects.has(rooted)
        assert all(store.objects.has(result.out) for result in results.all)
        assert store.objects.verify().problems == ()
        ended = [event.time_s for event in events if isinstance(event, DerivationFinished)]
        assert started.time_s < max(ended), "while it built"


def test_b51_enough_free_disk_is_left_alone_and_a_collection_is_never_silent(
    command: CommandLine, small_disk: Path
) -> None:
    command.environment.update(HERMETICA_STORE=str(small_disk / "root"), HERMETICA_GC_MIN_FREE="10M")
    command.write("pkgs.py", module(*(f"{name} = sh('{name}', 'sleep 0.5; echo {name} > $out')" for name in "xyz")))
    with hm.Store.open(small_disk / "root") as store:
        dead = litter(store, 3)
    assert "collect" not in command("build", "./pkgs.py:x", "--no-link").stderr
    command.environment.update(HERMETICA_GC_MIN_FREE="99M", HERMETICA_GC_MAX_FREE="90M")
    for name, mode in (("y", "plain"), ("z", "quiet")):
        with hm.Store.open(small_disk / "root") as store:
            assert all(store.objects.has(path) for path in dead)
        said = command("build", f"./pkgs.py:{name}", "--no-link", "--ui", mode).stderr
        assert ("collecting: " in said, "collected: " in said) == (mode == "plain", True), said
        with hm.Store.open(small_disk / "root") as store:
            assert not any(store.objects.has(path) for path in dead)
            dead = litter(store, 3)


def test_b56_a_store_of_an_earlier_schema_migrates_and_answers_as_before(
    command: CommandLine, store_root: Path
) -> None:
    expected = unpack("schema-1", store_root)
    assert command("store", "ls").stdout.split() == sorted(expected["objects"])
    ((key, text),) = expected["logs"].items()
    app = expected["outputs"]["app"]
    assert command("log", app).stdout == text
    assert key
    assert "app.conf^out" in command("query", "derivers", app).stdout
    command("store", "verify")
    with hm.evaluation(), hm.Store.open(store_root) as store:
        results = store.realize_all([each for name, each in packages().items() if name != "broken"])
        assert {str(each.outcome) for each in results.all} == {"cached"}


def test_b56_a_store_of_a_later_schema_is_refused_with_the_way_out(command: CommandLine, store_root: Path) -> None:
    hm.Store.open(store_root).close()
    with lmdb.open(str(store_root / "index"), max_dbs=40) as environment:
        meta = environment.open_db(META)
        with environment.begin(write=True) as raw:
            raw.put(VERSION_KEY, str(int(SCHEMA_VERSION) + 1).encode(), db=meta)
    ended = command("store", "ls", status=4)
    assert f"error[{StoreVersionMismatch.code}]" in ended.stderr
    assert "use the hermetica that wrote it, or one that came later" in ended.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_b56_a_read_only_store_answers_queries_and_refuses_writes_helpfully(
    command: CommandLine, store_root: Path, tmp_path: Path
) -> None:
    app = "sh('app', f'echo said; echo {lib} > $out')"
    command.write("pkgs.py", module("lib = sh('lib', 'echo lib > $out')", f"app = {app}", "new = sh('new', 'true')"))
    command("build", "./pkgs.py:app", "--no-link")
    bound = tmp_path / "bound"
    bound.mkdir()
    for step in (["mount", "--bind", str(store_root), str(bound)], ["mount", "-o", "remount,ro,bind", str(bound)]):
        if subprocess.run(step, check=False, capture_output=True).returncode:
            pytest.skip("may not mount a file system")
    try:
        command.environment["HERMETICA_STORE"] = str(bound)
        path = command("query", "outputs", "./pkgs.py:app").stdout.strip()
        lib = command("query", "outputs", "./pkgs.py:lib").stdout.strip()
        assert command("query", "closure", path).stdout.split() == sorted([path, lib])
        assert "app" in command("query", "derivers", path).stdout
        assert lib in command("why-depends", path, lib).stdout
        assert command("log", "./pkgs.py:app").stdout == "said\n"
        assert "app" in command("show", "./pkgs.py:app").stdout
        assert "app" in command("ls", "./pkgs.py").stdout
        assert path in command("store", "ls").stdout
        command("store", "info")
        command("store", "verify")
        command("gc", "--dry-run")
        for words in (("build", "./pkgs.py:new"), ("gc",), ("root", "add", "x", path), ("store", "add", "pkgs.py")):
            refused = command(*words, status=4).stderr
            assert f"error[{StoreReadOnly.code}]" in refused, refused
            assert "name a store of your own with HERMETICA_STORE" in refused
    finally:
        subprocess.run(["umount", "--lazy", bound], check=True)


def test_a_team_shares_what_is_built_and_each_builds_on_it(store_root: Path, tmp_path: Path, sh: Shell) -> None:
    lib = sh("lib", "mkdir $out; echo lib > $out/lib; echo said")
    app = sh("app", "cat $lib/lib > $out; echo $lib >> $out", {"lib": f"{lib}"})
    mine = sh("mine", "cat $app > $out; echo $app >> $out", {"app": f"{app}"})
    twin = sh("app", "echo again > /dev/null; cat $lib/lib > $out; echo $lib >> $out", {"lib": f"{lib}"})
    with hm.Store.open(tmp_path / "team") as team:
        team.objects.add_root("app", team.realize(app).out)
    before = (tmp_path / "team" / "index" / "data.mdb").read_bytes()
    with hm.Store.open(store_root, lower=[tmp_path / "team"]) as store:
        assert store.realize(app).outcome == "cached"
        made = store.realize(mine)
        assert made.outcome == "built"
        assert {path.name for path in store.objects.closure([made.out])} == {"mine", "app", "lib"}
        assert store.realize(twin).outcome == "built"
        assert store.realize(twin).outcome == "cached"
        assert store.realize(twin).out == store.realize(app).out
        assert sorted(path.name.split("-", 1)[1] for path in (store_root / "store").iterdir()) == ["mine"]
        store.objects.add_root("mine", made.out)
        store.objects.collect()
        assert store.realize(mine).outcome == "cached"
        assert store.realize(twin).outcome == "cached"
        assert store.realize(lib).log is not None
        assert store.objects.verify().problems == ()
    assert (tmp_path / "team" / "index" / "data.mdb").read_bytes() == before


def test_the_command_line_works_across_stores(command: CommandLine, store_root: Path, tmp_path: Path) -> None:
    app = "sh('app', f'echo said; echo {lib} > $out')"
    command.write(
        "pkgs.py",
        module("lib = sh('lib', 'echo lib > $out')", f"app = {app}", "own = sh('own', f'echo {app} > $out')"),
    )
    command("build", "./pkgs.py:app", "--no-link")
    command.environment["HERMETICA_CONFIG"] = str(command.write("config.toml", f'lower = ["{store_root}"]\n'))
    command.environment["HERMETICA_STORE"] = str(tmp_path / "mine")
    command("build", "./pkgs.py:own", "./pkgs.py:app")
    own, lib = (command("query", "outputs", f"./pkgs.py:{name}").stdout.strip() for name in ("own", "lib"))
    assert [line for line in command("why-depends", own, lib).stdout.splitlines() if lib in line]
    assert len(command("query", "closure", own).stdout.split()) == 3
    assert command("log", "./pkgs.py:app").stdout == "said\n"
    command("store", "verify")
    command("gc")
    assert (command.directory / "result-1").resolve().parent == store_root / "store"
    assert own in command("store", "ls").stdout
    refused = command("store", "delete", lib, status=2).stderr
    assert f"--store {store_root}" in refused
    command("store", "export", own, "-o", "closure.nar")
    command.environment.pop("HERMETICA_CONFIG")
    command("store", "import", "closure.nar", "--store", str(tmp_path / "third"))
    assert len(command("query", "closure", own, "--store", str(tmp_path / "third")).stdout.split()) == 3
