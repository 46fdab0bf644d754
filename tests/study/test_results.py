"""Results are computed from logs alone: rates with their denominators, factors with their tests, tables and texts."""

from __future__ import annotations

import csv as reader
import io
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from hermetica.realize.compared import Compared
from hermetica.realize.comparisons import comparisons, keep_comparison
from hermetica.realize.in_world import workshop
from hermetica.sandbox import Tier
from hermetica.study.attribution_form import attribution_json, read_attribution
from hermetica.study.carrying import Carrier
from hermetica.study.causes import Attribution, Causes
from hermetica.study.cells import State, concluded
from hermetica.study.declaration import Design, Study
from hermetica.study.locus import Locus
from hermetica.study.log import read_log
from hermetica.study.metrics import metrics_of
from hermetica.study.parquet import ParquetMissing, parquet_of
from hermetica.study.results import results_of
from hermetica.study.summary import outcome, summary_lines
from hermetica.study.tables import CELLS, TRIALS, cell_rows, csv, trial_rows
from hermetica.study.trials import BUILDS
from hermetica.study.verdict import verdicts_of
from hermetica_store import IndexDamaged, Row, Table
from tests.house.code import ROOT
from tests.study.truths import atoms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import hermetica as hm

FACTORS = {"uid": ("2345",), "home": ("other",), "tz": ("ahead",), "mtime": ("2035-02-03",)}


def trial(levels: Mapping[str, str], changed: Mapping[str, str], repeat: int = 0, failed: str = "") -> dict[str, Any]:
    """The event of a build."""
    is_base = not levels and not repeat
    name = ",".join(f"{factor}={level}" for factor, level in levels.items()) or "base"
    return {
        "format": "hermetica.study-log/1",
        "kind": "trial",
        "time_s": 1.0,
        "target": "t",
        "drv": "00",
        "name": "t-1.0",
        "key": f"{name}#{repeat}",
        "trial": f"{name}#{repeat}",
        "levels": dict(levels),
        "repeat": repeat,
        "shaken": False,
        "tier": "T0",
        "duration_s": 0.5,
        "cpu_s": 0.1,
        "failed": failed,
        "log_tail": "",
        "prints": {"out/a": ["1", "1", "1"], "out/b": ["2", "2", "2"]} if is_base else None,
        "changed": None if is_base or failed else dict(changed),
        "alike": None if is_base or failed else ("different" if changed else "bitwise"),
        "loci": {},
    }


UID, HOME, BOTH = {"uid": "2345"}, {"home": "other"}, {"uid": "2345", "home": "other"}


def test_a_fixed_design_names_the_smallest_sets_whose_parts_change_nothing() -> None:
    trials = [trial({}, {}), trial({}, {}, 1), trial(UID, {}), trial(HOME, {"out/a": "x"}), trial(BOTH, {"out/b": "y"})]
    found = concluded(trials)
    assert [(each.path, each.sets) for each in found.files] == [
        ("out/a", (frozenset(atoms("home=other")),)),
        ("out/b", (atoms("uid=2345", "home=other"),)),
    ]
    assert (found.is_complete, found.examined) == (True, 2)
    unproven = concluded([trial({}, {}), trial(BOTH, {"out/b": "y"})])
    assert [(each.path, each.sets, each.is_complete) for each in unproven.files] == [("out/b", (), False)]
    assert unproven.files[0].suspects == (frozenset({"home"}), frozenset({"uid"}))


def test_a_fixed_design_tells_races_and_failures_apart() -> None:
    trials = [trial({}, {}), trial({}, {"out/a": "r"}, 1), trial(UID, {}), trial(HOME, {}, failed="HM105 it failed")]
    assert {each.path: (each.races, each.sets) for each in concluded(trials).files} == {
        "out/a": (True, ()),
        BUILDS: (False, (atoms("home=other"),)),
    }


