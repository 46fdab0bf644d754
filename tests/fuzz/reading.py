"""Fuzz targets that read text and values: locks, canonical JSON, records, Debian's control data, settings, targets."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from hermetica.cli import target as command_line_target
from hermetica.config.settings import parse_environment, parse_file
from hermetica.fetch.apt import parse_list, parse_sources
from hermetica.fetch.debian_control import parse_relations, parse_stanza, split_stanzas
from hermetica.fetch.debian_index import PackageIndex, SourceIndex
from hermetica.fetch.debian_release import Release
from hermetica.fetch.debian_version import DebianVersion, Relation
from hermetica.fetch.lock import Lock
from hermetica.fetch.npm import parse_registries, tarball_path
from hermetica.fetch.patterns import Patterns
from hermetica.fetch.python_index import file_address, parse_pip
from hermetica.model import evaluation
from hermetica.model.canonical import decode, encode
from hermetica.model.record import InvalidRecord, from_record, to_record
from hermetica.sandbox.complaint import Complaint
from tests.fuzz.target import Target, expect

if TYPE_CHECKING:
    from collections.abc import Callable


def _text(read: Callable[[str], object]) -> Callable[[bytes], None]:
    """A target that reads text: bytes that are none are replaced."""

    def feed(data: bytes) -> None:
        read(data.decode("utf-8", "replace"))

    return feed


def _lock(text: str) -> None:
    lock = Lock.parse(text)
    expect(Lock.parse(lock.text()) == lock, "a lock is not what it writes")


def _canonical(data: bytes) -> None:
    value = decode(data)
    expect(encode(value) == data, "canonical JSON has two spellings")


def _record(data: bytes) -> None:
    try:
        row: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidRecord("no JSON") from error
    if not isinstance(row, dict):
        raise InvalidRecord("no JSON object")
    with evaluation():
        derivation = from_record(row)  # pyright: ignore[reportUnknownArgumentType] -- foreign data
        expect(to_record(derivation)["id"] == derivation.id.hex, "a record has another id than its derivation")


def _control(text: str) -> None:
    for stanza in split_stanzas(text):
        for value in parse_stanza(stanza).values():
            parse_relations(value)


def _index(text: str) -> None:
    PackageIndex.parse([text])
    SourceIndex.parse([text])


def _release(text: str) -> None:
    Release.parse(text).check("stable", datetime(2026, 1, 1, tzinfo=UTC))


def _versions(text: str) -> None:
    left, _, right = text.partition(" ")
    one, other = DebianVersion.parse(left), DebianVersion.parse(right)
    expect((one < other) + (one == other) + (one > other) == 1, "two versions stand in no single order")
    expect(one.stands(Relation.AT_LEAST, other) == other.stands(Relation.AT_MOST, one), "an order has no inverse")


def _settings(text: str) -> None:
    parse_file(text, "config.toml")


def _environment(text: str) -> None:
    pairs = (line.partition("=") for line in text.splitlines())
    parse_environment({name: value for name, _, value in pairs}, PurePosixPath("/"))


def _sources(text: str) -> None:
    parse_list(text)
    parse_sources(text)
    parse_pip([text], {})
    parse_registries([text], {})
    tarball_path(text)


def _page(data: bytes) -> None:
    for is_json in (False, True):
        file_address(data, "https://index.example/simple/a/", "a-1.0.tar.gz", is_json=is_json)


def _patterns(text: str) -> None:
    first, _, path = text.partition("\n")
    Patterns((first[:1000],)).match(path[:200])


def _target(text: str) -> None:
    found = command_line_target.parse(text)
    expect(found.text == text, "a target forgets what was typed")
    command_line_target.object_in_path(text)


def _reports(data: bytes) -> None:
    """What a builder writes passes the reader of complaints unchanged."""
    complaint = Complaint()
    passed = b"".join(complaint.feed(data[start : start + 7]) for start in range(0, len(data), 7))
    held = complaint.held
    complaint.exec_failure("/bin/sh")
    expect(passed + held == data, "output was changed on its way to the log")


_CONTROL_WORDS = (
    b"Package: ",
    b"Version: ",
    b"Depends: ",
    b"\n\n",
    b"\n ",
    b" | ",
    b"(>= ",
    b"SHA256: ",
    b"Provides: ",
)
TARGETS = (
    Target("lock", _text(_lock), (b"[[groups.a.pins]]\n", b"version = 1\n", b"sha256 = ", b"[", b"{", b'"""', b"1e9")),
    Target("canonical", _canonical, (b'{"a":', b"[", b"null", b"9007199254740993", b"\\ud800", b"1e5")),
    Target("record", _record, (b'"format":', b'"fixed":', b'"checks":', b"null", b"[]", b"{}", b'"origin":')),
    Target("debian-control", _text(_control), _CONTROL_WORDS),
    Target("debian-index", _text(_index), _CONTROL_WORDS),
    Target("debian-release", _text(_release), (b"SHA256:\n ", b"Suite: ", b"Valid-Until: ", b"Date: ")),
    Target("debian-version", _text(_versions), (b":", b"-", b"~", b"+", b" ", b"0")),
    Target("settings", _text(_settings), (b"[mirrors]\n", b"jobs = ", b"[", b"{", b"1e9")),
    Target("environment", _text(_environment), (b"HERMETICA_JOBS=", b"HERMETICA_MIRROR_DEBIAN=", b"\n")),
    Target("sources", _text(_sources), (b"deb [", b"Types: deb\n", b"URIs: ", b"registry=", b"${", b"index-url = ")),
    Target("page", _page, (b'<a href="', b'{"files":[', b'"url":', b"&#", b"<!--", b"<![")),
    Target("patterns", _text(_patterns), (b"**/", b"*", b"[!", b"]", b"{", b"\\")),
    Target("target", _text(_target), (b"./pkgs.py:", b"^", b"hx", b"/hermetica/store/", b",", b":")),
    Target("log", _reports, (b"bwrap: ", b"bwrap: execvp /bin/sh: ", b"\n")),
)
