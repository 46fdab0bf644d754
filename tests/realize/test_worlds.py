"""Derivations built in worlds: what only their directories and inputs can vary, and that nothing is registered."""

from __future__ import annotations

import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

import hermetica as hm
from hermetica.model.resolve import resolve
from hermetica.realize.context import RunContext
from hermetica.realize.errors import UnsupportedSystem
from hermetica.realize.logs import BuildLog
from hermetica.realize.make import make
from hermetica.realize.options import Options
from hermetica.realize.sources import add_sources
from hermetica.realize.trace import Trace
from hermetica.sandbox import Cancellation, Spawner, World, WorldUnavailable, vary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.realize.build import Built
    from hermetica_store import ObjectStore

pytestmark = pytest.mark.sandbox

needs_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="a clock is held on x86-64 only")
MEMORY = Path("/dev/shm")  # noqa: S108 -- what the factor fs uses

SCRIPT = """
date -u -r $src +%s; date -u -r $src/deep/file +%s; date -u -r .attr-note +%s
stat -f -c %T . /hermetica/store; cat $notePath; pwd; echo $HERMETICA_BUILD_CORES
for f in $src/*; do echo ${f##*/}; done; mkdir $out; echo made > $out/file; ln -s file $out/link; chmod 755 $out/file
"""


@attrs.frozen
class Workshop:
    """Makes one derivation in worlds."""

    context: RunContext
    derivation: hm.Derivation

    def make(self, world: World | None) -> tuple[Built, list[str], list[str]]:
        """What was built, its log's lines, and the entries of its output."""
        log = bytearray()
        with self.context.store.scratch() as scratch:
            written = BuildLog(_Writer(log), lambda _text: None)
            resolved = resolve(self.derivation, lambda token: pytest.fail(f"no input is built: {token}"))
            built = make(resolved, self.context, scratch, written, world)
            tree = built.candidates[0].tree
            entries = sorted(f"{each.name} {each.lstat().st_mode & 0o777:o}" for each in tree.iterdir())
            assert tree.is_relative_to(scratch.path)
        return built, log.decode().splitlines(), entries


@attrs.frozen
class _Writer:
    log: bytearray

    def write(self, data: bytes, /) -> object:
        self.log.extend(data)
        return None


@pytest.fixture
def workshop(object_store: ObjectStore, tmp_path: Path) -> Iterator[Workshop]:
    source, tools = tmp_path / "source", tmp_path / "tools/bin"
    (source / "deep").mkdir(parents=True)
    (source / "deep/file").write_text("x")
    tools.mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "busybox", tools / "busybox")
    for applet in ("sh", "date", "stat", "cat", "mkdir", "ln", "chmod"):
        (tools / applet).symlink_to("busybox")
    with object_store.lease() as lease, Spawner.with_own_thread() as spawner, hm.evaluation():
        busybox = hm.source(str(tools.parent), name="busybox")
        derivation = hm.derivation(
            name="made",
            builder=f"{busybox}/bin/sh",
            args=("-euc", SCRIPT),
            env={"PATH": f"{busybox}/bin", "src": str(hm.source(str(source), name="src")), "note": "a note\n"},
            pass_as_file=("note",),
        )
        add_sources(derivation, object_store, lease)
        context = RunContext(
            store=object_store,
            trace=Trace(object_store),
            lease=lease,
            options=Options(cores=3),
            network=lambda: pytest.fail("nothing is fetched"),
            cancellation=Cancellation(),
            spawner=lambda: spawner,
            emit=lambda _event: None,
        )
        yield Workshop(context, derivation)


def test_without_a_world_sources_have_the_stores_time_and_lie_on_its_disk(workshop: Workshop) -> None:
    built, lines, entries = workshop.make(None)
    assert lines[:2] == ["1", "1"]
    assert len(set(lines[3:5])) == 1
    assert lines[5:] == ["a note", "/build", "3", "deep"]
    assert built.world is None
    assert entries == ["file 755", "link 777"]


def test_sources_and_files_that_lie_ready_have_the_worlds_time(workshop: Workshop) -> None:
    world = vary(World(), {"src_mtime": "2009"})
    built, lines, entries = workshop.make(world)
    assert lines[:3] == ["1234567890"] * 3
    assert built.world == world
    assert entries == ["file 755", "link 777"]


def test_files_that_lie_ready_are_named_where_the_build_directory_is(workshop: Workshop) -> None:
    _, lines, _ = workshop.make(vary(World(), {"build_path": "long", "jobs": "4"}))
    assert lines[5:8] == ["a note", "/b/a-much-longer-directory-name-than-before/nested/package-1.0", "4"]


def test_a_build_in_memory_leaves_its_outputs_where_they_are_looked_for(workshop: Workshop) -> None:
    store = workshop.context.store.root
    if store.stat().st_dev == MEMORY.stat().st_dev or not MEMORY.is_mount():
        pytest.skip("needs a store outside of /dev/shm, and one there")
    before = set(MEMORY.iterdir())
    _, lines, entries = workshop.make(vary(World(), {"fs": "memory"}))
    assert lines[3:5] == ["tmpfs", "tmpfs"]
    assert entries == ["file 755", "link 777"]
    assert set(MEMORY.iterdir()) <= before


