"""B36-B38, B42-B45: limits, failures, several at once, logs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.realize import DerivationFinished, DerivationStarted
from hermetica.realize.errors import BuildFailed, BuildSilent, BuildTimedOut, LogLimitExceeded
from hermetica.realize.kept import load
from tests.behaviours.conftest import module, read

if TYPE_CHECKING:
    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox


def survivors(word: str) -> list[str]:
    found: list[str] = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in line and int(process.name) != os.getpid() and "pytest" not in line:
                found.append(line)
    return found


@pytest.mark.parametrize(
    ("script", "options", "error"),
    [
        ("sleep {} & sleep 1000", {"timeout_s": 0.5}, BuildTimedOut),
        ("echo start; (setsid sleep {} &) ; sleep 1000", {"silence_timeout_s": 0.5}, BuildSilent),
        ("sleep {} & while :; do echo flood flood flood flood; done", {"log_limit_bytes": 100_000}, LogLimitExceeded),
    ],
)
def test_b36_each_limit_has_its_own_class_and_nothing_survives(
    store: hm.Store, sh: Shell, script: str, options: dict[str, Any], error: type[Exception]
) -> None:
    marker = f"31{time.time_ns() % 10**6}"
    with pytest.raises(error):
        store.realize(sh("x", script.format(marker)), **options)
    assert survivors(f"sleep {marker}") == []


def test_b36_a_daemon_does_not_survive_a_build_that_succeeds(store: hm.Store, sh: Shell) -> None:
    marker = f"32{time.time_ns() % 10**6}"
    store.realize(sh("x", f"(setsid sleep {marker} >/dev/null 2>&1 &); echo > $out"))
    assert survivors(f"sleep {marker}") == []


def test_b37_a_failed_build_leaves_nothing_unless_it_is_kept(store: hm.Store, sh: Shell) -> None:
    failing = sh("x", "mkdir d; echo half > d/half; chmod 000 d; exit 3")
    with pytest.raises(BuildFailed, match="status 3"):
        store.realize(failing)
    scratch = store.objects.root / "tmp"
    assert list(scratch.iterdir()) == []
    with pytest.raises(BuildFailed) as caught:
        store.realize(sh("y", "echo half > half; exit 4"), keep_failed=True)
    kept = Path(caught.value.kept or "")
    assert (kept / "build" / "half").read_text() == "half\n"


def test_b37_a_kept_build_can_be_entered(command: CommandLine) -> None:
    command.write("pkgs.py", module("x = sh('x', 'echo half > half; exit 4', env={'VARIABLE': 'declared'})"))
    ended = command("build", "--keep-failed", "./pkgs.py:x", status=100)
    kept = next(line.split()[-1] for line in ended.stderr.splitlines() if line.strip().startswith("kept"))
    spec = load(Path(kept))
    ended = command("develop", "--failed", kept, "--", spec.builder, "-c", "cat half; echo $VARIABLE; pwd")
    assert ended.stdout.split() == ["half", "declared", "/build"]


def test_b38_keep_going_finishes_what_is_independent(store: hm.Store, sh: Shell) -> None:
    bad = sh("bad", "exit 1")
    dependants = [sh(f"d{index}", "cat $b > $out", {"b": f"{bad}"}) for index in range(3)]
    good = [sh(f"good{index}", "echo > $out") for index in range(3)]
    finished: list[DerivationFinished] = []
    results = store.realize_all(
        [*dependants, *good],
        keep_going=True,
        jobs=1,
        on_event=lambda event: finished.append(event) if isinstance(event, DerivationFinished) else None,
    )
    assert [failure.derivation.name for failure in results.failures] == ["bad"]
    assert results.dependants == 3
    assert all(results[each].outcome == "dependency-failed" for each in dependants)
    assert all(results[each].outcome == "built" for each in good)
    assert [event.name for event in finished if event.outcome == "failed"] == ["bad"]


def test_b38_cancelled_is_not_failed(store: hm.Store, sh: Shell) -> None:
    cancellation = hm.Cancellation()
    slow, never = sh("slow", "sleep 1000"), sh("never", "echo > $out")

    def cancel(event: hm.Event) -> None:
        if isinstance(event, DerivationStarted):
            cancellation.cancel()

    results = store.realize_all([slow, never], jobs=1, cancellation=cancellation, on_event=cancel)
    assert {result.outcome for result in results.all} == {"cancelled"}
    assert results.failures == ()


def test_b42_a_dry_run_lists_builds_and_fetches_with_sizes(command: CommandLine, store_root: Path) -> None:
    command.write(
        "pkgs.py",
        module(
            f"src = hm.fetchurl('http://127.0.0.1:9/big.tar', sha256='{'0' * 64}', size_bytes=12_345_678)",
            "x = sh('x', 'cat $s > $out', env={'s': f'{src}'})",
        ),
    )
    ended = command("build", "--dry-run", "./pkgs.py:x")
    text = ended.stdout + ended.stderr
    assert "big.tar" in text
    assert "12.3 MB" in text or "12,345,678" in text or "11.8 MiB" in text
    assert not (store_root / "store").exists() or not list((store_root / "store").iterdir())


def test_b43_as_many_run_at_once_as_are_ready_and_allowed(store: hm.Store, sh: Shell) -> None:
    running, most = 0, 0

    def count(event: hm.Event) -> None:
        nonlocal running, most
        if isinstance(event, DerivationStarted):
            running += 1
            most = max(most, running)
        elif isinstance(event, DerivationFinished):
            running -= 1

    assert store.realize_all([sh(f"x{i}", "sleep 0.3; echo > $out") for i in range(5)], jobs=3, on_event=count).ok
    assert most == 3
    most = 0
    chain = sh("c0", "echo > $out")
    for index in range(3):
        chain = sh(f"c{index + 1}", "sleep 0.1; echo > $out", {"before": f"{chain}"})
    store.realize(chain, jobs=3, on_event=count)
    assert most == 1


def test_b44_the_cores_reach_the_builder_and_never_the_id(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    derivation = sh("x", "echo $HERMETICA_BUILD_CORES > $out")
    result = store.realize(derivation, cores=7)
    assert read(store, result.out) == "7\n"
    assert store.realize(derivation, cores=3).out == result.out


def test_b45_logs_are_found_and_survive_every_byte(store: hm.Store, sh: Shell) -> None:
    noisy = store.realize(sh("noisy", "printf 'a\\377\\000b\\n'; echo to-stderr >&2; echo > $out"))
    assert noisy.log == b"a\xff\x00b\nto-stderr\n"
    silent = store.realize(sh("silent", "echo > $out"))
    assert silent.log == b""


def test_b45_the_command_line_finds_a_log_by_target_path_and_failure(command: CommandLine) -> None:
    command.write(
        "pkgs.py",
        module("good = sh('good', 'echo said-good; echo good > $out')", "bad = sh('bad', 'echo said-bad; exit 1')"),
    )
    command("build", "--no-link", "./pkgs.py:good")
    path = command("query", "outputs", "./pkgs.py:good").stdout.strip().splitlines()[-1]
    assert "said-good" in command("log", "./pkgs.py:good").stdout
    assert "said-good" in command("log", path).stdout
    command("build", "--no-link", "./pkgs.py:bad", status=100)
    assert "said-bad" in command("log", "./pkgs.py:bad").stdout


def test_b45_the_log_is_followed_live(store: hm.Store, sh: Shell) -> None:
    seen: list[float] = []
    started = time.monotonic()
    store.realize(
        sh("x", "echo first; sleep 1; echo last; echo > $out"),
        on_event=lambda event: seen.append(time.monotonic() - started) if event.kind == "log" else None,
    )
    assert seen[-1] - seen[0] > 0.5
