"""Logs keep every byte, can be read while they are written, and as far as they got after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermetica_store import InvalidKey, ObjectStore, Row, Table
from tests.store.processes import heard, kill, names, start

if TYPE_CHECKING:
    from pathlib import Path

reused = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)


@reused
@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_a_log_survives_whatever_its_bytes(object_store: ObjectStore, parts: list[bytes]) -> None:
    object_store.log_path("key").unlink(missing_ok=True)
    with object_store.log_writer("key") as writer:
        for part in parts:
            writer.write(part)
    said = b"".join(parts)
    assert object_store.read_log("key") == (said or None)


def test_an_empty_log_has_no_file_and_is_empty_for_its_record(object_store: ObjectStore) -> None:
    object_store.write_log("ab", b"")
    assert names(object_store.root / "log") == []
    assert object_store.read_log("ab") is None
    object_store.put([Row(Table.RECORDS, b"\xab", b"record")])
    assert object_store.read_log("ab") == b""
    assert object_store.read_log("not-hexadecimal") is None


def test_a_log_can_be_followed_from_another_process(object_store: ObjectStore) -> None:
    code = """
with store.log_writer("ab") as writer:
    writer.write(b"first\\n")
    say("written")
    time.sleep(60)
"""
    process = start(object_store.root, code)
    heard(process)
    assert object_store.read_log("ab") == b"first\n"
    kill(process)
    assert object_store.read_log("ab") == b"first\n"


def test_a_log_that_a_crash_damaged_is_read_as_far_as_it_goes(object_store: ObjectStore) -> None:
    object_store.write_log("ab", bytes(range(256)) * 4000)
    path = object_store.log_path("ab")
    packed = path.read_bytes()
    path.write_bytes(packed[: len(packed) // 2])
    cut = object_store.read_log("ab")
    assert cut is not None
    assert (bytes(range(256)) * 4000).startswith(cut)
    path.write_bytes(b"nonsense")
    assert object_store.read_log("ab") == b"\n[the rest of this log is damaged]\n"


def test_a_log_has_one_writer(object_store: ObjectStore) -> None:
    with object_store.log_writer("ab") as writer, object_store.log_writer("ab") as other:
        writer.write(b"mine")
        with pytest.raises(InvalidKey, match="being written"):
            other.write(b"theirs")
    assert object_store.read_log("ab") == b"mine"


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "a/b", ".hidden", "x" * 201])
def test_a_key_that_is_no_name_is_refused(object_store: ObjectStore, key: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidKey):
        object_store.write_log(key, b"x")
    with pytest.raises(InvalidKey):
        object_store.read_log(key)
    assert names(tmp_path) == ["store-root"]
