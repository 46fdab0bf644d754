"""Each error of the room, met where it really happens."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.realize import DerivationStarted, DerivationWaiting
from hermetica.realize.errors import (
    BuildCancelled,
    FixedOutputMismatch,
    FixedOutputRefers,
    InputFailed,
    InvalidInput,
    OutputRefused,
)
from hermetica.realize.kept import NotKept, enter_kept, load
from tests.behaviours.conftest import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sandbox


@pytest.fixture
def store(tmp_path: Path) -> Iterator[hm.Store]:
    with hm.evaluation(), hm.Store.open(tmp_path / "store-root") as opened:
        yield opened


def sh(name: str, script: str, env: dict[str, str] | None = None, **fields: Any) -> hm.Derivation:
    shell = hm.source(TOOLS, name="busybox")
    return hm.derivation(name=name, builder=f"{shell}/bin/sh", args=("-euc", script), env=env or {}, **fields)


def test_a_cancelled_build_is_its_own_error(store: hm.Store) -> None:
    cancellation = hm.Cancellation()

    def cancel(event: hm.Event) -> None:
        if isinstance(event, DerivationStarted):
            cancellation.cancel()

    with pytest.raises(BuildCancelled):
        store.realize(sh("slow", "sleep 1000"), cancellation=cancellation, on_event=cancel)


def test_a_dependant_says_which_input_failed(store: hm.Store) -> None:
    bad = sh("bad", "exit 1")
    after = sh("after", "cat $bad > $out", {"bad": f"{bad}"})
    results = store.realize_all([after])
    assert isinstance(results[after].error, InputFailed)
    assert "bad" in str(results[after].error)
    with pytest.raises(hm.HermeticaError, match="bad: the builder ended with status 1"):
        store.realize(after)


def test_a_directory_that_is_no_kept_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotKept, match="is not a kept build"):
        load(tmp_path)
    (tmp_path / "kept-build.json").write_text('{"format": "hermetica.kept-build/99"}')
    with pytest.raises(NotKept, match="another version"):
        enter_kept(tmp_path)


def test_a_source_that_changed_or_went_is_refused(store: hm.Store, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("as it was declared")
    changed = sh("changed", "cat $src/file > $out", {"src": f"{hm.source(tree)}"})
    (tree / "file").write_text("as it is now")
    with pytest.raises(hm.HermeticaError, match="changed") as caught:
        store.realize(changed)
    assert caught.value.hint
    (tree / "file").unlink()
    tree.rmdir()
    with pytest.raises(InvalidInput, match="is gone"):
        store.realize(changed)
    absent = hm.store_path("/hermetica/store/hx" + "0" * 30 + "-absent")
    with pytest.raises(InvalidInput, match="is not in this store"):
        store.realize(sh("absent", "cat $src > $out", {"src": f"{absent}"}))


def test_a_fixed_output_of_a_builder_is_checked_and_kept(store: hm.Store) -> None:
    wrong = hm.FixedOutput(algorithm="sha256", digest="0" * 64)
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(sh("f", "echo content > $out", fixed=wrong))
    right = hm.FixedOutput(algorithm="sha256", digest=caught.value.got.split()[-1])
    again = store.realize(sh("f", "exit 1", fixed=right))
    assert again.outcome == "cached"
    with pytest.raises(FixedOutputRefers, match="is of a file"):
        store.realize(sh("g", "mkdir $out", fixed=wrong))


def test_a_flat_fixed_output_is_never_executable(store: hm.Store) -> None:
    wrong = hm.FixedOutput(algorithm="sha256", digest="1" * 64)
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(sh("f", "echo content > $out", fixed=wrong))
    right = hm.FixedOutput(algorithm="sha256", digest=caught.value.got.split()[-1])
    plain = store.path(sh("f", "exit 1", fixed=right))
    with pytest.raises(FixedOutputMismatch):
        store.realize(sh("f", "echo content > $out; chmod +x $out", fixed=wrong))
    assert [path for path in store.objects.paths() if path.name == "f"] == [plain]


def test_a_broken_check_names_every_offender_and_registers_nothing(store: hm.Store) -> None:
    first, second = sh("first", "echo 1 > $out"), sh("second", "echo 2 > $out")
    env = {"first": f"{first}", "second": f"{second}"}
    checks = hm.OutputChecks(disallowed_references=(f"{first}", f"{second}"))
    with pytest.raises(OutputRefused) as caught:
        store.realize(sh("x", "echo $first $second > $out", env, checks=checks))
    assert len(caught.value.details) == 2
    assert not [path for path in store.objects.paths() if path.name == "x"]


def test_two_runs_of_one_store_wait_for_each_other(store: hm.Store) -> None:
    slow = sh("slow", "sleep 1; echo > $out")
    waiting: list[str] = []
    outcomes: list[str] = []

    def realize() -> None:
        result = store.realize(
            slow, on_event=lambda event: waiting.append(event.name) if isinstance(event, DerivationWaiting) else None
        )
        outcomes.append(str(result.outcome))

    threads = [threading.Thread(target=realize) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["built", "cached", "cached"]
    assert waiting.count("slow") == 2


def test_an_error_in_the_callers_callback_ends_the_builders(store: hm.Store) -> None:
    marker = f"35{time.time_ns() % 10**6}"

    def fail(event: hm.Event) -> None:
        if isinstance(event, DerivationStarted):
            raise RuntimeError("the caller's own")  # noqa: TRY004 -- any error will do

    with pytest.raises(RuntimeError, match="the caller's own"):
        store.realize(sh("slow", f"sleep {marker}"), on_event=fail)
    assert subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True, check=False).stdout == b""
    assert list((store.objects.root / "tmp").iterdir()) == []


def test_a_result_finds_its_log_and_record_also_when_it_is_reused(store: hm.Store) -> None:
    derivation = sh("x", "echo said; echo > $out")
    built, reused = store.realize(derivation), store.realize(derivation)
    assert (built.outcome, reused.outcome) == ("built", "cached")
    for result in (built, reused):
        assert result.log == b"said\n"
        record = result.record
        assert record is not None
        assert record["name"] == "x"
        assert record["outputs"]["out"]["path"] == str(result.out)
        assert record["duration_s"] > 0
        assert record["cpu_user_s"] is not None
        assert record["sandbox_contract"] >= 1


def test_the_second_run_knows_how_long_the_first_took(store: hm.Store) -> None:
    expected: list[float | None] = []

    def note(event: hm.Event) -> None:
        if isinstance(event, DerivationStarted):
            expected.append(event.expected_s)

    store.realize(sh("x", "sleep 0.2; echo > $out"), on_event=note)
    store.realize(sh("x", "sleep 0.2; echo 2 > $out"), on_event=note)
    assert expected[0] is None
    assert expected[1] is not None
    assert expected[1] >= 0.2


def test_a_store_without_space_fails_the_build_and_stays_whole(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs to mount a small file system")
    try:
        with hm.evaluation(), hm.Store.open(small / "store") as store:
            with pytest.raises(hm.HermeticaError):
                store.realize(sh("big", "dd if=/dev/zero of=$out bs=1M count=64"))
            assert store.realize(sh("fits", "echo fits > $out")).outcome == "built"
            assert not store.objects.verify().problems
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_whoever_waits_for_another_run_can_be_cancelled(store: hm.Store) -> None:
    slow = sh("slow", "echo started; sleep 3; echo > $out")
    started = threading.Event()
    first = threading.Thread(
        target=lambda: store.realize(slow, on_event=lambda event: started.set() if event.kind == "log" else None)
    )
    first.start()
    assert started.wait(30)
    cancellation = hm.Cancellation()
    results = store.realize_all(
        [slow],
        cancellation=cancellation,
        on_event=lambda event: cancellation.cancel() if isinstance(event, DerivationWaiting) else None,
    )
    first.join()
    assert results[slow].outcome == "cancelled"
    assert results.failures == ()


def test_no_jobs_are_refused(store: hm.Store) -> None:
    with pytest.raises(ValueError, match="jobs"):
        store.realize_all([sh("x", "true")], jobs=0)
