"""B09-B19: outputs, their references, and what a derivation may demand of them."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.model.placeholder import InvalidOutputName
from hermetica.realize.errors import OutputMissing, OutputRefused
from hermetica_store import OutputCycle, SpecialFile
from tests.behaviours.conftest import read

if TYPE_CHECKING:
    from tests.behaviours.conftest import Shell

pytestmark = pytest.mark.sandbox


def test_b09_references_are_the_inputs_that_are_really_mentioned(store: hm.Store, sh: Shell) -> None:
    used, unused = sh("used", "echo used > $out"), sh("unused", "echo unused > $out")
    result = store.realize(sh("x", "echo uses $used > $out", {"used": f"{used}", "unused": f"{unused}"}))
    assert result.references == (store.path(used),)
    closure = store.objects.closure([result.out])
    assert store.path(unused) not in closure
    assert set(closure) == {result.out, store.path(used)}


def test_b10_allowed_references_name_the_path_that_is_too_much(store: hm.Store, sh: Shell) -> None:
    dependency = sh("dependency", "echo > $out")
    checks = hm.OutputChecks(allowed_references=())
    with pytest.raises(OutputRefused, match="allowed_references") as caught:
        store.realize(sh("x", "echo $d > $out", {"d": f"{dependency}"}, checks=checks))
    assert str(store.path(dependency)) in str(caught.value)


def test_b10_an_empty_list_forbids_self_reference_and_naming_the_output_permits_it(store: hm.Store, sh: Shell) -> None:
    script = "echo $out > $out"
    with pytest.raises(OutputRefused):
        store.realize(sh("x", script, checks=hm.OutputChecks(allowed_references=())))
    allowed = store.realize(sh("x", script, checks=hm.OutputChecks(allowed_references=("out",))))
    assert allowed.outcome == "built"


def test_b11_the_other_three_lists_do_as_they_say_over_the_closure(store: hm.Store, sh: Shell) -> None:
    deep, other = sh("deep", "echo deep > $out"), sh("other", "echo other > $out")
    direct = sh("direct", "echo $deep $other > $out", {"deep": f"{deep}", "other": f"{other}"})

    def user(**lists: Any) -> hm.Derivation:
        return sh("user", "echo $d > $out", {"d": f"{direct}"}, checks=hm.OutputChecks(**lists))

    with pytest.raises(OutputRefused, match="disallowed_references"):
        store.realize(user(disallowed_references=(f"{direct}",)))
    assert store.realize(user(disallowed_references=(f"{deep}",))).outcome == "built"
    with pytest.raises(OutputRefused, match="disallowed_requisites") as caught:
        store.realize(user(disallowed_requisites=(f"{deep}", f"{other}")))
    assert str(store.path(deep)) in str(caught.value)
    assert str(store.path(other)) in str(caught.value)
    with pytest.raises(OutputRefused, match="allowed_requisites") as caught:
        store.realize(user(allowed_requisites=(f"{direct}",)))
    assert str(store.path(deep)) in str(caught.value)
    assert store.realize(user(allowed_requisites=(f"{direct}", f"{deep}", f"{other}"))).outcome == "built"


def test_b12_an_unknown_output_in_a_check_lists_the_valid_ones(sh: Shell) -> None:
    with pytest.raises(hm.EvaluationError, match="no output 'lib'") as caught:
        sh("x", "true", outputs=("out", "dev"), checks={"lib": hm.OutputChecks()})
    assert ("outputs", "out, dev") in caught.value.details
    with pytest.raises(hm.EvaluationError, match="no output 'lib'"):
        sh("x", "echo > $out", checks=hm.OutputChecks(allowed_references=("lib",)))


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "ä", "x" * 300, "a\nb"])
def test_b12_illegal_names_are_refused_early(sh: Shell, name: str) -> None:
    with pytest.raises(hm.EvaluationError):
        sh(name, "true")
    with pytest.raises(InvalidOutputName):
        sh("x", "true", outputs=("out", name))


def test_b13_references_can_be_discarded_and_sizes_are_limits(store: hm.Store, sh: Shell) -> None:
    big = sh("big", "dd if=/dev/zero of=$out bs=1024 count=64 2>/dev/null")
    script, env = "echo $big > $out", {"big": f"{big}"}
    kept = store.realize(sh("x", script, env, checks=hm.OutputChecks(discard_references=True)))
    assert kept.references == ()
    assert str(store.path(big)) in read(store, kept.out)
    with pytest.raises(OutputRefused, match="max_size_bytes"):
        store.realize(sh("x", "echo too much > $out", checks=hm.OutputChecks(max_size_bytes=4)))
    with pytest.raises(OutputRefused, match="max_closure_size_bytes"):
        store.realize(sh("x", script, env, checks=hm.OutputChecks(max_closure_size_bytes=1000)))


def test_b14_a_missing_output_fails_by_name_and_registers_nothing(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(OutputMissing, match="dev"):
        store.realize(sh("x", "echo > $out", outputs=("out", "dev")))
    assert [path for path in store.objects.paths() if path.name.startswith("x")] == []


def test_b15_each_output_has_its_own_path_and_cycles_are_refused(store: hm.Store, sh: Shell) -> None:
    two = sh("two", "echo lib $dev > $out; echo headers > $dev", outputs=("out", "dev"))
    result = store.realize(two)
    assert result["dev"] != result.out
    assert store.objects.references(result.out) == (result["dev"],)
    user = store.realize(sh("user", "cat $dev > $out; echo $dev >> $out", {"dev": f"{two:dev}"}))
    assert store.objects.closure([user.out]) == tuple(sorted((user.out, result["dev"])))
    with pytest.raises(OutputCycle):
        store.realize(sh("cycle", "echo $dev > $out; echo $out > $dev", outputs=("out", "dev")))


def test_b16_placeholders_resolve_in_env_args_attributes_and_text(store: hm.Store, sh: Shell) -> None:
    dependency = sh("dependency", "echo dep > $out")
    own = hm.placeholder("out")
    result = store.realize(
        sh(
            "x",
            'mkdir $out; echo "$mine" > $out/env; cp $HERMETICA_ATTRS $out/attrs; cp $text $out/text',
            {"mine": own, "text": f"{hm.text('t', f'path={dependency}')}"},
            structured={"paths": [own, f"{dependency}"]},
        )
    )
    assert read(store, result.out, "env") == f"{result.out}\n"
    attributes = json.loads(read(store, result.out, "attrs"))
    assert attributes["paths"] == [str(result.out), str(store.path(dependency))]
    assert read(store, result.out, "text") == f"path={store.path(dependency)}"


def test_b16_the_files_that_a_builder_is_given_have_the_same_mode_on_every_host(store: hm.Store, sh: Shell) -> None:
    before = os.umask(0o077)
    try:
        result = store.realize(sh("x", "mkdir $out; stat -c %a $HERMETICA_ATTRS > $out/mode", structured={"a": 1}))
    finally:
        os.umask(before)
    assert read(store, result.out, "mode") == "644\n"


def test_b17_files_and_structured_attributes_reach_the_builder(store: hm.Store, sh: Shell) -> None:
    nested: dict[str, Any] = {"a": [1, True, None, {"b": 'ü " \\ \n'}], "empty": {}}
    result = store.realize(
        sh(
            "x",
            'mkdir $out $dev; cp "$longPath" $out/long; cp $HERMETICA_ATTRS $out/attrs;'
            ' echo "${long-unset}" > $out/variable',
            {"long": "x" * 300_000},
            pass_as_file=("long",),
            structured={"nested": nested},
            outputs=("out", "dev"),
        )
    )
    assert len(read(store, result.out, "long")) == 300_000
    assert read(store, result.out, "variable") == "unset\n"
    attributes = json.loads(read(store, result.out, "attrs"))
    assert attributes["nested"] == nested
    assert attributes["outputs"] == {"out": str(result.out), "dev": str(result["dev"])}


def test_b18_the_graphs_of_references_and_of_the_build_are_complete(store: hm.Store, sh: Shell) -> None:
    tool = sh("tool", "echo tool > $out")
    library = sh("library", "echo lib > $out")
    app = sh("app", "cat $tool > /dev/null; echo $lib > $out", {"tool": f"{tool}", "lib": f"{library}"})
    result = store.realize(
        sh(
            "x",
            "mkdir $out; cp runtime.json $buildPath $out/",
            {"build": hm.build_graph(app)},
            pass_as_file=("build",),
            export_references={"runtime.json": f"{app}"},
        )
    )
    runtime = json.loads(read(store, result.out, "runtime.json"))["closure"]
    assert {row["path"] for row in runtime} == {str(store.path(app)), str(store.path(library))}
    assert {row["path"]: row["references"] for row in runtime}[str(store.path(app))] == [str(store.path(library))]
    build = {row["name"]: row for row in json.loads(read(store, result.out, ".attr-build"))}
    assert set(build) == {"tool", "library", "app"}
    assert build["tool"]["outputs"]["out"] == str(store.path(tool))
    assert {str(store.path(tool)), str(store.path(library))} <= set(build["app"]["inputs"])


def test_b19_outputs_are_read_only_with_fixed_times(store: hm.Store, sh: Shell) -> None:
    result = store.realize(
        sh("x", "umask 0; mkdir -p $out/d; echo > $out/d/f; echo > $out/x; chmod 777 $out/x $out/d; ln -s x $out/l")
    )
    root = store.on_disk(result.out)
    modes = {
        path.relative_to(root).as_posix(): (stat.S_IMODE(path.lstat().st_mode), path.lstat().st_mtime_ns)
        for path in (root, *root.rglob("*"))
    }
    assert modes.pop("l")[1] == 1_000_000_000
    assert modes == {
        ".": (0o555, 1_000_000_000),
        "d": (0o555, 1_000_000_000),
        "d/f": (0o444, 1_000_000_000),
        "x": (0o555, 1_000_000_000),
    }


@pytest.mark.parametrize("script", ["mkfifo $out", "mkdir $out; mkfifo $out/pipe"])
def test_b19_special_files_are_refused(store: hm.Store, sh: Shell, script: str) -> None:
    with pytest.raises(SpecialFile):
        store.realize(sh("x", script))


def test_b19_setuid_bits_cannot_be_made(store: hm.Store, sh: Shell) -> None:
    result = store.realize(
        sh(
            "x",
            "echo > f; chmod 4755 f && echo made; chmod 2755 f && echo made; chmod u+s . && echo made; echo end > $out",
        )
    )
    assert b"made" not in result.log
    assert not os.lstat(store.on_disk(result.out)).st_mode & 0o6000