def test_a_fixed_design_knows_nothing_of_the_files_of_a_build_that_failed() -> None:
    again = {**trial(HOME, {}, 1, failed="HM105 it failed"), "log_tail": ""}
    late = {**trial(HOME, {}, 2, failed="HM101 it took too long"), "log_tail": ""}
    trials = [trial({}, {}), trial(HOME, {"out/a": "x"}), again, late, trial(UID, {}), trial(UID, {}, 1)]
    assert {each.path: (each.races, each.sets) for each in concluded(trials).files} == {
        "out/a": (False, (atoms("home=other"),)),
        BUILDS: (True, ()),
    }
    never = [trial({}, {}), {**again, "repeat": 0}, late]
    assert [(each.path, each.races) for each in concluded(never).files] == [(BUILDS, False)]


def finished(**fields: Any) -> dict[str, Any]:
    files = (Causes(path="out/a", sets=(atoms("home=other"), atoms("uid=2345", "tz=ahead"))),)
    attribution = Attribution(files=files, examined=2, builds=5)
    return {
        "format": "hermetica.study-log/1",
        "kind": "target-finished",
        "time_s": 9.0,
        "target": "t",
        "drv": "00",
        "name": "t-1.0",
        "tier": "T0",
        "left_out": {"mtime": "needs tier T3"},
        "trials": ["base#0", "base#1", "home=other#0"],
        "attribution": attribution_json(attribution),
        **fields,
    }


