"""``build --fix-hashes`` through the real command, with files from a real server on loopback."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.fixing.project import CannotRewrite, Source
from tests.fetch.servers import Server, whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox

ONE, TWO = b"one\n", b"two\n"
NO_PROXY = {"no_proxy": "127.0.0.1", "http_proxy": ""}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def served(hermetica: CommandLine) -> Iterator[Server]:
    hermetica.environment.update(NO_PROXY)
    with Server() as server:
        server.add("/one", whole(ONE))
        server.add("/two", whole(TWO))
        yield server


def asked(server: Server) -> list[str]:
    return sorted(path for path, _ in server.requests)


def test_b23_every_wrong_or_unknown_hash_is_rewritten_where_it_stands_and_nothing_is_fetched_again(
    hermetica: CommandLine, served: Server
) -> None:
    file = hermetica.module(
        f"one = hm.fetchurl('{served.url}/one', sha256='{'0' * 64}')",
        "two = hm.fetchurl(",
        f"    '{served.url}/two',  # a comment",
        "    hash=hm.UNKNOWN,",
        ")",
        "app = sh('app', 'cat $one $two > $out', env={'one': f'{one}', 'two': f'{two}'})",
    )
    file.chmod(0o640)
    text = file.read_text()
    ended = hermetica("build", "--fix-hashes", "--ui", "plain", "./pkgs.py:app")
    right = text.replace("0" * 64, sha256(ONE)).replace("hash=hm.UNKNOWN", f'sha256="{sha256(TWO)}"')
    assert file.read_text() == right
    assert file.stat().st_mode & 0o777 == 0o640
    assert (hermetica.directory / "result").read_bytes() == ONE + TWO
    assert asked(served) == ["/one", "/two"]
    assert "fixed     pkgs.py:10  one  (its hash was another)" in ended.stderr
    assert f"+one = hm.fetchurl('{served.url}/one', sha256='{sha256(ONE)}')" in ended.stderr
    assert "error[" not in ended.stderr
    again = hermetica("build", "--fix-hashes", "./pkgs.py:app")
    assert again.stderr == ""
    assert file.read_text() == right


def test_hashes_that_only_appear_once_others_are_right_are_fixed_in_further_rounds(
    hermetica: CommandLine, served: Server
) -> None:
    file = hermetica.module(
        f"one = hm.fetchurl('{served.url}/one', hash=hm.UNKNOWN)",
        "made = sh('made', 'cp $one $out', env={'one': f'{one}'},",
        "          fixed=hm.FixedOutput(digest=hm.UNKNOWN))",
    )
    hermetica("build", "--fix-hashes", "--no-link", "./pkgs.py:made")
    assert file.read_text().count(sha256(ONE)) == 2
    assert asked(served) == ["/one"]


def test_a_hash_in_a_module_that_the_target_imports_is_fixed_there(hermetica: CommandLine, served: Server) -> None:
    sources = hermetica.write(
        "sources.py",
        f"# -*- coding: latin-1 -*-\nimport hermetica as hm\n\n# caf\xe9\none = hm.fetchurl('{served.url}/one', "
        "sha256=hm.UNKNOWN)\n",
    )
    sources.write_bytes(sources.read_text().encode("latin-1").replace(b"\n", b"\r\n"))
    hermetica.module("from sources import one", "app = sh('app', 'cp $one $out', env={'one': f'{one}'})")
    hermetica("build", "--fix-hashes", "--no-link", "./pkgs.py:app")
    data = sources.read_bytes()
    assert f'sha256="{sha256(ONE)}"\r\n'.replace("\r\n", "").encode() in data
    assert data.count(b"\r\n") == 5
    assert b"# caf\xe9\r\n" in data


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("one = hm.fetchurl('URL/one', sha256='0' * 64)", "it is computed"),
        ("one = hm.Lock.read(HERE).group('g').pin('one').fetch()", "hermetica update g pins it anew"),
    ],
)
def test_what_cannot_be_rewritten_says_why_and_what_to_write(
    hermetica: CommandLine, served: Server, line: str, reason: str
) -> None:
    lock = hermetica.write(
        "hermetica.lock",
        f'version = 1\n[groups.g]\n[[groups.g.pins]]\nkind = "file"\nname = "one"\nversion = "1"\n'
        f'sha256 = "{"0" * 64}"\nsize_bytes = 4\naddresses = ["{served.url}/one"]\n',
    )
    if "Lock" not in line:
        lock.unlink()
    file = hermetica.module(
        "from pathlib import Path", "HERE = Path('hermetica.lock')", line.replace("URL", served.url)
    )
    before = file.read_text()
    text = hermetica("build", "--fix-hashes", "./pkgs.py", status=102).stderr
    assert reason in text
    assert ("Lock" in line) != (f'write sha256="{sha256(ONE)}" yourself' in text)
    assert file.read_text() == before


def test_a_file_outside_the_project_is_left_alone(hermetica: CommandLine, served: Server) -> None:
    outside = hermetica.directory.parent / "elsewhere"
    outside.mkdir()
    theirs = outside / "theirs.py"
    theirs.write_text(f"import hermetica as hm\none = hm.fetchurl('{served.url}/one', hash=hm.UNKNOWN)\n")
    hermetica.module("from theirs import one", "app = sh('app', 'cp $one $out', env={'one': f'{one}'})")
    hermetica.environment["PYTHONPATH"] = str(outside)
    text = hermetica("build", "--fix-hashes", "./pkgs.py:app", status=102).stderr
    assert "lies outside the project" in text
    assert "hm.UNKNOWN" in theirs.read_text()


def test_a_hash_that_the_module_cannot_use_is_taken_back(hermetica: CommandLine, served: Server) -> None:
    file = hermetica.module(
        "def get(name, hash):",
        f"    return hm.fetchurl('{served.url}/' + name, hash=hash)",
        "one = get('one', hash=hm.UNKNOWN)",
    )
    before = file.read_text()
    text = hermetica("build", "--fix-hashes", "./pkgs.py:one", status=3).stderr
    assert "error[HM672]" in text
    assert "taken back  pkgs.py" in text
    assert file.read_text() == before


def test_a_mismatch_names_the_command_that_fixes_it(hermetica: CommandLine, served: Server) -> None:
    hermetica.module(f"one = hm.fetchurl('{served.url}/one', sha256='{'0' * 64}')")
    text = hermetica("build", "./pkgs.py:one", status=102).stderr
    assert "fix       hermetica build --fix-hashes ./pkgs.py:one rewrites pkgs.py:10; first ask why" in text
    document = json.loads(hermetica("build", "--json", "./pkgs.py:one", status=102).stdout)
    assert "--fix-hashes" in document["results"][0]["error"]["hint"]


def test_other_failures_end_the_fixing_and_are_told_once(hermetica: CommandLine, served: Server) -> None:
    file = hermetica.module(
        f"one = hm.fetchurl('{served.url}/one', hash=hm.UNKNOWN)",
        f"gone = hm.fetchurl('{served.url}/gone', hash=hm.UNKNOWN)",
    )
    text = hermetica("build", "--fix-hashes", "./pkgs.py", status=100).stderr
    assert text.count("error[HM112]") == 1
    assert sha256(ONE) in file.read_text()
    assert "contradict each other" in hermetica("build", "--fix-hashes", "-n", "./pkgs.py", status=2).stderr


def test_content_that_is_another_each_time_ends_after_some_rounds(hermetica: CommandLine) -> None:
    hermetica.module(
        "import time",
        "now = str(time.time_ns())",
        f"wild = sh(f'wild-{{now}}', f'echo {{now}} > $out', fixed=hm.FixedOutput(digest='{'0' * 64}'))",
    )
    assert "error[HM671]" in hermetica("build", "--fix-hashes", "--ui", "quiet", "./pkgs.py", status=102).stderr


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "pkgs.py"
    file.write_text("x = 1\n")
    source = Source.read(file)
    file.unlink()
    file.parent.rmdir()
    with pytest.raises(CannotRewrite, match=r"cannot write .*pkgs\.py"):
        source.write()


def test_a_linked_module_is_changed_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "real.py").write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    (tmp_path / "link.py").symlink_to("real.py")
    Source.read(tmp_path / "link.py").with_places([]).write()
    assert (tmp_path / "link.py").is_symlink()
    assert (tmp_path / "real.py").read_bytes() == b"\xef\xbb\xbfx = 1\r\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.py", "real.py"]