def test_a_store_in_memory_has_no_other_memory_to_build_in(workshop: Workshop, tmp_path: Path) -> None:
    from hermetica_store import ObjectStore

    room = MEMORY / tmp_path.name
    room.mkdir()
    try:
        with ObjectStore.open(room / "store") as store, store.scratch() as scratch:
            from hermetica.realize.worlds import directories

            with pytest.raises(WorldUnavailable, match="fs"), directories(World(in_memory=True), scratch):
                pass
    finally:
        shutil.rmtree(room)


@attrs.frozen
class Years:
    """Builds that write the year down, in a store of their own."""

    store: hm.Store
    busybox: hm.Source

    def build(self, *features: str, clock: str = "running") -> tuple[str, dict[str, object]]:
        """What a build read of the clock, and its record."""
        script = "$bb date +%Y > $out"
        wanted = hm.derivation(
            name="year",
            builder=f"{self.busybox}/bin/busybox",
            args=("sh", "-euc", script),
            env={"bb": f"{self.busybox}/bin/busybox", "again": clock},
            features=features,
        )
        result = self.store.realize(wanted, clock=clock)
        return self.store.on_disk(result.out).read_text().strip(), dict(result.record or {})


@pytest.fixture
def years(tmp_path: Path) -> Iterator[Years]:
    tools = tmp_path / "tools/bin"
    tools.mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "busybox", tools / "busybox")
    with hm.Store.open(tmp_path / "store") as store, hm.evaluation():
        yield Years(store, hm.source(str(tools.parent), name="busybox"))


@needs_x86_64
def test_a_required_clock_stands_still_and_the_record_says_so(years: Years) -> None:
    year, record = years.build("clock:frozen")
    assert year == "2036"
    assert record["clock_tier"] == "T2"
    assert record["world"] == {"clock_s": "2082758400"}


@needs_x86_64
def test_a_required_strict_world_is_recorded_with_all_that_differs(years: Years) -> None:
    year, record = years.build("world:strict")
    assert year == "2036"
    assert record["clock_tier"] == "T3"
    assert isinstance(record["world"], dict)
    assert {"clock_s", "file_time_s", "random_seed", "kernel_name", "directory_order"} <= record["world"].keys()
    assert "cpus" not in record["world"]


@needs_x86_64
def test_what_the_caller_prefers_holds_where_nothing_is_required_and_a_requirement_wins(years: Years) -> None:
    now = str(datetime.now(tz=UTC).year)
    plain = years.build()
    assert plain[0] == now
    assert (plain[1]["clock_tier"], "world" in plain[1]) == ("T0", False)
    preferred = years.build(clock="frozen")
    assert (preferred[0], preferred[1]["clock_tier"]) == ("2036", "T2")
    running = years.build("clock:running", clock="strict")
    assert (running[0], running[1]["clock_tier"]) == (now, "T0")


def test_a_preference_changes_no_id_and_a_requirement_does(years: Years) -> None:
    def made(*features: str) -> hm.Derivation:
        return hm.derivation(name="made", builder="/bin/sh", features=features)

    assert made("clock:frozen").id != made().id
    assert years.store.plan([made()]).steps


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (("kvm",), "requires kvm, which this host's sandbox does not offer"),
        (("clock:frozen", "clock:running"), "requires clock:frozen and clock:running, which exclude each other"),
    ],
)
def test_features_that_no_sandbox_offers_are_refused(years: Years, features: tuple[str, ...], message: str) -> None:
    with pytest.raises(UnsupportedSystem, match=message):
        years.build(*features)


@needs_x86_64
@pytest.mark.parametrize(
    ("script", "options", "advice"),
    [
        ("echo 'LeakSanitizer does not work under ptrace (strace, gdb, etc)'; exit 1", {}, "a build that traces needs"),
        ("while test $(date +%Y) = 2036; do sleep 0.1; done", {"timeout_s": 1.0}, "waits for it to go on needs"),
    ],
)
def test_a_failure_that_the_standing_clock_may_be_behind_says_the_way_out(
    years: Years, script: str, options: dict[str, float], advice: str
) -> None:
    bb = f"{years.busybox}/bin/busybox"
    head = f"date() {{ {bb} date $@; }}; sleep() {{ {bb} sleep $@; }}; test() {{ {bb} test $@; }}; "
    wanted = hm.derivation(name="fails", builder=bb, args=("sh", "-c", head + script), features=("clock:frozen",))
    (failed,) = years.store.realize_all([wanted], keep_going=True, timeout_s=options.get("timeout_s")).failures
    assert failed.error is not None
    assert advice in str(failed.error.hint)
    assert "features=('clock:running',)" in str(failed.error.hint)


def test_a_failure_by_a_clock_that_runs_is_told_as_ever(years: Years) -> None:
    script = "echo 'LeakSanitizer does not work under ptrace (strace, gdb, etc)'; exit 1"
    wanted = hm.derivation(name="fails", builder=f"{years.busybox}/bin/busybox", args=("sh", "-c", script))
    (failed,) = years.store.realize_all([wanted], keep_going=True).failures
    assert failed.error is not None
    assert "clock:running" not in str(failed.error.hint)
