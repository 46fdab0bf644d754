"""Studies in real sandboxes: causes are found, nothing is built twice, and a kill at any moment changes no result."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import hermetica as hm
from hermetica.realize.comparisons import comparisons
from hermetica.realize.errors import NothingToBuild
from hermetica.realize.events import LogText
from hermetica.realize.in_world import workshop
from hermetica.realize.options import Options
from hermetica.sandbox import CONTRACT_VERSION, Cancellation, Tier, TierUnavailable, World, vary
from hermetica.study.carrying import Carrier, NothingVaried
from hermetica.study.declaration import Budget, Design, Study
from hermetica.study.log import FORMAT, NAME, Log, LogDamaged, LogNotWritten, NoLog, StudyRunning, read_log
from tests.measuring import unmeasured
from tests.study.conftest import scripted, tools

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.realize.events import Event

pytestmark = pytest.mark.sandbox

FACTORS = {
    "uid": ("2345",),
    "hostname": ("other",),
    "home": ("other",),
    "tz": ("ahead", "behind"),
    "umask": ("002",),
    "gid": ("678",),
}


def study(*targets: str, **changes: Any) -> Study:
    return attrs.evolve(Study(name="test", targets=targets, factors=FACTORS, tier=Tier.T0), **changes)


def carried(store: hm.Store, chosen: Mapping[str, hm.Derivation], directory: Path, **changes: Any) -> dict[str, Any]:
    """What a study finds out: target -> the event that ends it."""
    Carrier(study=study(*chosen, **changes), store=store).run(chosen, directory)
    return outcomes(directory)


def outcomes(directory: Path) -> dict[str, Any]:
    events = read_log(directory)
    return {each["target"]: each for each in events if each["kind"] == "target-finished"}


def causes(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {each["path"]: each["sets"] or each["races"] for each in outcome["attribution"]["files"]}


def test_causes_are_found_per_file(store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path) -> None:
    found = carried(store, targets, tmp_path / "study")
    assert {name: causes(outcome) for name, outcome in found.items()} == {
        "clean": {},
        "two": {"out/a": [{"home": "other"}], "out/b": [{"hostname": "other"}, {"uid": "2345"}]},
        "pair": {"out": [{"home": "other", "tz": "ahead"}]},
        "race": {"out": True},
        "picky": {"(whether it builds)": [{"home": "other"}], "out": [{"hostname": "other"}]},
    }
    assert store.path(targets["clean"]) is None
    trials = [each for each in read_log(tmp_path / "study") if each["kind"] == "trial"]
    loci = {path: found for each in trials if each["levels"] == {"uid": "2345"} for path, found in each["loci"].items()}
    assert loci["out/b"][0]["what"] == "line"
    assert (loci["out/b"][0]["first"], loci["out/b"][0]["second"]) == ("1000", "2345")
    failed = next(each for each in trials if each["target"] == "picky" and each["failed"])
    assert "no such home" in failed["log_tail"]


def test_what_is_in_the_log_is_not_built_again(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    chosen = {"two": targets["two"]}
    first = carried(store, chosen, tmp_path / "study")
    before = [each for each in read_log(tmp_path / "study") if each["kind"] == "trial"]
    assert carried(store, chosen, tmp_path / "study")["two"]["attribution"] == first["two"]["attribution"]
    assert [each for each in read_log(tmp_path / "study") if each["kind"] == "trial"] == before


def test_a_budget_stops_it_and_more_of_it_goes_on(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    chosen = {"two": targets["two"]}
    whole = carried(store, chosen, tmp_path / "whole")
    for builds in (4, 9):
        Carrier(study=study("two", budget=Budget(builds=builds)), store=store).run(chosen, tmp_path / "study")
        assert len([each for each in read_log(tmp_path / "study") if each["kind"] == "trial"]) == builds
        assert outcomes(tmp_path / "study") == {}
    assert carried(store, chosen, tmp_path / "study")["two"]["attribution"] == whole["two"]["attribution"]


def test_a_time_that_is_up_stops_it(store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path) -> None:
    ended = Carrier(study=study("clean", budget=Budget(seconds=1e-6)), store=store).run(
        {"clean": targets["clean"]}, tmp_path / "study"
    )
    assert (ended.finished, ended.stopped) == ((), ("clean",))


@pytest.mark.parametrize("design", [Design.OFAT, Design.PAIRWISE])
def test_a_fixed_design_builds_every_world_as_often_as_it_says(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path, design: Design
) -> None:
    factors = {"home": ("other",), "tz": ("ahead",), "uid": ("2345",)}
    found = carried(store, {"two": targets["two"]}, tmp_path / "study", design=design, factors=factors, rebuilds=2)
    trials = [each for each in read_log(tmp_path / "study") if each["kind"] == "trial"]
    assert len(found["two"]["trials"]) == len(trials)
    assert all(("home" in each["levels"]) == ("out/a" in (each["changed"] or {})) for each in trials)
    assert found["two"]["attribution"] is None


def test_a_tier_that_is_demanded_and_not_there_is_an_error(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    chosen = {"clean": targets["clean"]}
    ended = Carrier(study=study("clean", tier=Tier.T3), store=store).run(chosen, tmp_path / "study")
    if ended.failures:
        assert isinstance(ended.failures["clean"], TierUnavailable)
    else:  # this host has it
        assert outcomes(tmp_path / "study")["clean"]["tier"] == "T3"


def test_a_cancelled_study_stops_in_order(store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path) -> None:
    cancellation = Cancellation()

    def tell(event: Mapping[str, Any]) -> None:
        if event["kind"] == "trial":
            cancellation.cancel()

    carrier = Carrier(study=study(*targets), store=store, cancellation=cancellation, tell=tell)
    ended = carrier.run(targets, tmp_path / "study")
    assert not ended.failures
    assert ended.stopped


def test_what_no_world_can_change_is_no_matter_of_studies(store: hm.Store) -> None:
    with hm.evaluation(), pytest.raises(NothingToBuild, match="Python makes it"), workshop(store, hm.text("t", "x")):
        pass


def test_an_attempt_is_gone_when_it_is_left(store: hm.Store, targets: dict[str, hm.Derivation]) -> None:
    with workshop(store, targets["two"]) as shop:
        with shop.build(vary(World(), {"uid": "2345"}), shaken=3) as attempt:
            tree = attempt.trees["out"]
            assert (tree / "b").read_text().splitlines()[0] == "2345"
        assert not tree.exists()


def test_a_factor_that_this_host_cannot_vary_is_left_out_and_told(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})
    try:
        factors = {"home": ("other",), "cpus": ("two",)}
        found = carried(store, {"two": targets["two"]}, tmp_path / "study", factors=factors)["two"]
        few: dict[str, Any] = {"design": Design.OFAT, "rebuilds": 2, "budget": Budget(builds=4)}
        assert carried(store, {"two": targets["two"]}, tmp_path / "few", factors=factors, **few), "none was for cpus"
    finally:
        os.sched_setaffinity(0, every)
    assert "2 processors are wanted" in found["left_out"]["cpus"]
    assert causes(found) == {"out/a": [{"home": "other"}]}


def test_a_study_that_can_vary_nothing_here_says_nothing(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})
    try:
        factors = {"cpus": ("two",)}
        ended = Carrier(study=study("two", factors=factors), store=store).run({"two": targets["two"]}, tmp_path)
    finally:
        os.sched_setaffinity(0, every)
    error = ended.failures["two"]
    assert isinstance(error, NothingVaried)
    assert (error.code, error.details[0][0]) == ("HM697", "cpus")
    assert "2 processors are wanted" in error.details[0][1]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_targets_side_by_side_are_never_on_one_processor(store: hm.Store, tmp_path: Path) -> None:
    where: dict[str, set[str]] = {}
    times: dict[str, list[float]] = {}

    def heard(event: Event) -> None:
        if isinstance(event, LogText):
            where.setdefault(event.name, set()).update(event.text.split())

    def tell(event: Mapping[str, Any]) -> None:
        if "target" in event:
            times.setdefault(event["target"], []).append(time.monotonic())

    script = "grep Cpus_allowed_list /proc/self/status | cut -f2; sleep {}; echo > $out"
    lasting = {"slow": 0.5, "quick": 0, "late": 0.1}
    chosen: dict[str, Any] = {"design": Design.OFAT, "factors": {"home": ("other",)}, "rebuilds": 2}
    with hm.evaluation():
        made = scripted(tools(tmp_path / "tools"), {name: script.format(each) for name, each in lasting.items()})
        Carrier(study=study(*made, **chosen), store=store, options=Options(jobs=2), tell=tell, on_event=heard).run(
            made, tmp_path / "study"
        )
    assert times["late"][-1] < times["slow"][-1], "they ran side by side"
    assert (len(where["slow"]), len(where["late"])) == (1, 1)
    assert where["slow"] != where["late"]


def test_a_base_world_that_cannot_be_built_again_leaves_places_out_and_nothing_else(
    store: hm.Store, tmp_path: Path
) -> None:
    slow = "case $HOME in /homeless*) sleep 1;; esac; echo $HOME > $out"
    chosen: dict[str, Any] = {"design": Design.OFAT, "factors": {"home": ("other",)}, "rebuilds": 2}
    with hm.evaluation():
        made = scripted(tools(tmp_path / "tools"), {"slow": slow})
        carried(store, made, tmp_path / "study", **chosen, budget=Budget(builds=1))
        carried(store, made, tmp_path / "study", **chosen, timeout_s=0.4)
    base, *further = [each for each in read_log(tmp_path / "study") if each["kind"] == "trial"]
    assert (base["trial"], base["failed"]) == ("base#0", "")
    assert all("HM101" in each["failed"] for each in further if not each["levels"])
    assert [(list(each["changed"]), each["loci"]) for each in further if each["levels"]] == [(["out"], {})] * 2


def test_a_build_whose_time_was_up_is_built_again_where_it_has_more_of_it(store: hm.Store, tmp_path: Path) -> None:
    chosen: dict[str, Any] = {"design": Design.OFAT, "factors": {"home": ("other",)}, "rebuilds": 2}
    with hm.evaluation():
        made = scripted(tools(tmp_path / "tools"), {"slow": "sleep 0.7; echo $HOME > $out"})
        carried(store, made, tmp_path / "study", **chosen, timeout_s=0.3)
        carried(store, made, tmp_path / "study", **chosen, timeout_s=0.2)
        before = [each for each in read_log(tmp_path / "study") if each["kind"] == "trial"]
        found = carried(store, made, tmp_path / "study", **chosen, timeout_s=60)
    assert [(each["failed"][:5], each["timeout_s"]) for each in before] == [("HM101", 0.3)] * 4
    events = {each["key"]: each for each in read_log(tmp_path / "study") if each["kind"] == "trial"}
    assert [events[key]["failed"] for key in found["slow"]["trials"]] == [""] * 4


def test_two_processes_do_not_share_a_study(tmp_path: Path) -> None:
    with Log(tmp_path / "study"), pytest.raises(StudyRunning):
        Log(tmp_path / "study")


def test_a_log_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place, cause in ((tmp_path / "file", "File exists"), (tmp_path / "file" / "study", "Not a directory")):
        with pytest.raises(LogNotWritten, match=cause) as caught:
            Log(place)
        assert "--directory" in (caught.value.hint or "")


def test_a_full_disk_leaves_whole_lines_and_is_gone_on_from(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Log(tmp_path) as log:
            log.write("trial", 1.0, key="a")
            resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / NAME).stat().st_size + 20, limits[1]))
            with pytest.raises(LogNotWritten, match="File too large"):
                log.write("trial", 2.0, key="b")
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            log.write("trial", 3.0, key="c")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert [each["key"] for each in read_log(tmp_path)] == ["a", "c"]


def test_metrics_have_the_builds_of_runs_that_were_stopped_once(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    chosen = {"two": targets["two"]}
    Carrier(study=study("two", budget=Budget(builds=15)), store=store).run(chosen, tmp_path / "study")
    assert comparisons(store.objects) == [], "nothing can be said yet"
    carried(store, chosen, tmp_path / "study")
    carried(store, chosen, tmp_path / "study")
    carried(store, chosen, tmp_path / "study", rebuilds=5)
    trials = [each for each in read_log(tmp_path / "study") if each["kind"] == "trial"]
    again = [each for each in trials if not (each["levels"] or each["shaken"]) and each["repeat"]]
    found = comparisons(store.objects)
    assert [(each.differing, each.worlds_differ) for each in found] == [(0, True), (0, True)]
    assert sum(each.again for each in found) == len(again), "no build counts twice"


def test_two_names_of_one_derivation_are_built_once_and_counted_once(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    chosen = {"one": targets["two"], "other": targets["two"]}
    Carrier(study=study(*chosen), store=store, options=Options(jobs=1)).run(chosen, tmp_path)
    found = outcomes(tmp_path)
    assert found["one"]["attribution"] == found["other"]["attribution"]
    assert {each["target"] for each in read_log(tmp_path) if each["kind"] == "trial"} == {"one"}
    assert len(comparisons(store.objects)) == 1


def test_a_torn_last_line_is_taken_back_and_any_other_is_refused(tmp_path: Path) -> None:
    with Log(tmp_path) as log:
        log.write("trial", 1.0, key="a")
    path = tmp_path / NAME
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"format":"hermet')
    assert [each["key"] for each in read_log(tmp_path)] == ["a"]
    with Log(tmp_path) as log:
        assert [each["key"] for each in log.before] == ["a"]
    assert path.read_bytes() == whole
    path.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(LogDamaged, match=":1:"):
        read_log(tmp_path)
    with pytest.raises(LogDamaged):
        Log(tmp_path)


def test_a_directory_without_a_study_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoLog, match="holds no study"):
        read_log(tmp_path)


def test_every_line_of_a_log_says_what_it_is(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    carried(store, {"clean": targets["clean"]}, tmp_path / "study")
    events = [json.loads(line) for line in (tmp_path / "study" / NAME).read_text().splitlines()]
    assert {each["format"] for each in events} == {FORMAT}
    assert [events[0]["kind"], events[-1]["kind"]] == ["study-started", "study-finished"]
    host = events[0]["host"]
    assert (host["hermetica"], host["sandbox_contract"]) == (hm.__version__, CONTRACT_VERSION)
    assert host["processors"] == len(os.sched_getaffinity(0))
    assert (
        host["bubblewrap"] in subprocess.run(["bwrap", "--version"], capture_output=True, text=True, check=True).stdout
    )
    assert host["memory_bytes"] > 1 << 28
    assert events[0]["fixed"]["tz"] == "UTC"


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_a_study_that_is_killed_ten_times_ends_as_one_that_was_not(tmp_path: Path) -> None:
    words = [sys.executable, str(Path(__file__).with_name("carry.py")), str(tmp_path)]
    draws = random.Random(11)  # noqa: S311 -- repeatable, not secret
    subprocess.run([*words, "whole"], check=True)
    log = tmp_path / "killed" / NAME
    for _ in range(10):
        until = _lines(log) + draws.randint(1, 8)
        process = subprocess.Popen([*words, "killed"], env=unmeasured())
        while process.poll() is None and _lines(log) < until:
            time.sleep(0.002)
        time.sleep(draws.uniform(0, 0.05))
        process.kill()
        process.wait()
    assert _lines(log) > 10
    subprocess.run([*words, "killed"], check=True)
    whole, killed = outcomes(tmp_path / "whole"), outcomes(tmp_path / "killed")
    assert set(whole) == {"two", "pair", "picky"}
    assert {name: each["attribution"] for name, each in killed.items()} == {
        name: each["attribution"] for name, each in whole.items()
    }
    for directory in ("whole", "killed"):
        trials = [each for each in read_log(tmp_path / directory) if each["kind"] == "trial"]
        assert len({each["key"] for each in trials}) == len(trials)
