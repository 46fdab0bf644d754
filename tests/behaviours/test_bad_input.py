"""Every failure has its class, its code, the line it comes from and a way out; and the store is whole afterwards."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.errors import HermeticaError, StoreError
from hermetica.realize.errors import (
    BuildFailed,
    CommandNotFound,
    FetchFailed,
    InvalidInput,
    NotRealizable,
    OutputMissing,
    UnknownBuiltin,
    UnsupportedSystem,
)
from hermetica_store import SpecialFile
from tests.behaviours.conftest import as_user, module, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox


HM = "import hermetica as hm"


def is_whole(store: hm.Store) -> bool:
    return not store.objects.verify().problems and list((store.objects.root / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("import no_such_module_anywhere", 3, ("no_such_module_anywhere", "pkgs.py:1")),
        ("def f(:", 3, ("pkgs.py:1",)),
        ("x = 1 / 0", 3, ("ZeroDivisionError", "pkgs.py:1")),
        (f"{HM}\nx = hm.derivation(name='x', builder='/b', env={{'a': 1.5}})", 3, ("float", "pkgs.py:2")),
        (f"{HM}\nx = hm.derivation(name='x', builder='/b', structured={{'a': {{1, 2}}}})", 3, ("set",)),
        (f"{HM}\nd = hm.derivation(name='d', builder='/b')\nx = hm.derivation(name='x', builder=f'{{d}}'.upper())", 3,
         ("re-cased", "pkgs.py:3")),
        (f"{HM}\nx = hm.derivation(name='x', builder='')", 3, ("builder", "pkgs.py:2")),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_evaluated_says_where_and_why(
    command: CommandLine, text: str, status: int, words: tuple[str, ...]
) -> None:
    command.write("pkgs.py", text)
    ended = command("build", "./pkgs.py:x", status=status)
    assert "error[HM" in ended.stderr
    for word in words:
        assert word in ended.stderr
    assert ended.stdout == ""


def test_a_target_that_does_not_exist_is_a_usage_error(command: CommandLine) -> None:
    command.write("pkgs.py", module("zlib = sh('zlib', 'true')"))
    assert "zlib" in command("build", "./pkgs.py:zlip", status=2).stderr
    assert "no_such" in command("build", "./no_such.py:x", status=2).stderr


def test_a_missing_program_is_named_with_the_way_out(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(CommandNotFound, match="no-such-program") as caught:
        store.realize(sh("x", "no-such-program --version"))
    assert caught.value.hint == 'give it a PATH with the package that has it: env={"PATH": f"{package}/bin"}'
    assert "test_bad_input.py" in (caught.value.origin or "")
    assert ["conftest.py" in call for call in caught.value.via] == [True]


def test_a_missing_program_of_a_script_with_tools_is_added_to_them(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(CommandNotFound, match="no-such-program") as caught:
        store.realize(hm.run("x", "no-such-program --version", tools=[f"{sh.busybox}"]))
    assert "tools=[…]" in (caught.value.hint or "")


@pytest.mark.parametrize("wanted", ["zlib", None, ["x"], Path("pkgs.py"), {"a" * 100: 1}], ids=repr)
def test_what_is_no_derivation_is_refused_where_it_is_given(store: hm.Store, wanted: Any) -> None:
    asks: tuple[Callable[[Any], object], ...] = (
        *(store.realize, store.path),
        *(lambda each: store.realize_all([each]), lambda each: store.plan([each])),
    )
    for ask in asks:
        with pytest.raises(NotRealizable, match="is no derivation") as caught:
            ask(wanted)
        assert "test_bad_input.py" in (caught.value.origin or "")
        assert len(caught.value.message) < 90


def test_the_text_of_a_store_path_for_programmers_is_short(store: hm.Store, sh: Shell) -> None:
    path = store.realize(sh("name", "echo > $out")).out
    assert repr(path) == f"<StorePath {path.digest[:8]}…-name>"
    assert str(path) == f"/hermetica/store/{path.digest}-name"


def test_a_builder_that_fails_shows_the_end_of_its_log(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(BuildFailed, match="status 7") as caught:
        store.realize(sh("x", "for i in $(seq 100); do echo line $i; done; exit 7"))
    assert "line 100" in caught.value.log_tail
    with pytest.raises(BuildFailed, match=r"signal 9|status 137"):
        store.realize(sh("y", "kill -9 $$"))
    assert is_whole(store)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo > $out; rm $out", OutputMissing),
        ("mkdir $out; mkfifo $out/fifo", SpecialFile),
        ("mkdir $out; cd $out; nc -l -U socket & sleep 0.3; kill $! ; exit 5", BuildFailed),
    ],
)
def test_what_a_builder_may_not_leave_is_refused(
    store: hm.Store, sh: Shell, script: str, error: type[HermeticaError]
) -> None:
    with pytest.raises(error):
        store.realize(sh("x", script))
    assert is_whole(store)


def test_directories_without_permissions_become_readable(store: hm.Store, sh: Shell) -> None:
    result = store.realize(sh("x", "mkdir -p $out/d; echo in > $out/d/f; chmod 000 $out/d/f $out/d"))
    assert read(store, result.out, "d/f") == "in\n"
    assert is_whole(store)


def test_a_very_deep_tree_is_stored_or_left_without_a_trace(store: hm.Store, sh: Shell) -> None:
    name = "d" * 60
    nest = f"mkdir a; i=0; while [ $i -lt 500 ]; do mkdir b; mv a b/{name}; mv b a; i=$((i+1)); done; mv a $out"
    deep = "cd ${out%/*}; " + nest  # all on one file system: a move must not copy
    result = store.realize(sh("x", deep))
    assert result.outcome == "built"
    with pytest.raises(BuildFailed):
        store.realize(sh("y", f"{deep}; exit 1"))
    assert is_whole(store)
    store.objects.collect()
    assert list((store.objects.root / "store").iterdir()) == []


def test_an_unknown_builtin_and_a_foreign_system_are_refused(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(UnknownBuiltin, match="builtin:nonsense/1"):
        store.realize(hm.derivation(name="x", builder="builtin:nonsense/1"))
    with pytest.raises(UnsupportedSystem, match="riscv64-linux"):
        store.realize(sh("x", "echo > $out", system="riscv64-linux"))
    with pytest.raises(UnsupportedSystem, match="clock:stopped"):
        store.realize(sh("x", "echo > $out", features=("clock:stopped",)))


def tar_of(path: Path, *members: tuple[str, bytes | None, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data, link in members:
            member = tarfile.TarInfo(name)
            if data is None:
                member.type, member.linkname = tarfile.SYMTYPE, link
                archive.addfile(member)
            else:
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return path


def test_malicious_and_truncated_archives_are_refused(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    hostile = {
        "dots": tar_of(tmp_path / "dots.tar.gz", ("../../victim", b"x", "")),
        "absolute": tar_of(tmp_path / "absolute.tar.gz", (str(victim), b"x", "")),
        "link": tar_of(tmp_path / "link.tar.gz", ("l", None, str(tmp_path)), ("l/victim", b"x", "")),
    }
    whole = tar_of(tmp_path / "whole.tar.gz", ("file", os.urandom(100_000), ""))
    (tmp_path / "cut.tar.gz").write_bytes(whole.read_bytes()[:50_000])
    hostile["cut"] = tmp_path / "cut.tar.gz"
    for name, archive in hostile.items():
        with pytest.raises(InvalidInput):
            store.realize(hm.unpack(hm.source(archive), name=name))
    assert not victim.exists()
    assert is_whole(store)


def test_a_dead_mirror_and_an_unknown_one_name_the_way_out(store: hm.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMETICA_MIRROR_DEAD", "http://127.0.0.1:9")
    with pytest.raises(FetchFailed, match=r"127\.0\.0\.1:9|dead"):
        store.realize(hm.fetchurl("mirror://dead/file", sha256="0" * 64))
    with pytest.raises(HermeticaError, match="nowhere") as caught:
        store.realize(hm.fetchurl("mirror://nowhere/file", sha256="0" * 64))
    assert caught.value.hint
    assert is_whole(store)


def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    script = "import sys, hermetica as hm; hm.Store.open(sys.argv[1])"
    ended = as_user([sys.executable, "-c", script, "/proc/hermetica"])
    assert ended.returncode == 1
    if "No module" in ended.stderr or "Permission denied: '/root" in ended.stderr:
        pytest.skip("the interpreter or the package cannot be read by an ordinary user here")
    assert "Store" in ended.stderr
    with pytest.raises(StoreError):
        hm.Store.open("/proc/hermetica")


def test_a_cycle_cannot_be_written_down(sh: Shell) -> None:
    with pytest.raises(hm.EvaluationError, match="names no output"):
        sh("x", "true", {"itself": hm.placeholder("dev")})


@pytest.mark.parametrize("seed", range(5))
def test_an_interrupt_at_any_moment_leaves_no_process_scratch_or_lock(
    command: CommandLine, store_root: Path, seed: int
) -> None:
    marker = f"33{time.time_ns() % 10**6}"
    lines = [f"x{i} = sh('x{i}', 'sleep 0.2; [ {i} -lt 6 ] || sleep {marker}; echo {i} > $out')" for i in range(9)]
    command.write("pkgs.py", module(*lines))
    process = subprocess.Popen(
        [sys.executable, "-m", "hermetica", "build", "--no-link", "-j3", "./pkgs.py"],
        cwd=command.directory, env=command.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()  # the interpreter is up, and the run begins
    assert first.startswith("to do"), first
    time.sleep(random.Random(seed).uniform(0.0, 2.0))  # noqa: S311 -- a moment, not a secret
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode in {130, -signal.SIGINT}, stderr
    assert "Traceback" not in stderr or process.returncode == -signal.SIGINT
    running = subprocess.run(["pgrep", "-f", f"sleep {marker}"], capture_output=True, text=True, check=False)
    assert running.stdout == ""
    if store_root.exists():
        with hm.Store.open(store_root) as store:
            assert is_whole(store)
            for index in range(3):
                with store.objects.claim(f"any-{index}".encode()):
                    pass
