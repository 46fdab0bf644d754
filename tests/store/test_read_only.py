"""A store that may only be read answers every question and refuses every write helpfully, whatever the reason."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_store import NotAStore, ObjectStore, StoreNotWritable, StorePath
from tests.store.fixtures.make import unpack
from tests.store.processes import finish, heard, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534
ASKED = """
import json
import hermetica as hm
from hermetica_store import Policy
from tests.store.fixtures.make import answers
def ask(root):
    with ObjectStore.open(root, read_only=None) as objects:
        said = answers(hm.Store(objects))
        said["problems"] = [problem.kind for problem in objects.verify().problems]
        said["dead"] = [path.name for path in objects.collect(Policy(), dry_run=True).paths]
        said["count"] = objects.statistics().objects
        try:
            objects.put([])
        except StoreNotWritable as error:
            said["hint"] = error.hint
    return said
"""
BECOME = f"""
ask(Path(sys.argv[3]))  # what is imported now need not be readable for the other user
os.setgid({NOBODY}); os.setuid({NOBODY})
"""
TELL = """
say(json.dumps(ask(Path(sys.argv[2]))))
"""


@pytest.fixture(params=["schema-1", "current"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store of an earlier schema, or of ours."""
    root = tmp_path / "source"
    unpack("schema-1", root)
    if request.param == "current":
        ObjectStore.open(root).close()
    return root


@pytest.fixture
def bound(source: Path, tmp_path: Path) -> Iterator[Path]:
    """A store at a place where nothing can be written."""
    if os.geteuid() != 0:
        pytest.skip("mounts a file system")
    place = tmp_path / "bound"
    place.mkdir()
    for step in (["mount", "--bind", str(source), str(place)], ["mount", "-o", "remount,ro,bind", str(place)]):
        if subprocess.run(step, check=False, capture_output=True).returncode:
            pytest.skip("may not mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def answers_all(said: dict[str, object], expected: dict[str, object]) -> None:
    """Whether these are the answers of the kept store, and a refusal with a way out."""
    assert said.pop("problems") == []
    assert said.pop("dead") == ["loose.conf"]
    assert said.pop("count") == 6
    assert "HERMETICA_STORE" in str(said.pop("hint"))
    assert said == expected


def test_a_store_on_a_read_only_mount_answers_everything(bound: Path, source: Path, tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "again")
    process = start(tmp_path / "mine", ASKED + TELL, bound)
    answers_all(json.loads(heard(process)), expected)
    finish(process)
    with pytest.raises(StoreNotWritable) as raised:
        ObjectStore.open(bound)
    assert raised.value.hint
    ObjectStore.open(source).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_store_of_another_user_answers_everything(source: Path, tmp_path: Path) -> None:
    expected = unpack("schema-1", tmp_path / "again")
    for directory in [source, *source.parents]:
        if directory.stat().st_mode & 0o055 != 0o055:
            directory.chmod(0o755)
    process = start(tmp_path / "mine", ASKED + BECOME + TELL, source, tmp_path / "again")
    answers_all(json.loads(heard(process)), expected)
    finish(process)


WRITES = """
for number, line in enumerate(sys.stdin):
    with store.lease() as lease:
        path = store.add_bytes(b"%d" % number * 100, f"x{number}", lease=lease)
        store.put([]).wait()
        say(path)
        sys.stdin.readline()
    store.collect(Policy(max_freed_bytes=1, keep_rows_s=60))
"""


def test_what_is_read_on_a_read_only_mount_stays_true_while_others_write(bound: Path, source: Path) -> None:
    with hm.Store.open(bound, read_only=True) as reader:
        assert reader.objects.read_only
        process = start(source, WRITES)
        assert process.stdin is not None
        for _ in range(60):
            process.stdin.write("\n")
            process.stdin.flush()
            path = StorePath.parse(heard(process))
            assert reader.objects.closure([path]) == (path,)
            assert len(reader.trace.all_records()) in {4, 6}, "before and after the first collection"
            process.stdin.write("\n")
            process.stdin.flush()
        finish(process)
        assert reader.objects.verify().problems == ()
        assert len(list(reader.objects.paths())) < 10


def test_what_is_only_looked_at_is_not_written_to(source: Path) -> None:
    before = (source / "index" / "data.mdb").read_bytes()
    with ObjectStore.open(source, read_only=True) as store:
        for path in store.paths():
            store.nar(path)
            store.hash_source(store.on_disk(path))
        store.verify()
        store.collect(dry_run=True)
    assert (source / "index" / "data.mdb").read_bytes() == before


def test_where_there_is_nothing_to_read_the_refusal_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAStore):
        ObjectStore.open(tmp_path / "file", read_only=None)
    with ObjectStore.open(tmp_path / "new", read_only=None) as store:
        assert not store.read_only
