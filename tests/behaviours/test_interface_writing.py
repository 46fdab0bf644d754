"""What users write, as the interface was designed: derivations, sources, texts, sets, and the store as a library."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

import hermetica as hm
from hermetica.cli.modules import load_file
from hermetica.realize.errors import FixedOutputMismatch
from tests.behaviours.conftest import module

if TYPE_CHECKING:
    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox

SETS = """
class Base(hm.PackageSet):
    @hm.package
    def busybox(self) -> hm.Source:
        return busybox

    @hm.package
    def cc(self, *, busybox: hm.Source) -> hm.Derivation:
        return hm.derivation(name="cc", builder=f"{busybox}/bin/sh", args=["-euc", "echo > $out"])

    @hm.package
    def zlib(self, *, cc: hm.Derivation, shared: bool = True) -> hm.Derivation:
        return sh("zlib", "echo $SHARED ${CFLAGS-} > $out", env={"SHARED": str(shared), "CC": f"{cc}"})


class Patched(Base):
    @hm.package
    def zlib(self) -> hm.Derivation:
        return super().zlib.override_attrs(lambda d: {"env": {**d.env, "CFLAGS": "-O3"}})


class Renamed(Base):
    @hm.package
    def zlib(self) -> hm.Derivation:
        return super().zlib.override_attrs({"name": "zlib-ours"})


pkgs = Patched(system="x86_64-linux")
static = pkgs.zlib.override(shared=False)
Mine = Base.extend(Patched, Renamed)
mine = Mine()
"""


def test_a_derivation_is_a_value_in_a_string_and_never_a_path(sh: Shell) -> None:
    busybox = sh.busybox
    hello = hm.derivation(
        name="hello-1.0",
        builder=f"{busybox}/bin/sh",
        args=["-euc", "mkdir -p $out && echo 'hello, world' > $out/greeting"],
    )
    zlib = hm.derivation(name="zlib-1.3.1", outputs=("out", "dev"), builder=f"{busybox}/bin/sh", env={"CC": "cc"})
    app = hm.derivation(
        name="app", builder=f"{busybox}/bin/sh", env={"CFLAGS": f"-I{zlib:dev}/include", "LDFLAGS": f"-L{zlib}/lib"}
    )
    assert [(token.output, each.name) for token, each in app.inputs.derivations] == [
        ("dev", zlib.name),
        ("out", zlib.name),
    ]
    assert {hello, pickle.loads(pickle.dumps(hello))} == {hello}  # noqa: S301 -- our own
    assert f"{zlib}" == f"{zlib:out}" != f"{zlib:dev}"
    assert f"{zlib}" != hm.placeholder("out")
    with pytest.raises(TypeError):
        os.fspath(hello)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue] -- what is tried
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        hello.name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] -- what is tried


def test_an_unknown_hash_fails_and_says_what_it_got(store: hm.Store, tmp_path: Path) -> None:
    (tmp_path / "zlib-1.3.1.tar.gz").write_bytes(b"not gzip at all")
    src = hm.fetchurl((tmp_path / "zlib-1.3.1.tar.gz").as_uri(), hash=hm.UNKNOWN)
    with pytest.raises(FixedOutputMismatch, match="no hash is declared") as caught:
        store.realize(src)
    got = caught.value.got.split()[-1]
    known = hm.fetchurl((tmp_path / "zlib-1.3.1.tar.gz").as_uri(), sha256=got)
    assert store.on_disk(store.realize(known).out).read_bytes() == b"not gzip at all"


def test_sources_texts_and_short_steps_go_together(command: CommandLine) -> None:
    command.write("src/rows", "a\nb\n")
    command.write("src/notes.md", "left out")
    command.write("pyproject.toml", "")
    command.write(
        "pkgs.py",
        module(
            "here = hm.source('.', include=['src/**', 'pyproject.toml'], exclude=['**/*.md'])",
            "conf = hm.text('app.conf', f'prefix={here}\\n')",
            "step = hm.run('count', 'wc -l < $data/src/rows > $out', tools=[busybox], data=here)",
        ),
    )
    step, conf = map(Path, command("build", "./pkgs.py:step", "./pkgs.py:conf").stdout.splitlines())
    assert step.read_text() == "2\n"
    assert conf.read_text().startswith("prefix=/hermetica/store/hx")
    listed = command("source", "ls", "./pkgs.py:here").stdout.split()
    assert listed == ["pyproject.toml", "src/rows"]
    assert "src/notes.md" in command("source", "ls", "--left-out", "./pkgs.py:here").stdout


def test_sets_are_overridden_overlaid_and_put_together(command: CommandLine) -> None:
    command.write("pkgs.py", module(SETS))
    with hm.evaluation():
        made = load_file(command.directory / "pkgs.py")
    assert made.pkgs.zlib.env["CFLAGS"] == made.static.env["CFLAGS"] == "-O3"
    assert (made.pkgs.zlib.env["SHARED"], made.static.env["SHARED"]) == ("True", "False")
    assert (made.mine.zlib.name, made.mine.zlib.env["CFLAGS"]) == ("zlib-ours", "-O3")
    built = Path(command("build", "--no-link", "./pkgs.py:static").stdout.strip())
    assert built.read_text() == "False -O3\n"


def test_the_store_is_a_library(store: hm.Store, sh: Shell) -> None:
    app = sh("app", "echo building; echo $library > $out; echo > $dev", {"library": f"{sh('lib', 'echo > $out')}"})
    app = app.override_attrs({"outputs": ("out", "dev")})
    plan = store.plan([app])
    assert [(step.derivation.name, step.work) for step in plan.steps] == [("lib", "build"), ("app", "build")]
    heard: list[hm.Event] = []
    r = store.realize(app, jobs=4, timeout_s=600, on_event=heard.append)
    assert (r.out.name, r["dev"].name, r.outcome) == ("app", "app-dev", hm.Outcome.BUILT)
    assert r.log == b"building\n"
    assert [each.name for each in r.references] == ["lib"]
    assert r.duration_s > 0
    assert r.record is not None
    assert r.record["name"] == "app"
    assert (heard[0].kind, heard[-1].kind) == ("run-started", "run-finished")
    assert store.plan([app]).steps == ()
    results = store.realize_all([app, sh("bad", "exit 3"), sh("good", "echo > $out")], keep_going=True)
    assert not results.ok
    assert [each.derivation.name for each in results.failed] == ["bad"]


def test_the_same_over_asyncio(store_root: Path, sh: Shell) -> None:
    async def build() -> hm.Realization:
        async with hm.aio.open_store(store_root) as store:
            return await store.realize(sh("app", "echo > $out"))

    assert asyncio.run(build()).outcome is hm.Outcome.BUILT


def test_embedding_prints_nothing_takes_no_signal_and_leaves_nothing_for_the_exit(store_root: Path) -> None:
    program = (
        "import atexit, signal\n"
        "before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]\n"
        "counted = atexit._ncallbacks()\n"
        "import hermetica as hm\n"
        "with hm.Store.open() as one, hm.Store.open(one.objects.root.parent / 'two') as two:\n"
        "    for store in (one, two):\n"
        "        store.realize(hm.text('t', 'x'))\n"
        "after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]\n"
        "assert before == after\n"
        "ours = atexit._ncallbacks() - counted\n"
        "assert ours <= 3, ours  # those of the standard library: logging, weakref, concurrent.futures\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HERMETICA_STORE": str(store_root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
