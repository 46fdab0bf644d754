"""B55: closures that travel, and what becomes of them when something is missing, altered or full."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hermetica_store import ObjectStore
from tests.behaviours.conftest import module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.behaviours.conftest import CommandLine

pytestmark = pytest.mark.sandbox

HERMETICA = [sys.executable, "-m", "hermetica"]
PKGS = module(
    "library = sh('library', 'mkdir $out; echo library > $out/data; ln -s $out/data $out/link; echo $out > $out/me')",
    "app = sh('app', 'echo $lib/data > $out', env={'lib': f'{library}'})",
    "big = sh('big', 'head -c 3000000 /dev/urandom > $out')",
)


@pytest.fixture
def built(command: CommandLine) -> CommandLine:
    """The command line, with an app and its library built."""
    command.write("pkgs.py", PKGS)
    command("build", "--no-link", "./pkgs.py:app")
    command("root", "add", "app", "./pkgs.py:app")
    return command


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The root of another store."""
    return tmp_path / "elsewhere"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", os.fspath(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a file system")
    yield disk
    subprocess.run(["umount", "--lazy", os.fspath(disk)], check=True)


def held(root: Path) -> set[str]:
    """What a store holds, after making sure that it is whole."""
    with ObjectStore.open(root) as store:
        assert not store.verify().problems
        return {path.name for path in store.paths()}


def test_b55_a_closure_survives_an_archive_and_works_where_it_arrives(
    built: CommandLine, elsewhere: Path, store_root: Path
) -> None:
    built("store", "export", "./pkgs.py:app", "--output", "app.archive")
    path = built("store", "--store", str(elsewhere), "import", "app.archive", "--root", "app").stdout.strip()
    assert path == built("query", "outputs", "./pkgs.py:app").stdout.split()[-1]
    assert held(elsewhere) == {"app", "library"}
    built("gc", "--store", str(elsewhere))
    assert held(elsewhere) == {"app", "library"}
    for name in ("app", "library"):
        with ObjectStore.open(store_root) as here, ObjectStore.open(elsewhere) as there:
            (one,) = [each for each in here.paths() if each.name == name]
            assert here.nar(one) == there.nar(one)


def test_b55_a_closure_survives_a_pipe(built: CommandLine, elsewhere: Path) -> None:
    with subprocess.Popen(
        [*HERMETICA, "store", "export", "./pkgs.py:app"],
        cwd=built.directory,
        env=built.environment,
        stdout=subprocess.PIPE,
    ) as sending:
        built("store", "--store", str(elsewhere), "import", stdin=sending.stdout)
    assert sending.returncode == 0
    assert held(elsewhere) == {"app", "library"}


def test_b55_a_closure_survives_a_binary_cache_that_only_grows(built: CommandLine, elsewhere: Path) -> None:
    assert "2 objects exported" in built("store", "export", "./pkgs.py:app", "--cache", "cache").stderr
    assert "2 were there already" in built("store", "export", "./pkgs.py:app", "--cache", "cache").stderr
    path = built("query", "outputs", "./pkgs.py:app").stdout.split()[-1]
    built("store", "--store", str(elsewhere), "import", "--cache", "cache", path)
    assert held(elsewhere) == {"app", "library"}


