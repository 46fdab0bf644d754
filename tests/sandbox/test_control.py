"""How a run ends, and that nothing of it is left."""

# ruff: noqa: E501 -- scripts and tables are read as they are run
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from hermetica.sandbox import BuilderNotFound, Cancellation, Limits, Outcome, Spawner, run
from tests.sandbox.conftest import ROOT, Box, as_ordinary_user, import_paths, processes_with

pytestmark = pytest.mark.sandbox


@pytest.fixture
def token() -> str:
    """A text that no other process of this host has in its command line."""
    return f"hermetica-test-{uuid.uuid4().hex}"


def spinners(token: str) -> str:
    return (
        f"setsid sh -c 'setsid sh -c \"sleep 1000; : {token} 1\" & sleep 1000; : {token} 2' </dev/null >/dev/null 2>&1 &\n"
        f"sh -c \"trap '' TERM HUP INT; sleep 1000; : {token} 3\" &\n"
        f"sh -c 'while :; do :; done; : {token} 4' &\n"
    )


def test_the_exit_status_is_the_builders(box: Box) -> None:
    ran = box.run("echo out; echo err >&2; exit 42")
    assert (ran.exit.outcome, ran.exit.status, ran.exit.signal, ran.exit.succeeded) == (Outcome.EXITED, 42, None, False)
    assert ran.lines == ["out", "err"]
    assert ran.exit.log_bytes == 8
    assert box.run(":").exit.succeeded


def test_a_signal_is_told_as_a_shell_tells_it(box: Box) -> None:
    ran = box.run("kill -SEGV $$")
    assert (ran.exit.status, ran.exit.signal) == (128 + signal.SIGSEGV, signal.SIGSEGV)


def test_a_build_tells_what_all_its_processes_used(box: Box) -> None:
    ran = box.run(
        "i=0; (while [ $i -lt 300000 ]; do i=$((i+1)); done) & wait; dd if=/dev/zero of=/dev/null bs=64M count=2 2>/dev/null"
    )
    assert ran.exit.cpu_user_s is not None
    assert ran.exit.cpu_user_s > 0.05
    assert ran.exit.peak_memory_bytes is not None
    assert 64 << 20 < ran.exit.peak_memory_bytes < 256 << 20
    assert ran.exit.cpu_user_s < ran.exit.duration_s * 4


def test_daemons_do_not_survive_a_builder_that_ends(box: Box, token: str) -> None:
    script = spinners(token) + "sleep 0.2; echo started"
    ran = box.run(script)
    assert (ran.lines, ran.exit.status) == (["started"], 0)
    assert processes_with(token) == []
    assert ran.exit.duration_s < 10


def test_daemons_did_run_before(box: Box, token: str) -> None:
    seen: list[str] = []

    def look(_output: bytes) -> None:
        seen.extend(processes_with(token))

    run(box.spec(spinners(token) + "sleep 0.2; echo now; sleep 0.5"), log=look)
    assert len({line[-2] for line in seen}) >= 3


@pytest.mark.parametrize(
    ("script", "limits", "outcome"),
    [
        ("while :; do echo tick; sleep 0.05; done", {"timeout_s": 0.5}, Outcome.TIMED_OUT),
        ("echo tick; while :; do :; done", {"silence_timeout_s": 0.5, "timeout_s": 30}, Outcome.SILENT),
        ("while :; do echo flood; done", {"log_limit_bytes": 10_000, "timeout_s": 30}, Outcome.LOG_LIMIT),
    ],
)
def test_each_limit_ends_the_build_with_its_own_outcome_and_no_process_survives(
    box: Box, token: str, script: str, limits: dict[str, float], outcome: Outcome
) -> None:
    ran = box.run(f"{spinners(token)}: {token}; {script}", limits_of_run=limits)
    assert ran.exit.outcome is outcome
    assert ran.exit.status is None
    assert not ran.exit.succeeded
    assert processes_with(token) == []
    assert ran.exit.duration_s < 10


def test_the_log_is_cut_at_its_limit_exactly(box: Box) -> None:
    ran = box.run(
        "i=0; while [ $i -lt 5000 ]; do echo 0123456789; i=$((i+1)); done", limits_of_run={"log_limit_bytes": 12_345}
    )
    assert (ran.exit.outcome, len(ran.output), ran.exit.log_bytes) == (Outcome.LOG_LIMIT, 12_345, 12_345)
    assert box.run("echo 0123456789", limits_of_run={"log_limit_bytes": 11}).exit.outcome is Outcome.EXITED
    assert box.run("echo 0123456789", limits_of_run={"log_limit_bytes": 10}).exit.outcome is Outcome.LOG_LIMIT


def test_output_that_holds_any_bytes_arrives_unchanged(box: Box) -> None:
    ran = box.run("dd if=/dev/urandom of=noise bs=1000 count=300 2>/dev/null; cat noise")
    assert ran.output == (box.build_dir / "noise").read_bytes()


def test_a_builder_may_talk_like_bubblewrap(box: Box) -> None:
    assert box.run("echo 'bwrap: execvp /x: No such file'; exit 1").lines == ["bwrap: execvp /x: No such file"]
    assert box.run("echo bw").lines == ["bw"]
    assert len(box.run("i=0; while [ $i -lt 2000 ]; do echo 'bwrap: x'; i=$((i+1)); done").lines) == 2000


