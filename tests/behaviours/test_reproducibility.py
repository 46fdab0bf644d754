"""B39-B41: failures of several kinds at once, checks of what is realized, rounds of what is built."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.realize import RebuildStarted
from hermetica.realize.errors import BuildFailed, FetchFailed, NothingToCheck, NotReproducible, RoundsDiffer
from hermetica_store.schema import Table
from tests.behaviours.conftest import module, read
from tests.store.trees import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox

RANDOM = "cat /proc/sys/kernel/random/uuid"
KEPT = "tmp/kept-"


def state(store: hm.Store) -> Mapping[str, object]:
    """All that a check may not change: the objects on disk and in the index, the trace, the records, the roots."""
    objects = store.objects
    return {
        "disk": {
            str(path): (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_ino)
            for path in walk(objects.root / "store")[1:]
        },
        "objects": {path: objects.info(path) for path in objects.paths()},
        "rows": {table: {key: row for key, row in objects.items(table) if not told(key)} for table in Table},
        "roots": objects.roots(),
    }


def told(key: bytes) -> bool:
    """Whether a row is of what comparisons found, which a check adds to."""
    return key.startswith(b"compared\0")


def kept(store: hm.Store) -> list[Path]:
    return sorted((store.objects.root / "tmp").glob("kept-*"))


@pytest.mark.parametrize(
    ("targets", "status", "name"),
    [
        (("fails", "good"), 100, "failed"),
        (("slow", "good"), 101, "timed-out"),
        (("slow", "fails"), 100, "failed"),
        (("slow", "fails", "wrong"), 102, "mismatch"),
        (("random", "fails", "slow"), 104, "not-reproducible"),
        (("random", "wrong"), 102, "mismatch"),
        (("good",), 0, "ok"),
    ],
    ids=["failed", "slow", "slow+failed", "slow+failed+wrong", "random+failed+slow", "random+wrong", "good"],
)
def test_b39_exit_statuses_combine_under_keep_going(
    command: CommandLine, targets: tuple[str, ...], status: int, name: str
) -> None:
    command.write(
        "pkgs.py",
        module(
            "good = sh('good', 'echo > $out')",
            "fails = sh('fails', 'exit 7')",
            "slow = sh('slow', 'sleep 1000')",
            "random = sh('random', 'cat /proc/sys/kernel/random/uuid > $out')",
            f"wrong = sh('wrong', 'echo > $out', fixed=hm.FixedOutput(algorithm='sha256', digest='{'0' * 64}'))",
        ),
    )
    words = [f"./pkgs.py:{target}" for target in targets]
    options = ["--keep-going", "--no-link", "--json", "--ui=quiet", "--timeout=1", "--rounds=2", "-j1"]
    document = json.loads(command("build", *options, *words, status=status).stdout)
    assert (document["status"], document["status_name"]) == (status, name)
    own = {row["name"]: row["error"] and row["error"]["status"] for row in document["results"]}
    assert own == {each: {"fails": 100, "slow": 101, "wrong": 102, "random": 104}.get(each) for each in targets}


def test_b40_a_check_of_a_deterministic_build_passes_and_changes_nothing(store: hm.Store, sh: Shell) -> None:
    lib = sh("lib", "mkdir $out; echo $out > $out/self; ln -s $out/self $out/link")
    script = "mkdir $out $dev; echo $dev $lib > $out/x; echo 2 > $dev/x; chmod +x $dev/x; echo said"
    app = sh("app", script, {"lib": f"{lib}"}, outputs=("out", "dev"))
    text = hm.text("text", f"see {app}")
    built = store.realize_all([text, app, lib])
    before = state(store)
    results = store.realize_all([text, app, lib], check=True)
    assert [result.outcome for result in results] == ["reproduced"] * 3
    assert [result.outputs for result in results] == [result.outputs for result in built]
    assert results[app].log == b"said\n"
    assert state(store) == before
    assert kept(store) == []


def test_b40_otherwise_both_trees_are_kept_and_what_differs_is_named(store: hm.Store, sh: Shell) -> None:
    script = f"""
    mkdir -p $out/share $dev
    echo $out $dev > $out/paths
    (echo same; {RANDOM}) > $out/share/id
    ln -s $({RANDOM}) $out/link
    mkdir $out/$({RANDOM})
    echo same > $dev/same
    """
    derivation = sh("x", script, outputs=("out", "dev"))
    first = store.realize(derivation)
    before = state(store)
    with pytest.raises(NotReproducible, match="x: not reproducible: built again, it has another output out") as caught:
        store.realize(derivation, check=True)
    assert state(store) == before
    error = caught.value
    (comparison,) = error.comparisons.values()
    kinds = Counter(str(each.kind) for each in comparison.differences)
    assert kinds == {"content": 1, "link": 1, "first-only": 1, "second-only": 1}
    content = next(each for each in comparison.differences if each.kind == "content")
    assert content.path == "share/id"
    assert content.place is not None
    assert content.place.offset >= len("same\n")
    place = Path(error.differences["outputs"]["out"]["second"])
    assert place.parent.parent == kept(store)[0]
    assert Path(error.differences["outputs"]["out"]["first"]) == store.on_disk(first.out)
    # what is kept is comparable byte by byte: it names itself and its sibling as the first build does
    assert (place / "paths").read_text() == read(store, first.out, "paths") == f"{first.out} {first['dev']}\n"
    assert (place / "share" / "id").read_text() != read(store, first.out, "share/id")
    assert sorted(each.name for each in place.parent.iterdir()) == sorted(path.base for path in first.outputs.values())
    assert json.loads((kept(store)[0] / "differences.json").read_text()) == error.differences
    assert any("share/id: byte" in text for _, text in error.details)
    store.objects.collect()
    assert kept(store) == []


def test_b40_the_command_line_names_the_files_and_has_its_own_status(command: CommandLine) -> None:
    command.write("pkgs.py", module(f"x = sh('x', 'mkdir $out; {RANDOM} > $out/id')", "y = sh('y', 'echo > $out')"))
    assert "HM118" in command("build", "--check", "./pkgs.py:y", status=2).stderr
    command("build", "./pkgs.py")
    roots = command("root", "ls").stdout
    ended = command("build", "--check", "--keep-going", "--out-link=other", "./pkgs.py", status=104)
    assert "error[HM104] x: not reproducible" in ended.stderr
    assert "1 of 2 entries differs: 1 in content" in ended.stderr
    assert "id: byte " in ended.stderr
    assert KEPT in ended.stderr
    assert "reproduced" in ended.stderr
    assert ended.stdout.splitlines() == [line for line in ended.stdout.splitlines() if line.endswith("-y")]
    assert command("root", "ls").stdout == roots
    document = json.loads(command("build", "--check", "--json", "./pkgs.py:x", status=104).stdout)
    error = document["results"][0]["error"]
    assert error["differences"]["outputs"]["out"]["differences"][0]["path"] == "id"
    assert document["results"][0]["outcome"] == "not-reproducible"
    assert "built again" in command("build", "--check", "--dry-run", "./pkgs.py").stdout


def test_b40_inputs_that_are_gone_are_realized_first(store: hm.Store, sh: Shell) -> None:
    base = sh("base", "echo base > $out")
    app = sh("app", "cat $base > $out", {"base": f"{base}"})
    result = store.realize(app)
    store.objects.add_root("app", result.out)
    store.objects.collect()
    assert store.path(base) is None
    again = store.realize_all([app], check=True)
    assert [each.outcome for each in again] == ["reproduced"]
    assert store.path(base) is not None


def test_b40_nothing_is_compared_with_what_was_never_built(store: hm.Store, sh: Shell) -> None:
    base = sh("base", f"{RANDOM} > $out")
    app = sh("app", "cat $base > $out", {"base": f"{base}"})
    with pytest.raises(NothingToCheck, match="not in the store"):
        store.realize(app, check=True)
    assert store.path(base) is None
    store.objects.add_root("app", store.realize(app).out)
    store.objects.collect()
    with pytest.raises(NothingToCheck, match="inputs have other content"):
        store.realize(app, check=True)


def test_b40_a_fetch_is_checked_against_its_address(store: hm.Store, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.write_text("content")
    fetch = hm.fetchurl(served.as_uri(), sha256="ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73")
    store.realize(fetch)
    assert store.realize(fetch, check=True).outcome == "reproduced"
    served.unlink()
    assert store.realize(fetch).outcome == "cached"
    with pytest.raises(FetchFailed) as caught:
        store.realize(fetch, check=True)
    assert ("while", "building it again, rebuild 1 of 1") in caught.value.details


def test_b41_rounds_that_agree_are_registered_once(store: hm.Store, sh: Shell) -> None:
    seen: list[tuple[int, int, str]] = []

    def note(event: hm.Event) -> None:
        if isinstance(event, RebuildStarted):
            seen.append((event.number, event.total, event.against))

    derivation = sh("x", "mkdir $out $dev; echo $out > $out/self; echo round >&2", outputs=("out", "dev"))
    result = store.realize(derivation, rounds=3, on_event=note)
    assert (result.outcome, result.log) == ("built", b"round\n")
    assert seen == [(2, 3, "round 1"), (3, 3, "round 1")]
    assert result.record is not None
    assert result.record["rounds"] == 3
    assert not store.objects.verify().problems
    # the record says that three agreed: fewer need no build, more need one
    seen.clear()
    assert store.realize(derivation, rounds=3, on_event=note).outcome == "cached"
    assert store.realize(derivation, rounds=4, on_event=note).outcome == "reproduced"
    assert [each[2] for each in seen] == ["store"] * 3


@pytest.mark.parametrize(("differing", "output"), [("$out", "out"), ("$dev/below", "dev")])
def test_b41_a_round_that_differs_fails_the_build_and_registers_nothing(
    store: hm.Store, sh: Shell, differing: str, output: str
) -> None:
    script = f"mkdir $dev; echo > $out; {RANDOM} >> {differing}"
    with pytest.raises(RoundsDiffer, match=f"x: round 2 of 3 differs from round 1 in output {output}\n") as caught:
        store.realize(sh("x", script, outputs=("out", "dev")), rounds=3)
    assert (caught.value.round, caught.value.rounds) == (2, 3)
    assert not [path for path in store.objects.paths() if path.name.startswith("x")]
    (directory,) = kept(store)
    assert {each.name for each in directory.iterdir()} == {"round-1", "round-2", "log", "differences.json"}
    for number in (1, 2):
        assert {each.name[33:] for each in (directory / f"round-{number}").iterdir()} == {"x", "x-dev"}
    for text in ("first", "second"):
        assert Path(caught.value.differences["outputs"][output][text]).exists()


@pytest.mark.parametrize(
    ("turned_to", "error"), [("echo other > $out", RoundsDiffer), ("exit 3", BuildFailed)], ids=["differs", "fails"]
)
def test_b41_a_late_round_is_compared_too(
    store: hm.Store, sh: Shell, tmp_path: Path, turned_to: str, error: type[Any]
) -> None:
    (tmp_path / "script").write_text("echo one > $out")
    source = hm.source(tmp_path / "script")
    turned = store.on_disk(source.path)

    def turn(event: hm.Event) -> None:
        if isinstance(event, RebuildStarted) and event.number == 3:
            turned.chmod(0o644)  # nothing that a builder may see can differ, so the test breaks an input
            turned.write_text(turned_to)

    with pytest.raises(error) as caught:
        store.realize(sh("x", "sleep 0.3; . $script", {"script": f"{source}"}), rounds=3, on_event=turn)
    if isinstance(caught.value, RoundsDiffer):
        assert caught.value.round == 3
    else:
        assert ("while", "building it again, round 3 of 3") in caught.value.details
    assert [path for path in store.objects.paths() if path.name == "x"] == []
