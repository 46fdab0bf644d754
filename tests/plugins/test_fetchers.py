"""Fetchers of plug-ins: asked for by name, and believed by content alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.model import FetchWithoutHash, InvalidDerivation

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine
    from tests.plugins.conftest import Install

SHELF = '''\
"""Fetches what lies on a shelf."""
import json
from pathlib import Path


class NotThere(Exception):
    pass


def fetch(request, output):
    shelf = Path("shelf")
    for address in request.addresses:
        place = shelf / address.removeprefix("shelf:")
        if place.is_dir():
            output.mkdir()
            for file in place.iterdir():
                (output / file.name).write_bytes(file.read_bytes())
            return
        if place.is_file():
            request.progress(1, place.stat().st_size)
            output.write_bytes(place.read_bytes() * request.options.get("times", 1))
            return
    if request.options.get("silent"):
        return
    raise NotThere(f"nothing on the shelf is called {request.addresses[0]}")
'''
WORDS = b"hello\n"
SHA256 = hashlib.sha256(WORDS).hexdigest()


@pytest.fixture
def shelf(hermetica: CommandLine, install: Install) -> CommandLine:
    install("shelf_plug", SHELF, "fetchers shelf = shelf_plug:fetch")
    hermetica.write("shelf/words", WORDS.decode())
    hermetica.write("shelf/tree/one", "1\n")
    return hermetica


def fetch(**fields: str) -> str:
    given = {"address": '"shelf:words"', "name": '"words"', "sha256": f'"{SHA256}"'} | fields
    rest = ", ".join(f"{name}={text}" for name, text in given.items() if text)
    return f'import hermetica as hm\nwords = hm.fetchwith("shelf", {rest})\n'


def test_a_file_and_a_tree_come_by_the_plugin_and_are_held_to_their_hashes(shelf: CommandLine) -> None:
    shelf.write("pkgs.py", fetch(address='["shelf:nowhere", "shelf:words"]'))
    built = json.loads(shelf("build", "./pkgs.py:words", "--json").stdout)
    (row,) = built["results"]
    assert Path(row["outputs"]["out"]["on_disk"]).read_bytes() == WORDS
    shelf.write("pkgs.py", fetch(address='"shelf:tree"', name='"tree"', sha256="", blake3="hm.UNKNOWN"))
    told = shelf("build", "./pkgs.py:words", status=102).stderr
    digest = told.partition("blake3 ")[2][:64]
    assert len(digest) == 64
    assert "--fix-hashes ./pkgs.py:words writes it into pkgs.py:2" in told
    shelf.write("pkgs.py", fetch(address='"shelf:tree"', name='"tree"', sha256="", blake3=f'"{digest}"'))
    shelf("build", "./pkgs.py:words")


def test_other_content_than_declared_is_a_mismatch(shelf: CommandLine) -> None:
    shelf.write("pkgs.py", fetch(options='{"times": 2}'))
    ended = shelf("build", "./pkgs.py:words", status=102)
    assert "error[HM102] words: hash mismatch" in ended.stderr
    assert hashlib.sha256(WORDS * 2).hexdigest() in ended.stderr


def test_how_it_is_fetched_changes_no_dependant(shelf: CommandLine) -> None:
    app = '\napp = hm.text("app", f"see {words}\\n")\n'
    ids: set[str] = set()
    for text in (
        fetch(),
        fetch(address='"shelf:elsewhere"', options='{"times": 1}'),
        fetch().replace('"shelf",', '"other",'),
        f'import hermetica as hm\nwords = hm.fetchurl("file:///words", name="words", sha256="{SHA256}")\n',
    ):
        shelf.write("pkgs.py", text + app)
        ids.add(json.loads(shelf("show", "./pkgs.py:app", "--json").stdout)["id"])
    assert len(ids) == 1


def test_what_is_in_the_store_needs_no_plugin(shelf: CommandLine) -> None:
    shelf.write("pkgs.py", fetch())
    shelf("build", "./pkgs.py:words")
    shelf.write("pkgs.py", fetch().replace('"shelf",', '"gone",'))
    shelf("build", "./pkgs.py:words")


def test_a_fetcher_that_raises_is_told_with_the_line_that_asked_for_it(shelf: CommandLine) -> None:
    shelf.write("pkgs.py", fetch(address='"shelf:nowhere"'))
    ended = shelf("build", "./pkgs.py:words", status=100)
    assert ended.stderr.count("error[") == 1
    assert "error[HM704] words: the fetcher shelf of shelf-plug 1.2 could not fetch it" in ended.stderr
    assert "--> pkgs.py:2" in ended.stderr
    assert "raised  NotThere: nothing on the shelf is called shelf:nowhere" in ended.stderr
    assert "shelf_plug.py:25" in ended.stderr


def test_a_fetcher_that_brings_nothing_is_told(shelf: CommandLine) -> None:
    shelf.write("pkgs.py", fetch(address='"shelf:nowhere"', options='{"silent": True}'))
    assert "builtin:fetch/1 made nothing" in shelf("build", "./pkgs.py:words", status=100).stderr


def test_a_fetcher_that_is_not_installed_is_told_with_those_that_are(shelf: CommandLine) -> None:
    shelf.write("pkgs.py", fetch().replace('"shelf",', '"shelv",'))
    ended = shelf("build", "./pkgs.py:words", status=4)
    assert "error[HM702] words: there is no fetcher 'shelv'" in ended.stderr
    assert "--> pkgs.py:2" in ended.stderr
    assert "fetchers  shelf" in ended.stderr
    assert "words" in shelf("ls", "./pkgs.py").stdout  # evaluating needs no plug-in


def test_offline_no_plugin_is_asked(shelf: CommandLine) -> None:
    shelf.write("pkgs.py", fetch())
    ended = shelf("build", "./pkgs.py:words", "--offline", status=100)
    assert "the network may not be asked" in ended.stderr


def test_a_fetch_that_makes_no_sense_is_refused_where_it_is_written() -> None:
    with hm.evaluation():
        with pytest.raises(FetchWithoutHash, match="needs exactly one hash"):
            hm.fetchwith("shelf", "shelf:words", name="words")
        with pytest.raises(FetchWithoutHash, match="needs exactly one hash"):
            hm.fetchwith("shelf", "shelf:words", name="words", sha256=SHA256, blake3=SHA256)
        with pytest.raises(InvalidDerivation, match="without an address"):
            hm.fetchwith("shelf", [], name="words", sha256=SHA256)
        with pytest.raises(InvalidDerivation, match="no plug-in fetches 'git'") as raised:
            hm.fetchwith("git", "x", name="words", sha256=SHA256)
    assert raised.value.hint == "hm.fetchgit(…) does"
