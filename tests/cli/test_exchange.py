"""``store export``, ``import`` and ``generate-key`` on the command line."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from hermetica.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine


@pytest.fixture
def added(hermetica: CommandLine) -> str:
    """The path of an object."""
    (hermetica.directory / "thing").write_text("hello\n")
    return hermetica("store", "add", "thing").stdout.strip()


@pytest.fixture
def other(tmp_path: Path) -> tuple[str, str]:
    """The options that choose another store."""
    return "--store", str(tmp_path / "other")


def raw(hermetica: CommandLine, *words: str, **streams: Any) -> subprocess.CompletedProcess[str]:
    """Runs ``hermetica store`` with streams of its own."""
    return subprocess.run(
        [*hermetica.words, "store", *words],
        cwd=hermetica.directory,
        env=hermetica.environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **streams,
    )


def as_json(hermetica: CommandLine, *words: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(hermetica(*words, "--json").stdout)
    return document


def test_an_archive_goes_to_a_file_or_to_stdout_and_comes_from_either(
    hermetica: CommandLine, added: str, other: tuple[str, str]
) -> None:
    assert hermetica("store", "export", added, "-o", "a").stdout.split() == [added]
    place = hermetica.directory / "b"
    with place.open("wb") as file:
        assert raw(hermetica, "export", added, stdout=file).returncode == 0
    assert place.read_bytes() == (hermetica.directory / "a").read_bytes()
    with place.open("rb") as file:
        ended = raw(hermetica, *other, "import", "-", stdin=file, stdout=subprocess.PIPE)
    assert ended.stdout.split() == [added]
    assert "1 object imported, 6 B" in ended.stderr
    assert "0 objects imported, 0 B, 1 were there already" in hermetica("store", *other, "import", "a").stderr


def test_every_result_is_there_as_json(hermetica: CommandLine, added: str, other: tuple[str, str]) -> None:
    document = as_json(hermetica, "store", "export", added, "--cache", "cache", "--level", "19")
    assert (document["format"], document["paths"], document["skipped"]) == ("hermetica.exported/1", [added], 0)
    assert document["nar_bytes"] == 120
    document = as_json(hermetica, "store", *other, "import", "--cache", "cache", "--root", "kept")
    assert document == {
        "format": "hermetica.imported/1",
        "roots": [added],
        "added": [added],
        "present": 0,
        "size_bytes": 6,
    }
    assert as_json(hermetica, "root", *other, "ls")["roots"][0]["path"] == added


@pytest.fixture
def here(hermetica: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line's surroundings, for what runs in this process because it takes many calls."""
    monkeypatch.chdir(hermetica.directory)
    for name in ("HERMETICA_STORE", "HOME", "NO_COLOR"):
        monkeypatch.setenv(name, hermetica.environment[name])
    return hermetica