def log(*targets: str, ended: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    study = Study(name="s", targets=targets, factors=FACTORS)
    begun = {
        "format": "hermetica.study-log/1",
        "kind": "study-started",
        "time_s": 0.0,
        "study": study.to_json(),
        "host": {},
    }
    trials = [trial({}, {}), trial({}, {}, 1), trial(HOME, {"out/a": "x"})]
    return [begun, *trials, *([dict(ended)] if ended else [])]


def test_attributions_come_back_from_their_form_as_they_were() -> None:
    files = (Causes(path="out", sets=(atoms("tz=ahead"),)), Causes(path="x", races=True, is_complete=False))
    found = Attribution(files=files, examined=3, builds=7, failed="", is_complete=False)
    assert read_attribution(attribution_json(found)) == found


def test_a_factor_counts_where_it_is_known_and_nowhere_else() -> None:
    results = results_of(log("t", "never", ended=finished()))
    row = results["targets"][0]
    assert {name: cell["state"] for name, cell in row["factors"].items()} == {
        "uid": State.TOGETHER,
        "home": State.ALONE,
        "tz": State.TOGETHER,
        "mtime": State.LEFT_OUT,
    }
    assert results["targets"][1]["state"] == "waiting"
    by_factor = {each["factor"]: each for each in results["factors"]}
    assert [by_factor[name]["targets"]["total"] for name in FACTORS] == [1, 1, 1, 0]
    assert by_factor["home"]["too_small"]
    assert by_factor["home"]["mcnemar_p"] == 1.0
    assert results["rates"]["same_world"]["hits"] == results["rates"]["same_world"]["total"] == 1
    assert (results["rates"]["every_world"]["hits"], results["rates"]["every_world"]["total"]) == (0, 1)
    assert results["alike"]["same_world"] == {"bitwise": 1, "normalised": 0, "stabilised": 0, "different": 0}
    assert results["alike"]["every_world"]["different"] == 1


def test_results_are_the_same_whatever_the_order_of_builds() -> None:
    events = log("t", ended=finished())
    mixed = [events[0], events[3], events[1], events[2], events[4]]
    assert results_of(mixed) == results_of(events)


def test_what_is_begun_again_counts_as_not_finished() -> None:
    again = {"format": "hermetica.study-log/1", "kind": "target-started", "time_s": 10.0, "target": "t", "drv": "00"}
    (row,) = results_of([*log("t", ended=finished()), again])["targets"]
    assert (row["state"], row["builds"]) == ("unfinished", 3)
    (row,) = results_of([*log("t", ended=finished()), {**again, "drv": "11"}])["targets"]
    assert (row["state"], row["builds"]) == ("unfinished", 0), (
        "builds of what the target was before are of something else"
    )


def many(changed: Mapping[str, Mapping[str, str]], design: Design = Design.OFAT) -> list[dict[str, Any]]:
    """The log of twelve targets whose builds change files as given for ``again`` and ``home``."""
    names = [f"t{number}" for number in range(12)]
    events: list[dict[str, Any]] = log(*names)[:1]
    events[0]["study"]["design"] = str(design)
    for name in names:
        mine = [trial({}, {}), trial({}, changed["again"], 1), trial(HOME, changed["home"])]
        keys = {each["key"]: f"{name} {each['key']}" for each in mine}
        events += [{**each, "target": name, "key": keys[each["key"]]} for each in mine]
        paths = {**dict.fromkeys(changed["home"], False), **dict.fromkeys(changed["again"], True)}
        home = (frozenset(atoms("home=other")),)
        files = (Causes(path=path, races=races, sets=() if races else home) for path, races in paths.items())
        attribution = attribution_json(Attribution(files=tuple(files), examined=2, builds=3))
        events.append(finished(target=name, trials=list(keys.values()), attribution=attribution))
    return events


def test_what_races_in_both_worlds_is_no_evidence_for_a_factor() -> None:
    race, calm = {"out/a": "r"}, dict[str, str]()
    found = {
        name: next(row for row in results_of(many(changed))["factors"] if row["factor"] == "home")
        for name, changed in {
            "both": {"again": race, "home": race},
            "base only": {"again": race, "home": calm},
            "varied only": {"again": calm, "home": race},
        }.items()
    }
    assert {name: row["mcnemar_p"] for name, row in found.items()} == {
        "both": 1.0,
        "base only": 1.0,
        "varied only": 2 / 2**12,
    }
    assert (found["both"]["fisher_p"], found["varied only"]["fisher_p"] < 1e-4) == (1.0, True)


def test_builds_that_were_chosen_by_what_others_gave_are_no_sample() -> None:
    results = results_of(many({"again": {}, "home": {"out/a": "x"}}, Design.BISECT))
    home = next(row for row in results["factors"] if row["factor"] == "home")
    assert (home["fisher_p"], home["fisher_holm"], home["mcnemar_p"]) == (None, None, 2 / 2**12)
    assert not any("Fisher" in line for line in summary_lines(results))
    drawn = summary_lines(results_of(many({"again": {}, "home": {"out/a": "x"}})))
    assert any("Fisher, Holm" in line for line in drawn)


def test_a_further_build_that_fails_is_one_that_differs() -> None:
    events = log("t", ended=finished())
    events[2] = trial({}, {}, 1, failed="HM105 it failed")
    assert results_of(events)["rates"]["same_world"]["hits"] == 0
    assert results_of(events)["rates"]["builds_that_differ_in_one_world"]["hits"] == 1


def test_every_field_of_the_results_is_on_the_page_about_them() -> None:
    events = log("t", ended=finished())
    events[3]["loci"] = {"out/a": [Locus(what="line", place=1, first="x", second="y").to_json()]}
    results = results_of(events)
    (target,) = results["targets"]
    file = target["verdict"]["files"][0]
    objects: list[dict[str, Any]] = [
        *(results, results["rates"]["same_world"], results["factors"][0], target, target["factors"]["uid"]),
        *(target["same_world"], target["causes"][0], target["verdict"], target["verdict"]["advice"][0]),
        *(file, file["loci"][0]),
    ]
    text = (ROOT / "docs/guides/read-a-study.md").read_text(encoding="utf-8")
    section = text.partition("## The results as JSON\n")[2].partition("\n## ")[0]
    assert {key for each in objects for key in each if f"`{key}`" not in section} == {"format"}


def test_people_read_rates_factors_and_targets() -> None:
    lines = list(summary_lines(results_of(log("t", "never", ended=finished()))))
    assert lines[0] == "s: 2 targets, 3 builds, 2 s of building"
    assert any(line.startswith("home") and "too few targets" in line for line in lines)
    assert "t      changes with home, tz+uid" in lines
    assert "never  waiting" in lines


def test_tables_are_read_by_others() -> None:
    events = log('odd "name", with a comma', ended=finished(target='odd "name", with a comma'))
    rows = list(reader.DictReader(io.StringIO(csv(CELLS, cell_rows(results_of(events))), newline="")))
    assert len(rows) == len(FACTORS)
    assert rows[0]["target"] == 'odd "name", with a comma'
    builds = list(reader.DictReader(io.StringIO(csv(TRIALS, trial_rows(events)), newline="")))
    assert [each["trial"] for each in builds] == ["base#0", "base#1", "home=other#0"]
    assert builds[2]["levels"] == '{"home": "other"}'
    assert (builds[2]["drv"], builds[2]["key"], builds[2]["time_s"]) == ("00", "home=other#0", "1.0")


def test_parquet_needs_its_extra_or_is_read_back() -> None:
    rows = trial_rows(log("t"))
    try:
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        with pytest.raises(ParquetMissing, match="pyarrow"):
            parquet_of(rows)
    else:
        table = parquet.read_table(io.BytesIO(parquet_of(rows)))
        assert table.to_pylist() == rows


@pytest.mark.sandbox
def test_a_study_with_a_fixed_design_finds_what_it_can(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    factors = {"home": ("other",), "tz": ("ahead",), "uid": ("2345",)}
    chosen = {name: targets[name] for name in ("two", "pair")}
    for design, pairs in ((Design.FULL, True), (Design.OFAT, False)):
        study = Study(name="s", targets=tuple(chosen), design=design, rebuilds=2, factors=factors, tier=Tier.T0)
        Carrier(study=study, store=store).run(chosen, tmp_path / design)
        two, pair = results_of(read_log(tmp_path / design))["targets"]
        assert {name: cell["state"] for name, cell in two["factors"].items()} == {
            "home": "alone",
            "tz": "none",
            "uid": "alone",
        }
        assert pair["factors"]["tz"]["state"] == ("together" if pairs else "none")
        assert (two["factors"]["home"]["builds"], two["factors"]["home"]["differing"]) == (2, 2)


def compared(drv: str, by: str, again: int, differing: int, *, worlds_differ: bool | None = None) -> Compared:
    return Compared(
        by=by,
        drv=drv,
        resolved_id=drv,
        name=drv,
        time_s=1.0,
        again=again,
        differing=differing,
        worlds_differ=worlds_differ,
    )


def test_metrics_have_the_last_word_of_each_derivation_and_every_build() -> None:
    found = metrics_of(
        [
            compared("mended", "check", 1, 1),
            compared("mended", "check", 1, 0),
            compared("good", "rounds", 2, 0),
            compared("studied", "study", 2, 0, worlds_differ=True),
            compared("bad", "check", 1, 1),
            compared("bad", "study", 0, 0, worlds_differ=False),
        ]
    )
    assert (found.reproducible.hits, found.reproducible.total) == (3, 4)
    assert (found.in_every_world.hits, found.in_every_world.total) == (1, 2)
    assert (found.flaky.hits, found.flaky.total) == (2, 4)
    assert (found.flaky_builds.hits, found.flaky_builds.total) == (2, 7)
    assert found.unreliable == ("bad", "mended")
    assert metrics_of([]).lines()[0].endswith("-")


@pytest.mark.sandbox
def test_comparisons_are_kept_in_the_store(store: hm.Store, targets: dict[str, hm.Derivation]) -> None:
    with workshop(store, targets["clean"]) as shop:
        keep_comparison(store.objects, shop.resolved, "check", again=2, differing=1)
    (found,) = comparisons(store.objects)
    assert (found.by, found.name, found.again, found.differing, found.worlds_differ) == ("check", "clean", 2, 1, None)
    store.objects.put([Row(Table.ATTRIBUTES, b"compared\0broken", b"{}", None)]).wait()
    with pytest.raises(IndexDamaged, match="damaged comparison"):
        comparisons(store.objects)


@pytest.mark.sandbox
def test_checks_and_rounds_leave_comparisons(store: hm.Store, targets: dict[str, hm.Derivation]) -> None:
    store.realize(targets["clean"], rounds=3)
    store.realize(targets["clean"], check=True)
    store.realize(targets["race"])
    assert not store.realize_all([targets["race"]], check=True).ok
    rows = [(each.name, each.by, each.again, each.differing) for each in comparisons(store.objects)]
    assert rows == [("clean", "rounds", 2, 0), ("clean", "check", 1, 0), ("race", "check", 1, 1)]


def test_what_changes_a_target_is_said_in_one_line() -> None:
    files: list[dict[str, Any]] = [
        {"path": "out/a", "sets": [{"home": "other", "umask": "077"}, {"tz": "ahead"}], "races": False},
        {"path": "out/b", "sets": [], "races": True},
        {"path": BUILDS, "sets": [{"uid": "2345"}], "races": False},
    ]
    assert outcome(files) == "changes with tz, home+umask, race; fails to build with uid"
    assert outcome([{"path": "out", "sets": [], "races": False}]) == "changes with something that was not found"
    assert outcome([]) == "nothing changes it"


def test_a_verdict_about_builds_that_fail_says_what_they_said_last() -> None:
    files = (Causes(path=BUILDS, sets=(atoms("home=other"),)), Causes(path="out/a", races=True))
    events = log("t", ended=finished(attribution=attribution_json(Attribution(files=files, examined=2, builds=3))))
    events[3] = {**trial(HOME, {}, failed="HM105 it failed"), "log_tail": "cc\nno such home\n"}
    (found,) = verdicts_of(events)
    text = "\n".join(found.lines())
    assert "not reproducible: 1 of 2 files changes, and it is not built in every world (" in text
    assert "fails: HM105 it failed: no such home" in text
    assert "in tier T0 the clock, times of files" in text


def test_a_verdict_says_what_it_could_not_look_for() -> None:
    (found,) = verdicts_of(log("t", ended=finished()))
    text = "\n".join(found.lines())
    assert "not varied: mtime (needs tier T3)" in text
    assert "changes with home (other); or with tz (ahead) and uid (2345) together" in text
    partial = finished()
    partial["attribution"] = {**partial["attribution"], "is_complete": False}
    (found,) = verdicts_of(log("t", ended=partial))
    assert "--builds N allows more" in "\n".join(found.lines())


def test_of_several_places_those_with_text_come_first() -> None:
    places = [
        {"inside": [["elf", "headers"]], "what": "bytes", "place": 40, "first": "e83b0000", "second": "603c0000"},
        {"inside": [["elf", ".rodata"]], "what": "bytes", "place": 4, "first": r"'./a.c\x00'", "second": r"'/b/a.c'"},
    ]
    events = log("t", ended=finished())
    events[3] = {**events[3], "loci": {"out/a": places}}
    (found,) = verdicts_of(events)
    assert r"home (other): elf .rodata: byte 4: './a.c\x00', then '/b/a.c'" in "\n".join(found.lines())
    alone = finished(
        attribution=attribution_json(Attribution(files=(Causes(path="out/a", sets=(atoms("home=other"),)),)))
    )
    (found,) = verdicts_of([*events[:-1], alone])
    told = [line.strip() for line in found.lines() if line.strip().startswith("elf")]
    assert [line.partition(":")[0] for line in told] == ["elf .rodata", "elf headers"]