def test_a_cancellation_ends_many_builds_at_once(box: Box, tmp_path: Path, token: str) -> None:
    from tests.sandbox.conftest import make_box

    cancellation = Cancellation()
    boxes = [box]
    for name in ("second", "third"):
        (tmp_path / name).mkdir()
        boxes.append(make_box(tmp_path / name))
    outcomes: list[Outcome] = []
    started = threading.Barrier(len(boxes) + 1, timeout=20)

    def wait(_output: bytes) -> None:
        started.wait()

    def build(one: Box) -> None:
        spec = one.spec(f"{spinners(token)} echo ready; sleep 1000; : {token}")
        outcomes.append(run(spec, log=wait, cancellation=cancellation).outcome)

    threads = [threading.Thread(target=build, args=(one,)) for one in boxes]
    for thread in threads:
        thread.start()
    started.wait()
    assert not cancellation.is_cancelled
    cancellation.cancel()
    cancellation.cancel()
    for thread in threads:
        thread.join(20)
    assert outcomes == [Outcome.CANCELLED] * 3
    assert processes_with(token) == []
    assert box.run(":", limits_of_run={"cancellation": cancellation}).exit.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("delay_s", [0.0, 0.001, 0.002, 0.003, 0.005, 0.01])
def test_a_cancellation_during_the_start_leaves_nothing(box: Box, token: str, delay_s: float) -> None:
    cancellation = Cancellation()
    timer = threading.Timer(delay_s, cancellation.cancel)
    timer.start()
    ran = box.run(f"sleep 1000; : {token}", limits_of_run={"cancellation": cancellation})
    timer.join()
    assert ran.exit.outcome is Outcome.CANCELLED
    assert processes_with(token) == []


def test_an_error_in_the_log_callback_ends_the_build(box: Box, token: str) -> None:
    def broken(_output: bytes) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        run(box.spec(f"{spinners(token)} echo x; sleep 1000; : {token}"), log=broken)
    assert processes_with(token) == []


def test_a_builder_that_signals_its_whole_group_does_not_hang(box: Box) -> None:
    ran = box.run(
        "trap 'echo caught' TERM; kill -TERM 0; kill -STOP 1; kill -TERM 1; sleep 0.1; echo on",
        limits_of_run={"timeout_s": 20},
    )
    assert (ran.exit.outcome, ran.exit.status) == (Outcome.EXITED, 0)
    assert ran.lines == ["caught", "on"]


def test_a_builder_that_closes_its_output_runs_on(box: Box) -> None:
    ran = box.run("exec >&- 2>&-; sleep 0.3; exit 7")
    assert (ran.exit.status, ran.output) == (7, b"")


def test_a_killed_embedding_process_takes_its_builds_along(box: Box, token: str) -> None:
    code = """
import sys
from pathlib import Path
from tests.sandbox.conftest import Box
from hermetica.sandbox import run
run(Box(Path(sys.argv[1])).spec(sys.argv[2]), log=lambda output: print(output.decode(), flush=True))
"""
    script = f"{spinners(token)} echo ready; sleep 1000; : {token}"
    environment = {**os.environ, "PYTHONPATH": import_paths()}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(box.root), script], stdout=subprocess.PIPE, env=environment, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    end_s = time.monotonic() + 10
    while processes_with(token) and time.monotonic() < end_s:
        time.sleep(0.02)
    assert processes_with(token) == []


def test_a_spawner_serves_many_runs_and_ends_what_is_left_when_closed(box: Box) -> None:
    with Spawner.with_own_thread() as spawner:
        statuses = [box.run(f"exit {n}", limits_of_run={"spawner": spawner}).exit.status for n in range(5)]
    assert statuses == [0, 1, 2, 3, 4]


def test_a_worker_thread_can_be_its_own_spawner_and_only_its_own(box: Box) -> None:
    results: list[object] = []
    made: list[Spawner] = []

    def work() -> None:
        with Spawner.on_this_thread() as spawner:
            made.append(spawner)
            results.append(box.run("umask", limits_of_run={"spawner": spawner}).lines)
            results.append(Path("/proc/thread-self/personality").read_text().strip())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results == [["0022"], "00040000"]
    from hermetica.sandbox.errors import SandboxError

    with pytest.raises(SandboxError, match="another thread"):
        box.run(":", limits_of_run={"spawner": made[0]})


def test_no_descriptor_and_no_zombie_is_left(box: Box) -> None:
    def state() -> tuple[int, int]:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return len(list(Path("/proc/self/fd").iterdir())), len(children)

    box.run(":")
    before = state()
    for _ in range(5):
        box.run("echo x")
        box.run("sleep 9", limits_of_run={"timeout_s": 0.02})
    with pytest.raises(BuilderNotFound):
        box.run(":", builder="/none")
    assert state() == before


def test_a_fork_bomb_of_an_ordinary_user_hits_its_limit() -> None:
    code = """
import sys, tempfile
from pathlib import Path
from hermetica.sandbox import Limits
from tests.sandbox.conftest import make_box
with tempfile.TemporaryDirectory() as scratch:
    box = make_box(Path(scratch))
    script = "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; echo all"
    ran = box.run(script, limits=Limits(processes=30), limits_of_run={"timeout_s": 20})
    print(ran.exit.outcome.value, "all" in ran.lines, "fork" in ran.text)
"""
    done = subprocess.run(as_ordinary_user(code), capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout.split() == ["exited", "False", "True"]
    assert Limits().processes == 4096
