"""The row of a remembered build, and the states of what was read."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermetica.cli.recall.form import Evaluated, decode, store_word
from hermetica.cli.recall.impure import impure_name
from hermetica.cli.recall.states import is_unchanged, state_and_age

if TYPE_CHECKING:
    from pathlib import Path

texts = st.binary(max_size=12).map(lambda data: data.replace(b"\0", b"."))
rows = st.builds(
    Evaluated,
    confirmed=st.booleans(),
    told=st.booleans(),
    reads=st.lists(st.tuples(st.sampled_from("slnetv"), texts, texts), max_size=3),
    traces=st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=3),
    objects=st.lists(texts, max_size=3),
    links=st.lists(st.tuples(texts, texts, texts, texts), max_size=3),
    output=st.binary(max_size=20),
)


@given(rows)
def test_a_row_is_read_as_it_was_written(row: Evaluated) -> None:
    read = decode(row.encode())
    assert read is not None
    assert vars(read) == vars(row)


@given(rows, st.integers(0, 60), st.binary(max_size=4))
def test_what_is_no_row_is_refused_or_another_row(row: Evaluated, at: int, noise: bytes) -> None:
    data = row.encode()
    read = decode(data[:at] + noise)
    assert read is None or read.encode()


def test_the_store_of_a_command_line_is_found() -> None:
    assert store_word(["build", "--store", "/a", "x", "--store=/b"]) == "/b"
    assert store_word(["build", "--store"]) is None


def test_names_of_what_has_no_trace_are_found_wherever_they_stand() -> None:
    for text in ("import time", "def f():\n  from os import urandom", "x = [lambda: a.time for a in ()]", "f('uuid')"):
        assert impure_name(compile(text, "m", "exec")) is not None
    assert impure_name(compile("import os.path, json\nx = 'the time'", "m", "exec")) is None


def look(kind: str, place: Path) -> object:
    """What an evaluation would see."""
    if kind == "s":
        return place.read_bytes() if place.is_file() else None
    if kind == "l":
        return place.readlink() if place.is_symlink() else place.exists()
    if kind == "n":
        return sorted(each.name for each in place.iterdir())
    return sorted((str(each), each.read_bytes() if each.is_file() else None) for each in place.rglob("*"))


steps = st.lists(
    st.tuples(
        st.sampled_from(["write", "swap", "remove", "link", "enter"]), st.sampled_from("ab"), st.sampled_from("xy")
    ),
    min_size=1,
    max_size=6,
)


def change(place: Path, step: tuple[str, str, str]) -> None:
    verb, name, text = step
    path = place / name
    if verb == "enter":
        (place / "d").mkdir(exist_ok=True)
        (place / "d" / name).write_text(text)
    elif verb == "link":
        path.unlink(missing_ok=True)
        path.symlink_to(text)
    elif verb == "remove":
        path.unlink(missing_ok=True)
    elif verb == "swap" and path.exists() and not path.is_symlink():
        before = path.stat()
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif not path.is_symlink():
        path.write_text(text)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_what_is_unchanged_reads_the_same(tmp_path: Path, changes: list[tuple[str, str, str]]) -> None:
    places = {"s": tmp_path / "a", "l": tmp_path / "b", "n": tmp_path, "t": tmp_path}
    for step in changes:
        time.sleep(0.025)  # what is younger than the clock's granularity is not kept
        seen = {kind: (state_and_age(kind, os.fsencode(place))[0], look(kind, place)) for kind, place in places.items()}
        change(tmp_path, step)
        for kind, (state, read) in seen.items():
            if is_unchanged(kind, os.fsencode(places[kind]), state):
                assert look(kind, places[kind]) == read


def test_a_directory_whose_names_are_as_before_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    state, _ = state_and_age("n", os.fsencode(tmp_path))
    time.sleep(0.025)
    (tmp_path / "b").touch()
    assert not is_unchanged("n", os.fsencode(tmp_path), state)
    (tmp_path / "b").unlink()
    assert is_unchanged("n", os.fsencode(tmp_path), state)