def test_objects_of_a_cache_are_found_by_path_base_and_digest(
    here: CommandLine, added: str, other: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (here.directory / "second").write_text("second\n")
    assert main(["store", "add", "second"]) == 0
    assert main(["store", "export", added, capsys.readouterr().out.strip(), "--cache", "cache"]) == 0
    base = added.rpartition("/")[2]
    for name in (added, base, base[:32], base[:12]):
        capsys.readouterr()
        assert main(["store", *other, "import", "--cache", "cache", name]) == 0
        assert capsys.readouterr().out.split() == [added]
    assert main(["store", *other, "import", "--cache", "cache", "hx"]) == 2
    assert "begins several" in capsys.readouterr().err
    for name in ("hx" + "0" * 30, f"{base}x", f"/elsewhere/{base}", ""):
        assert main(["store", *other, "import", "--cache", "cache", name]) == 2


def test_several_roots_get_a_name_each(hermetica: CommandLine, added: str, other: tuple[str, str]) -> None:
    (hermetica.directory / "second").write_text("second\n")
    hermetica("store", "export", added, hermetica("store", "add", "second").stdout.strip(), "-o", "a")
    hermetica("store", *other, "import", "a", "--root", "r")
    assert [root["name"] for root in as_json(hermetica, "root", *other, "ls")["roots"]] == ["r-1", "r-2"]


MISUSE = [
    (("export", "OBJECT", "--cache", "c", "-o", "f"), "--cache goes with neither"),
    (("export", "OBJECT", "--cache", "c", "--no-closure"), "--cache goes with neither"),
    (("export", "OBJECT", "--sign", "f"), "only binary caches are signed"),
    (("export", "OBJECT", "--level", "20"), "level"),
    (("export", "OBJECT", "--json"), "no room for --json"),
    (("export", "OBJECT", "--cache", "c", "--sign", "absent"), "cannot be read"),
    (("export", "OBJECT", "--cache", "c", "--sign", "thing"), "HM436"),
    (("export", "hx00"), "hx00"),
    (("import", "a", "b"), "one archive at a time"),
    (("import", "a", "--trusted-key", "k:AAAA"), "bear no signatures"),
    (("import", "absent"), "cannot be read"),
    (("import", "--cache", "absent"), "HM434"),
    (("import", "--cache", ".", "--trusted-key", "nonsense"), "HM436"),
    (("import", "--cache", ".", "--trusted-key", "empty"), "holds no key"),
    (("generate-key", "x"), "output"),
    (("generate-key", "x", "-o", "thing"), "HM438"),
]


def test_what_makes_no_sense_is_refused_with_a_reason(
    here: CommandLine, added: str, capfd: pytest.CaptureFixture[str], subtests: pytest.Subtests
) -> None:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    (here.directory / "empty").touch()
    for words, said in MISUSE:
        with subtests.test(" ".join(words)):
            named = [added if word == "OBJECT" else word for word in words]
            assert main(["store", *named]) == (4 if "HM438" in said else 2)
            assert said in "".join(capfd.readouterr())


def test_what_is_no_archive_is_refused(here: CommandLine, added: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert added.endswith("-thing")
    assert (here.directory / "thing").exists()
    assert main(["store", "import", "thing"]) == 6
    assert "HM430" in capsys.readouterr().err


def test_a_terminal_gets_no_archive(hermetica: CommandLine, added: str) -> None:
    ours, theirs = pty.openpty()
    ended = raw(hermetica, "export", added, stdout=theirs)
    os.close(theirs)
    os.close(ours)
    assert (ended.returncode, "nothing for a terminal" in ended.stderr) == (2, True)


def test_a_reader_that_goes_away_is_no_error_of_ours(hermetica: CommandLine, added: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = raw(hermetica, "export", added, stdout=writing)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_keys_may_stand_in_a_file(hermetica: CommandLine, added: str, other: tuple[str, str]) -> None:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    document = as_json(hermetica, "store", "generate-key", "k-1", "-o", "secret")
    assert document["public"].startswith("k-1:")
    second = hermetica("store", "generate-key", "k-2", "-o", "secret-2").stdout
    (hermetica.directory / "keys").write_text(f"{second}\n{document['public']}\n")
    hermetica("store", "export", added, "--cache", "cache", "--sign", "secret")
    assert hermetica("store", *other, "import", "--cache", "cache", "--trusted-key", "keys").stdout.split() == [added]


def test_keys_may_stand_in_the_settings(hermetica: CommandLine, added: str, other: tuple[str, str]) -> None:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    key = hermetica("store", "generate-key", "k-1", "-o", "secret").stdout.strip()
    trusting = {"HERMETICA_TRUSTED_KEYS": f"{key} other-1:{'A' * 43}="}
    hermetica("store", "export", added, "--cache", "cache")
    assert "HM435" in hermetica("store", *other, "import", "--cache", "cache", status=6, env=trusting).stderr
    hermetica("store", "export", added, "--cache", "cache", "--sign", "secret")
    hermetica("store", *other, "import", "--cache", "cache", env=trusting)
    nonsense = {"HERMETICA_TRUSTED_KEYS": "nonsense"}
    assert "HM436" in hermetica("store", *other, "import", "--cache", "cache", status=2, env=nonsense).stderr
