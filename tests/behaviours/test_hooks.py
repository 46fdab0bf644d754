"""B46: the post-build hook."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.realize import DerivationFinished, HookFinished, HookStarted, HookText, RunFinished
from hermetica.realize.errors import HookFailed
from hermetica.realize.trace import Trace
from hermetica_store import ObjectStore
from tests.behaviours.conftest import module
from tests.behaviours.test_control import survivors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox


def program(directory: Path, script: str) -> Path:
    """A hook of the host's own shell."""
    file = directory / "the hook"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def wait_for(come: Callable[[], bool]) -> None:
    """What was killed is gone a moment later."""
    deadline = time.monotonic() + 10
    while not come():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_b46_a_program_gets_derivation_and_outputs_when_they_are_durable(
    command: CommandLine, store_root: Path, tmp_path: Path
) -> None:
    hook = program(
        tmp_path,
        f"""
        cd {tmp_path}
        env | grep ^HERMETICA_ > "$HERMETICA_NAME.env"
        cat > "$HERMETICA_NAME.json"
        printf '%s\\n' "$HERMETICA_OUT_PLACES" | while read -r place; do cat "$place/file"; done > "$HERMETICA_NAME.out"
        cp "$HERMETICA_LOG" "$HERMETICA_NAME.log"
        echo uploaded
        """,
    )
    command.write(
        "pkgs.py",
        module(
            "lib = sh('lib', 'mkdir $out; echo lib > $out/file; echo said-lib')",
            "script = 'mkdir $out $dev; cat $lib/file > $out/file; echo dev > $dev/file; echo said-app'",
            "app = sh('app', script, env={'lib': f'{lib}'}, outputs=['out', 'dev'])",
        ),
    )
    ended = command("build", "-v", "--post-build-hook", str(hook), "./pkgs.py:app^*")
    assert "app hook> uploaded" in ended.stderr
    document: dict[str, Any] = json.loads((tmp_path / "app.json").read_text())
    with ObjectStore.open(store_root, read_only=True) as objects:
        outputs = {
            name: {"path": str(path), "on_disk": str(objects.on_disk(path))}
            for path in objects.paths()
            for name in [{"app": "out", "app-dev": "dev"}.get(path.name)]
            if name
        }
        record = next(row for row in Trace(objects).all_records() if row["name"] == "app")
    assert document["outputs"] == outputs
    assert (document["format"], document["name"], document["outcome"]) == ("hermetica.post-build/1", "app", "built")
    assert document["drv"] == record["drv"]
    assert document["derivation"]["outputs"] == ["out", "dev"]
    assert document["store"] == str(store_root)
    assert document["origin"].endswith("pkgs.py:7")
    assert Path(document["log_path"]).read_bytes() == (tmp_path / "app.log").read_bytes()
    lines = [line for line in (tmp_path / "app.env").read_text().splitlines() if "=" in line]
    variables = {name: value for name, _, value in (line.partition("=") for line in lines)}
    assert variables["HERMETICA_DRV"] == document["drv"]
    assert variables["HERMETICA_OUTPUTS"] == "out dev"
    assert variables["HERMETICA_OUT_PATHS"].split() == [outputs["out"]["path"], outputs["dev"]["path"]]
    assert variables["HERMETICA_LOG"] == document["log_path"]
    assert variables["HERMETICA_STORE"] == str(store_root)
    assert (tmp_path / "app.out").read_text() == "lib\ndev\n"
    assert (tmp_path / "lib.json").exists()


def test_b46_its_failure_is_reported_and_loses_nothing(command: CommandLine, tmp_path: Path) -> None:
    hook = program(tmp_path, 'echo "no route to cache"; [ $HERMETICA_NAME != lib ]')
    command.write(
        "pkgs.py",
        module(
            "lib = sh('lib', 'echo lib > $out')",
            "app = sh('app', 'cat $lib > $out', env={'lib': f'{lib}'})",
            "bad = sh('bad', 'exit 1')",
        ),
    )
    command.environment["HERMETICA_POST_BUILD_HOOK"] = str(hook)
    ended = command("build", "--json", "./pkgs.py:app", "./pkgs.py:lib", status=105)
    assert "error[HM120] lib: the post-build hook ended with status 1" in ended.stderr
    assert "| no route to cache" in ended.stderr
    document = json.loads(ended.stdout)
    assert document["status_name"] == "hook-failed"
    by_name = {row["name"]: row for row in document["results"]}
    assert by_name["lib"]["hook_error"]["code"] == "HM120"
    assert by_name["app"]["hook_error"] is None
    assert all(row["outcome"] == "built" and row["outputs"]["out"]["link"] for row in document["results"])
    # what is there is there, without the hook; and a failure outranks it
    command("build", "./pkgs.py:app", "./pkgs.py:lib")
    command.write("more.py", module("lib = sh('lib', 'echo more > $out')", "bad = sh('bad', 'exit 1')"))
    command("build", "-k", "./more.py", status=100)
    command("build", "--post-build-hook", "", "--no-link", "./more.py:lib")