def test_b55_an_incomplete_import_fails_and_leaves_nothing(built: CommandLine, elsewhere: Path) -> None:
    built("store", "export", "--no-closure", "./pkgs.py:app", "-o", "app.archive")
    ended = built("store", "--store", str(elsewhere), "import", "app.archive", status=6)
    assert "HM431" in ended.stderr
    assert "-library" in ended.stderr
    assert held(elsewhere) == set()
    built("store", "export", "./pkgs.py:app", "-o", "app.archive")
    whole = (built.directory / "app.archive").read_bytes()
    (built.directory / "app.archive").write_bytes(whole[: len(whole) // 2])
    assert "HM4" in built("store", "--store", str(elsewhere), "import", "app.archive", status=6).stderr
    assert held(elsewhere) == set()


def test_b55_an_altered_or_wrongly_signed_import_is_refused(built: CommandLine, elsewhere: Path) -> None:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    key = built("store", "generate-key", "mine-1", "-o", "secret").stdout.strip()
    wrong = built("store", "generate-key", "mine-1", "-o", "secret-2").stdout.strip()
    assert (built.directory / "secret").stat().st_mode & 0o777 == 0o600
    built("store", "export", "./pkgs.py:app", "--cache", "cache", "--sign", "secret")
    take = ("store", "--store", str(elsewhere), "import", "--cache", "cache", "--trusted-key")
    assert "HM435" in built(*take, wrong, status=6).stderr
    nar = next((built.directory / "cache" / "nar").iterdir())
    data = bytearray(nar.read_bytes())
    data[len(data) // 2] ^= 1
    nar.write_bytes(data)
    assert "HM43" in built(*take, key, status=6).stderr
    assert held(elsewhere) == set()
    data[len(data) // 2] ^= 1
    nar.write_bytes(data)
    built(*take, key)
    assert held(elsewhere) == {"app", "library"}


def test_b55_a_full_device_fails_cleanly_and_loses_nothing(built: CommandLine, store_root: Path) -> None:
    before = held(store_root)
    ended = built("store", "export", "./pkgs.py:app", "--output", "/dev/full", status=4)
    assert "HM438" in ended.stderr
    assert "No space left" in ended.stderr
    with open("/dev/full", "wb") as full:  # noqa: PTH123 -- a device
        ended = subprocess.run(
            [*HERMETICA, "store", "export", "./pkgs.py:app"],
            cwd=built.directory,
            env=built.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (ended.returncode, "HM438" in ended.stderr) == (4, True)
    assert held(store_root) == before


def test_b55_a_disk_that_fills_up_keeps_what_it_had(built: CommandLine, store_root: Path, small_disk: Path) -> None:
    built("build", "--no-link", "./pkgs.py:big")
    before = held(store_root)
    small = str(small_disk / "archive")
    built("store", "export", "./pkgs.py:app", "-o", small)
    kept = (small_disk / "archive").read_bytes()
    assert "HM438" in built("store", "export", "./pkgs.py:big", "-o", small, status=4).stderr
    assert (small_disk / "archive").read_bytes() == kept
    assert [path.name for path in small_disk.iterdir()] == ["archive"]
    (small_disk / "archive").unlink()
    cache = str(small_disk / "cache")
    built("store", "export", "./pkgs.py:app", "--cache", cache)
    assert "HM438" in built("store", "export", "./pkgs.py:big", "--cache", cache, status=4).stderr
    assert not (small_disk / "cache" / ".tmp").exists()
    built("store", "--store", str(small_disk.parent / "third"), "import", "--cache", cache)
    assert held(small_disk.parent / "third") == {"app", "library"}
    assert held(store_root) == before


def test_b55_an_import_into_a_full_store_fails_cleanly_and_works_with_room(
    built: CommandLine, small_disk: Path
) -> None:
    built("build", "--no-link", "./pkgs.py:big")
    built("store", "export", "./pkgs.py:app", "-o", "app.archive")
    built("store", "export", "./pkgs.py:big", "./pkgs.py:app", "-o", "big.archive")
    full = ("store", "--store", str(small_disk / "root"), "import")
    assert "HM403" in built(*full, "big.archive", status=4).stderr
    assert held(small_disk / "root") == set()
    built(*full, "app.archive", "--root", "app")
    assert "HM403" in built(*full, "big.archive", status=4).stderr
    assert held(small_disk / "root") == {"app", "library"}
    subprocess.run(["mount", "-o", "remount,size=16m", os.fspath(small_disk)], check=True)
    built(*full, "big.archive")
    assert held(small_disk / "root") == {"app", "library", "big"}


def test_b55_an_import_that_is_killed_leaves_a_store_that_takes_it_again(built: CommandLine, elsewhere: Path) -> None:
    built("store", "export", "./pkgs.py:app", "-o", "app.archive")
    data = (built.directory / "app.archive").read_bytes()
    with subprocess.Popen(
        [*HERMETICA, "store", "--store", str(elsewhere), "import"],
        cwd=built.directory,
        env=built.environment,
        stdin=subprocess.PIPE,
    ) as taking:
        assert taking.stdin is not None
        taking.stdin.write(data[:-30])
        taking.stdin.flush()
        while not (elsewhere / "tmp").exists() or not list((elsewhere / "tmp").rglob("*")):
            assert taking.poll() is None
        taking.kill()
    built("store", "--store", str(elsewhere), "import", "app.archive")
    assert held(elsewhere) == {"app", "library"}
    assert list((elsewhere / "tmp").iterdir()) == []
