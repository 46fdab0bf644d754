"""B01-B08: what is the same is called the same, everywhere, and nothing can pretend to be it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import hermetica as hm
from hermetica.model import InvalidRecord, from_record, from_records, to_record, to_records
from hermetica.model.identity import HASHED, NOT_HASHED
from hermetica_store import Row, Table, hash_tree
from tests.behaviours.conftest import TOOLS, as_self, as_user, module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox

PRINT_IDS = f"""
import sys, hermetica as hm
busybox = hm.source({TOOLS!r}, name="busybox")
a = hm.derivation(name="a", builder=f"{{busybox}}/bin/sh", args=["-c", "echo $x > $out"], env={{"x": "1", "b": "2"}})
b = hm.derivation(name="b", builder=f"{{busybox}}/bin/sh", args=["-c", "cat $a > $out"], env={{"a": f"{{a}}"}})
t = hm.text("t", f"{{a}} {{b}}")
print(a.id, b.id, t.id, hm.fetchurl("https://example.org/x", sha256="0" * 64).input_id)
if len(sys.argv) > 1:
    with hm.Store.open(sys.argv[1]) as store:
        print(*(store.realize(d).out for d in (a, b, t)))
"""


def ids(*arguments: str, as_other: bool = False, **more: Any) -> str:
    run = as_user if as_other else as_self
    ended = run([sys.executable, "-c", PRINT_IDS, *arguments], **more)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_b01_the_same_inputs_have_the_same_id_in_any_process(tmp_path: Path) -> None:
    first = ids(env={**os.environ, "PYTHONHASHSEED": "1"})
    second = ids(cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": "4242", "HOME": "/nowhere", "TZ": "Asia/Tokyo"})
    assert first == second


def test_b01_another_store_location_and_another_user_change_no_path(tmp_path: Path, theirs: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to be somebody else as well")
    if as_user([sys.executable, "-c", "import hermetica, lmdb"], env=dict(os.environ)).returncode:
        pytest.skip("the interpreter or the package cannot be read by an ordinary user here")
    environment = {**os.environ, "HOME": str(theirs)}
    ours = ids(str(tmp_path / "ours"), env=environment)
    assert ours == ids(str(theirs / "store"), as_other=True, env=environment, umask=0o077)


def test_b02_a_tree_is_its_names_bytes_types_executable_bits_and_link_targets(tmp_path: Path) -> None:
    def tree(name: str) -> Path:
        root = tmp_path / name
        root.mkdir()
        (root / "file").write_text("text")
        (root / "tool").write_text("#!/bin/sh\n")
        (root / "tool").chmod(0o755)
        (root / "link").symlink_to("file")
        return root

    def relink(root: Path, target: str) -> None:
        (root / "link").unlink()
        (root / "link").symlink_to(target)

    def retype(root: Path) -> None:
        (root / "link").unlink()
        shutil.copy(root / "file", root / "link")

    base = hash_tree(tree("base")).tree
    same = tree("same")
    os.utime(same / "file", (1, 1))
    (same / "file").chmod(0o600)
    (same / "tool").chmod(0o711)
    assert hash_tree(same).tree == base
    changes: dict[str, Callable[[Path], object]] = {
        "name": lambda root: (root / "file").rename(root / "file2"),
        "bytes": lambda root: (root / "file").write_text("texT"),
        "executable": lambda root: (root / "file").chmod(0o755),
        "target": lambda root: relink(root, "tool"),
        "type": retype,
        "empty directory": lambda root: (root / "directory").mkdir(),
    }
    digests = {base}
    for name, change in changes.items():
        root = tree(name.replace(" ", "-"))
        change(root)
        digests.add(hash_tree(root).tree)
    assert len(digests) == len(changes) + 1


def test_b03_the_same_content_twice_is_one_path_and_one_copy(store: hm.Store, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("the same")
    with store.objects.lease() as lease:
        paths = {store.objects.add_tree(tmp_path / name, "tree", lease=lease) for name in ("one", "two")}
    assert len(paths) == 1
    assert len(list((store.objects.root / "store").iterdir())) == 1


def test_b04_a_derivation_survives_json_and_a_forged_record_is_refused(sh: Shell) -> None:
    derivation = sh("x", "echo $a > $out", {"a": f"{sh('dep', 'echo 1 > $out')}"})
    records = json.loads(json.dumps(to_records([derivation])))
    with hm.evaluation():
        assert from_records(records).id == derivation.id
    records[-1]["derivation"]["env"]["b"] = "forged"
    with hm.evaluation(), pytest.raises(InvalidRecord):
        from_records(records)


def test_b04_a_dry_run_writes_nothing(command: CommandLine, store_root: Path) -> None:
    command.write("pkgs.py", module("a = sh('a', 'echo > $out')"))
    ended = command("build", "--dry-run", "./pkgs.py:a")
    assert "a" in ended.stderr + ended.stdout
    objects = store_root / "store"
    assert not objects.exists() or not list(objects.iterdir())
    assert not list(command.directory.glob("result*"))


def test_b05_a_large_attribute_and_a_deep_chain_hash(sh: Shell) -> None:
    large = sh("large", "true", {"text": "x" * (1 << 20)})
    assert large.id == sh("large", "true", {"text": "x" * (1 << 20)}).id
    last = sh("d0", "true")
    for index in range(1, 10_000):
        last = hm.derivation(name=f"d{index}", builder="/bin/sh", env={"input": f"{last}"})
    assert len(hm.Store.plan.__doc__ or "") > 0
    assert len(to_records([last])) == 10_000


def test_b06_another_mirror_changes_nothing_downstream(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_text("the content")
    digest = "c21b4a8a3b9a3d1f9e1d1d5b8a4b0a1f9b1d"  # replaced below: the true one
    import hashlib

    digest = hashlib.sha256(content.read_bytes()).hexdigest()
    other = tmp_path / "moved"
    other.write_text("the content")
    first = hm.fetchurl(content.as_uri(), name="content", sha256=digest)
    second = hm.fetchurl(other.as_uri(), name="content", sha256=digest)
    assert first.id != second.id
    assert (
        sh("user", "cat $src > $out", {"src": f"{first}"}).id == sh("user", "cat $src > $out", {"src": f"{second}"}).id
    )
    store.realize(first)
    with hm.evaluation():
        warnings: list[str] = []
        for name in ("w1", "w2"):
            moved = hm.fetchurl(other.as_uri(), name="content", sha256=digest)
            user = hm.derivation(
                name=name, builder=f"{sh.busybox}/bin/sh", args=("-euc", "cat $src > $out"), env={"src": f"{moved}"}
            )
            store.realize(user, on_event=lambda event: warnings.append(event.kind))
        assert warnings.count("warning") == 1


def test_b07_a_hand_made_trace_row_cannot_poison_the_store(store: hm.Store, sh: Shell) -> None:
    honest = sh("honest", "echo honest > $out")
    wrong = hm.StorePath.parse("/hermetica/store/hx" + "0" * 30 + "-honest")
    store.objects.put([Row(Table.TRACE, b"d" + honest.input_id.raw + b"out", wrong.base.encode(), None)]).wait()
    assert store.path(honest) is None
    result = store.realize(honest)
    assert result.outcome == "built"
    assert (store.on_disk(result.out)).read_text() == "honest\n"


def test_b07_a_record_cannot_claim_the_id_of_another(sh: Shell) -> None:
    honest, other = to_record(sh("honest", "true")), to_record(sh("other", "true"))
    with hm.evaluation(), pytest.raises(InvalidRecord):
        from_record({**other, "id": honest["id"]})


def test_b08_every_field_of_a_derivation_is_hashed_or_declared_not_to_be() -> None:
    fields = {field.name for field in attrs.fields(hm.Derivation) if field.init}
    assert fields == set(HASHED) | set(NOT_HASHED)
