"""``hermetica.lock``: one text a lock, and errors that say where."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch.lock import Group, Lock, LockError, Pin
from hermetica.fetch.lock_lines import read_lines
from hermetica.model import evaluation, fetchgit

if TYPE_CHECKING:
    from pathlib import Path

WORDS = st.from_regex(re.compile(r"[a-z0-9][a-z0-9._+-]{0,8}"), fullmatch=True)
HEX = st.sampled_from("0123456789abcdef")
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters='"'), min_size=1, max_size=12)


@st.composite
def pins(draw: st.DrawFn) -> Pin:
    algorithm = draw(st.sampled_from(["sha256", "sha512", "blake3"]))
    size = 128 if algorithm == "sha512" else 64
    return Pin(
        kind=draw(WORDS),
        name=draw(TEXTS),
        version=draw(TEXTS),
        algorithm=algorithm,
        hash="".join(draw(st.lists(HEX, min_size=size, max_size=size))),
        size_bytes=draw(st.integers(0, 2**53)),
        addresses=tuple(draw(st.lists(st.builds("mirror://{}/{}".format, WORDS, WORDS), min_size=1, max_size=3))),
    )


@st.composite
def tree_pins(draw: st.DrawFn) -> Pin:
    digits = st.lists(HEX, min_size=40, max_size=40).map("".join)
    return Pin(
        kind="git",
        name=draw(TEXTS),
        version=draw(TEXTS),
        method="tree",
        algorithm="blake3",
        hash="7e" * 32,
        facts={"rev": draw(digits), **draw(st.sampled_from([{}, {"submodules": "1"}]))},
        addresses=(draw(st.builds("https://{}/{}".format, WORDS, WORDS)),),
    )


def kind_and_name(pin: Pin) -> tuple[str, str]:
    return pin.kind, pin.name


def name(group: Group) -> str:
    return group.name


GROUPS = st.builds(
    Group,
    name=WORDS,
    request=st.dictionaries(WORDS.filter("pins".__ne__), st.lists(TEXTS, max_size=3), max_size=3),
    pins=st.lists(pins() | tree_pins(), max_size=4, unique_by=kind_and_name),
)
LOCKS = st.lists(GROUPS, max_size=3, unique_by=name).map(Lock)
ZLIB = Pin(
    kind="debian-source",
    name="zlib",
    version="1:1.2.13",
    algorithm="sha256",
    hash="7" * 64,
    size_bytes=10,
    addresses=("mirror://debian/pool/main/z/zlib/zlib_1.2.13.orig.tar.gz",),
)
TREE = Pin(
    kind="git",
    name="jq",
    version="1.7.1",
    method="tree",
    algorithm="blake3",
    hash="7e" * 32,
    facts={"rev": "1c" * 20, "submodules": "1"},
    addresses=("https://example.org/jq.git",),
)


@given(LOCKS)
def test_what_is_written_is_read(lock: Lock) -> None:
    assert Lock.parse(lock.text()) == lock


@given(LOCKS)
def test_order_of_groups_and_pins_does_not_change_the_text(lock: Lock) -> None:
    turned = [Group(name=each.name, request=each.request, pins=each.pins[::-1]) for each in lock.groups[::-1]]
    assert Lock(turned).text() == lock.text()


def test_the_lock_of_the_packages_is_read_line_by_line() -> None:
    text = (resources.files("hermetica_derivations") / "hermetica.lock").read_text(encoding="utf-8")
    assert read_lines(text) == tomllib.loads(text)


@given(LOCKS, st.data())
def test_what_is_read_line_by_line_is_what_toml_says(lock: Lock, data: st.DataObject) -> None:
    text = lock.text()
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 40)))
    pieces = ("", '"', "\\", "\n", "\x00", "]", "[[groups.a.pins]]\n", "[groups.a]\n", "pins = 1\n", text[begin:end])
    edited = text[:begin] + data.draw(st.sampled_from(pieces)) + text[end:]
    for each in (text, edited):
        quickly = read_lines(each)
        assert quickly is None or quickly == tomllib.loads(each)


def test_the_text_has_one_fact_a_line() -> None:
    text = Lock(
        [Group(name="sources", request={"suite": ["bookworm"], "sources": ["zlib", "hello"]}, pins=[ZLIB])]
    ).text()
    assert text == (
        "# Written by `hermetica lock`. Hashes name the content; addresses only say where it was seen.\n"
        'version = 1\n\n[groups.sources]\nsources = [\n  "hello",\n  "zlib",\n]\nsuite = ["bookworm"]\n\n'
        '[[groups.sources.pins]]\nkind = "debian-source"\nname = "zlib"\nversion = "1:1.2.13"\n'
        f'sha256 = "{"7" * 64}"\nsize_bytes = 10\n'
        'addresses = ["mirror://debian/pool/main/z/zlib/zlib_1.2.13.orig.tar.gz"]\n'
    )


def test_a_pin_of_a_tree_says_so_and_fetches_just_that_tree() -> None:
    text = Lock([Group(name="sources", pins=[TREE])]).text()
    assert text.partition("[[groups.sources.pins]]\n")[2] == (
        f'kind = "git"\nname = "jq"\nversion = "1.7.1"\nmethod = "tree"\nblake3 = "{"7e" * 32}"\n'
        f'rev = "{"1c" * 20}"\nsubmodules = "1"\naddresses = ["https://example.org/jq.git"]\n'
    )
    with evaluation():
        made = TREE.fetch()
        by_hand = fetchgit(
            "https://example.org/jq.git", rev="1c" * 20, submodules=True, blake3="7e" * 32, name="jq-1.7.1"
        )
    assert made == by_hand


def test_a_file_holds_the_same_lock(tmp_path: Path) -> None:
    lock = Lock([Group(name="sources", pins=[ZLIB])])
    lock.write(tmp_path / "hermetica.lock")
    assert Lock.read(tmp_path / "hermetica.lock") == lock
    assert [path.name for path in tmp_path.iterdir()] == ["hermetica.lock"]


def test_a_group_is_replaced_by_one_of_its_name() -> None:
    lock = Lock([Group(name="a", pins=[]), Group(name="b", pins=[])]).with_group(Group(name="a", pins=[ZLIB]))
    assert lock.group("a").pin("zlib") == ZLIB
    assert [group.name for group in lock.groups] == ["a", "b"]
    assert ZLIB.file_name == "zlib_1.2.13.orig.tar.gz"


def test_what_is_not_pinned_is_an_error_that_lists_what_is() -> None:
    lock = Lock([Group(name="a", pins=[ZLIB])])
    with pytest.raises(LockError, match="no group 'b'") as caught:
        lock.group("b")
    assert caught.value.details == (("groups", "a"),)
    with pytest.raises(LockError, match="no pin called 'lua'"):
        lock.group("a").pin("lua")
    with pytest.raises(LockError, match="no pin called 'zlib'"):
        lock.group("a").pin("zlib", kind="debian")


PIN = Lock([Group(name="a", pins=[ZLIB])]).text()
TREE_PIN = Lock([Group(name="a", pins=[TREE])]).text()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("version = 2\n", 1, "version 2; this hermetica reads 1"),
        ("", 1, "version None"),
        ("# x\nversion = 1\nversion = 1\n", 3, "not TOML"),
        ("version = 1\n[other]\n", 2, "no 'other'"),
        ("version = 1\n\n[groups]\na = 1\n", 1, "group a is no table"),
        ("version = 1\n[groups.a]\nsuite = 'x'\n", 2, "suite is no list"),
        ("version = 1\n[groups.a]\nsuite = [1]\n", 2, "suite is no list of strings"),
        ("version = 1\n[groups.a]\npins = 1\n", 2, "the pins of group a are no list|pins of group a is no list"),
        (PIN.replace('kind = "debian-source"\n', ""), 6, "a pin has kind"),
        (PIN.replace("size_bytes = 10", "size_bytes = 1.5"), 6, "no integer"),
        (PIN.replace("size_bytes = 10", "size_bytes = -1"), 6, "no size below 0"),
        (PIN.replace('"' + "7" * 64, '"77'), 6, "no sha256 hash"),
        (PIN.replace('"1:1.2.13"', "1"), 6, "version of a pin is no string"),
        (PIN.replace("mirror://debian/pool", "/pool"), 6, "no address"),
        (PIN + PIN.partition("[groups.a]\n")[2], 4, "pins zlib twice"),
        (PIN.replace("size_bytes = 10", 'rev = "x"'), 6, "a pin has kind"),
        (PIN.replace('kind = "debian-source"', 'kind = "git"'), 6, "it is a tree"),
        (TREE_PIN.replace("method", "size_bytes = 1\nmethod"), 6, "and no size"),
        (TREE_PIN.replace('blake3 = "', 'sha256 = "'), 6, "its tree digest"),
        (TREE_PIN.replace('kind = "git"', 'kind = "url"'), 6, "no kind of tree"),
        (TREE_PIN.replace("rev = ", "other = "), 6, "it lacks rev"),
        (TREE_PIN.replace("addresses = ", 'other = "x"\naddresses = '), 6, "it cannot have other"),
        (TREE_PIN.replace('submodules = "1"', 'submodules = "yes"'), 6, "submodules is"),
        (TREE_PIN.replace('submodules = "1"', "submodules = true"), 6, "submodules of a pin is no string"),
        (TREE_PIN.replace('method = "tree"', 'method = "nar"'), 6, "a pin has kind"),
    ],
)
def test_a_text_that_is_no_lock_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(LockError, match=what) as caught:
        Lock.parse(text, where="here.lock")
    assert caught.value.origin == f"here.lock:{line}"


def test_a_file_that_is_not_there_or_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="cannot read the lock"):
        Lock.read(tmp_path / "none.lock")
    (tmp_path / "binary.lock").write_bytes(b"\xff")
    with pytest.raises(LockError, match="cannot read the lock"):
        Lock.read(tmp_path / "binary.lock")
    with pytest.raises(LockError, match="cannot write the lock"):
        Lock().write(tmp_path / "none" / "x.lock")


def test_changes_of_several_processes_at_once_are_all_there(tmp_path: Path) -> None:
    file = tmp_path / "hermetica.lock"
    code = (
        "import sys\nfrom pathlib import Path\nfrom hermetica.fetch.lock import Group, Lock\n"
        "for number in range(20):\n"
        "    Lock.update(Path(sys.argv[1]), Group(name=f'{sys.argv[2]}-{number}', pins=()))\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, file, who]) for who in ("a", "b", "c")]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(Lock.read(file).groups) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["hermetica.lock"]


def test_what_a_crash_left_of_a_lock_is_used_again(tmp_path: Path) -> None:
    file = tmp_path / "hermetica.lock"
    left = tmp_path / ".hermetica.lock.new"
    left.write_text("half a lo" * 1000)
    before, after = Lock.update(file, Group(name="a", pins=(ZLIB,)))
    assert before == Lock()
    assert Lock.read(file) == after
    assert not left.exists()


def test_a_lock_that_cannot_be_read_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "hermetica.lock"
    file.write_text("no lock")
    with pytest.raises(LockError):
        Lock.update(file, Group(name="a", pins=()))
    assert file.read_text() == "no lock"
    assert [path.name for path in tmp_path.iterdir()] == ["hermetica.lock"]


@pytest.mark.parametrize("text", ["", "A b", "-x", "x\n"])
def test_a_group_needs_a_plain_name(text: str) -> None:
    with pytest.raises(LockError, match="not a name"):
        Group(name=text, pins=[])
