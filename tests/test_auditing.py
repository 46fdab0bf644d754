"""Embedded evaluation, watched: what it looks at besides its project is told, or refused, with file and line."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.auditing import ImpureEvaluation, Impurity
from hermetica.readings import listener

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = """\
import os
import socket
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import hermetica as hm

HERE = Path(__file__).parent
"""
FIRST = len(HEADER.splitlines()) + 1


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "project"
    place.mkdir()
    (place / "data.txt").write_text("data")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_text("secret")
    return place


def written(project: Path, *lines: str) -> Callable[[], None]:
    """A module of the project, to be imported as an embedder does."""
    file = project / "pkgs.py"
    file.write_text(HEADER + "\n".join(lines) + "\n")
    spec = importlib.util.spec_from_file_location("pkgs", file)
    assert spec is not None
    assert spec.loader is not None
    module, run = importlib.util.module_from_spec(spec), spec.loader.exec_module
    return lambda: run(module)


PURE = (
    "(HERE / 'data.txt').read_text()",
    "sorted(HERE.iterdir())",
    "x = hm.source('data.txt')",
    "import json.tool",
    "import hermetica_derivations.pins; hermetica_derivations.pins.lock()",
    "drv = hm.derivation(name='a', builder='/bin/sh'); f'{drv}'",
    "os.fspath(HERE)",
)
IMPURE = {
    "os.environ['HOME']": ("variable", "HOME"),
    "os.environ.get('CI')": ("variable", "CI"),
    "os.getenv('CI', '')": ("variable", "CI"),
    "'CI' in os.environ": ("variable", "CI"),
    "dict(os.environ)": ("variable", "every variable"),
    "Path('~').expanduser()": ("variable", "HOME"),
    "Path('/etc/passwd').read_text()": ("file", "/etc/passwd"),
    "open('../outside/secret.txt').close()": ("file", "OUTSIDE/secret.txt"),
    "(HERE / 'link').read_text()": ("file", "PROJECT/link"),
    "os.listdir('/etc')": ("file", "/etc"),
    "hm.source('../outside')": ("file", "OUTSIDE"),
    "sqlite3.connect('/nowhere/base')": ("file", "/nowhere/base"),
    "(HERE / 'new.txt').write_text('')": ("write", "PROJECT/new.txt"),
    "os.mkdir('made')": ("write", "made"),
    "subprocess.run(['true'])": ("process", "true"),
    "os.system('true')": ("process", "b'true'"),
    "socket.gethostname()": ("network", "socket.gethostname"),
    "socket.create_connection(('127.0.0.1', 1))": ("network", "socket.getaddrinfo"),
}


def prepared(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    (project / "link").symlink_to(project.parent / "outside/secret.txt")


@pytest.mark.parametrize("line", PURE)
def test_what_a_project_declares_is_pure(project: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    prepared(project, monkeypatch)
    load = written(project, line)
    with hm.audited(project, strict=True) as audit:
        load()
    assert audit.findings == ()


@pytest.mark.parametrize("line", IMPURE)
def test_what_it_does_not_declare_is_refused_at_its_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    prepared(project, monkeypatch)
    monkeypatch.setenv("HOME", str(project))
    kind, what = IMPURE[line]
    what = what.replace("PROJECT", str(project)).replace("OUTSIDE", str(project.parent / "outside"))
    load = written(project, "", line)
    with pytest.raises(ImpureEvaluation) as refused, hm.audited(project, strict=True):
        load()
    found = refused.value
    assert found.code == "HM709"
    assert (found.impurity.kind, found.impurity.what) == (kind, what)
    assert found.origin == f"{project}/pkgs.py:{FIRST + 1}"
    assert found.hint
    assert not (project / "new.txt").exists()
    assert not (project / "made").exists()


def test_what_is_recorded_hinders_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(project, monkeypatch)
    monkeypatch.setenv("CI", "yes")
    lines = (
        "assert os.environ['CI'] == 'yes'",
        "for _ in range(3): os.getenv('CI')",
        "open('/etc/passwd').close()",
    )
    load = written(project, *lines)
    with hm.audited(project) as audit:
        load()
    at = f"{project}/pkgs.py"
    assert audit.findings == (
        Impurity(kind="variable", what="CI", origin=f"{at}:{FIRST}"),
        Impurity(kind="variable", what="CI", origin=f"{at}:{FIRST + 1}"),
        Impurity(kind="file", what="/etc/passwd", origin=f"{at}:{FIRST + 2}"),
    )
    assert str(audit.findings[0]) == "it looks at CI of the environment"
    with pytest.raises(ImpureEvaluation, match="it looks at CI of the environment"):
        audit.check()


def test_what_is_declared_besides_the_project_is_pure(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(project, monkeypatch)
    outside = project.parent / "outside"
    load = written(project, "os.getenv('CI')", "open('/etc/passwd').close()", "hm.source('../outside')")
    with hm.audited(project, strict=True, env=["CI"], reads=[outside, "/etc/passwd"]) as audit:
        load()
    assert audit.findings == ()


def test_a_source_that_git_is_asked_about_is_pure(project: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "."], cwd=project, check=True)
    load = written(project, "assert hm.source('.').files")
    with hm.audited(project, strict=True) as audit:
        load()
    assert audit.findings == ()


def test_who_catches_the_refusal_does_not_get_away_with_it(project: Path) -> None:
    load = written(project, "try: os.environ['HOME']", "except Exception: pass")
    with pytest.raises(ImpureEvaluation, match="HOME"), hm.audited(project, strict=True):
        load()


def test_only_the_evaluation_is_watched(project: Path) -> None:
    """Other threads, other tasks, and the code before and after."""
    begun, over = threading.Event(), threading.Event()
    raised: list[ImpureEvaluation] = []

    def elsewhere() -> None:
        begun.wait()
        try:
            Path("/etc/passwd").read_bytes()
            os.getenv("HOME")
        except ImpureEvaluation as error:
            raised.append(error)
        over.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    with hm.audited(project, strict=True):
        begun.set()
        assert over.wait(10)
    thread.join()
    assert raised == []
    Path("/etc/passwd").read_bytes()
    assert "HOME" in os.environ or os.getenv("HOME") is None

    async def both() -> None:
        async def audits(look: Callable[[], object], count: int) -> None:
            with hm.audited(project) as audit:
                await asyncio.sleep(0.01)
                look()
                await asyncio.sleep(0.01)
            assert len(audit.findings) == count

        await asyncio.gather(audits(lambda: os.getenv("HOME"), 1), audits(lambda: None, 0))

    asyncio.run(both())


def test_nothing_of_it_stays_but_one_hook_that_does_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks: list[object] = []
    added = sys.addaudithook

    def add(hook: Callable[[str, tuple[object, ...]], object]) -> None:
        hooks.append(hook)
        added(hook)

    monkeypatch.setattr(sys, "addaudithook", add)
    variables = os.environ
    before = (variables.encodekey, variables.decodekey, listener.get())
    for _ in range(3):
        with suppress(ImpureEvaluation), hm.audited(project, strict=True), hm.audited(project):
            os.getenv("HOME")
    assert (variables.encodekey, variables.decodekey, listener.get()) == before
    assert len(hooks) <= 1


def test_a_deep_chain_of_packages_is_watched_though_it_goes_on_in_another_thread(project: Path) -> None:
    lines = (
        "class Deep(hm.PackageSet): pass",
        "def link(index):",
        "    def make(self):",
        "        return getattr(self, f'p{index - 1}') if index else os.getenv('HOME')",
        "    make.__name__ = f'p{index}'",
        "    return hm.package(make)",
        "made = type('Deep', (hm.PackageSet,), {f'p{index}': link(index) for index in range(3000)})()",
        "made.p2999",
    )
    load = written(project, *lines)
    with hm.audited(project) as audit:
        load()
    assert [(each.kind, each.what) for each in audit.findings] == [("variable", "HOME")]


def test_a_socket_that_is_connected_to_nothing_is_nobodys_matter(project: Path) -> None:
    with hm.audited(project, strict=True):
        socket.socket().close()