def test_b46_a_program_runs_although_the_hook_failed_for_it(command: CommandLine, tmp_path: Path) -> None:
    lines = ("mkdir -p $out/bin", "echo '#!{}/bin/sh' > $out/bin/x", "echo exit 9 >> $out/bin/x", "chmod +x $out/bin/x")
    command.write("pkgs.py", module(f"x = sh('x', {'; '.join(lines)!r}.format(busybox))"))
    hook = program(tmp_path, "exit 1")
    ended = command("run", "--post-build-hook", str(hook), "./pkgs.py:x", status=9)
    assert "error[HM120]" in ended.stderr


def test_b46_a_hook_that_is_not_there_or_no_program_is_told(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    results = store.realize_all([sh("x", "echo > $out")], post_build_hook=tmp_path / "absent")
    assert results.ok
    (failure,) = results.hook_failures
    assert isinstance(failure, HookFailed)
    assert "x: the post-build hook cannot be run: No such file or directory" in str(failure)
    assert results[results.all[0].derivation].hook_error is failure


def test_b46_the_configuration_names_it_beside_its_file(command: CommandLine, tmp_path: Path) -> None:
    config = Path(command.environment["HOME"]) / ".config" / "hermetica"
    config.mkdir(parents=True)
    program(config, f"echo $HERMETICA_NAME >> {tmp_path}/seen")
    (config / "config.toml").write_text('post_build_hook = "the hook"\n')
    command.write("pkgs.py", module("x = sh('x', 'echo > $out')", "y = sh('y', 'exit 1')"))
    command("build", "--dry-run", "./pkgs.py:x")
    assert not (tmp_path / "seen").exists()
    command("build", "-k", "./pkgs.py", status=100)
    assert (tmp_path / "seen").read_text() == "x\n"
    command("build", "./pkgs.py:x")
    command("build", "--check", "./pkgs.py:x")
    assert (tmp_path / "seen").read_text() == "x\n"


def test_b46_it_has_a_time_limit_and_nothing_of_it_survives(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    marker = f"46{time.time_ns() % 10**6}"
    hook = program(tmp_path, f"trap '' TERM; sleep {marker} & sleep {marker}; sleep {marker}")
    started = time.monotonic()
    results = store.realize_all([sh("x", "echo > $out")], post_build_hook=str(hook), post_build_hook_timeout_s=0.3)
    assert time.monotonic() - started < 20
    assert "ran longer than 0.3 s" in str(results.hook_failures[0])
    assert results.ok
    wait_for(lambda: survivors(f"sleep {marker}") == [])


def test_b46_a_cancelled_run_ends_it(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    marker = f"47{time.time_ns() % 10**6}"
    hook = program(tmp_path, f"echo ready; sleep {marker}")
    cancellation = hm.Cancellation()

    def cancel(event: hm.Event) -> None:
        if isinstance(event, HookText):
            cancellation.cancel()

    first, second = sh("first", "echo 1 > $out"), sh("second", "sleep 0.2; echo 2 > $out")
    results = store.realize_all(
        [first, second], jobs=1, post_build_hook=str(hook), cancellation=cancellation, on_event=cancel
    )
    assert results[first].outcome == "built"
    assert "was ended with the run" in str(results[first].hook_error)
    wait_for(lambda: survivors(f"sleep {marker}") == [])


def test_b46_dependants_do_not_wait_for_it_and_the_run_does(store: hm.Store, sh: Shell) -> None:
    lib = sh("lib", "echo lib > $out")
    app = sh("app", "cat $lib > $out", {"lib": f"{lib}"})
    app_done = threading.Event()
    told: list[hm.PostBuild] = []
    events: list[hm.Event] = []

    def hook(done: hm.PostBuild) -> None:
        assert app_done.wait(30)
        told.append(done)

    def on_event(event: hm.Event) -> None:
        events.append(event)
        if isinstance(event, DerivationFinished) and event.name == "app":
            app_done.set()

    result = store.realize(app, post_build_hook=hook, on_event=on_event)
    assert [each.derivation for each in told] == [lib, app]
    assert told[1].outputs == result.outputs
    assert told[1].on_disk["out"] == store.on_disk(result.out)
    assert result.hook_error is None
    kinds = [type(event) for event in events if isinstance(event, HookStarted | HookFinished | RunFinished)]
    assert kinds == [HookStarted, HookFinished, HookStarted, HookFinished, RunFinished]


def test_b46_a_function_that_raises_fails_the_hook_alone(store: hm.Store, sh: Shell) -> None:
    def hook(done: hm.PostBuild) -> None:
        raise ValueError(f"not {done.derivation.name}")

    result = store.realize(sh("x", "echo > $out"), post_build_hook=hook)
    assert result.outcome == "built"
    assert "x: the post-build hook raised ValueError: not x" in str(result.hook_error)


def test_b46_what_a_builder_says_reaches_no_shell(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    hook = program(tmp_path, f'printf %s "$HERMETICA_NAME" > "{tmp_path}/name"; echo "$-" > /dev/null; exec <&-')
    results = store.realize_all([sh("x=1+2_?", "echo > $out")], post_build_hook=os.fspath(hook))
    assert results.hook_failures == ()
    assert (tmp_path / "name").read_text() == "x=1+2_?"
