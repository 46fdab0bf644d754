"""Directory messages agree with the protobuf library, and digests tell trees apart by what counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from hermetica_store.digest import Digest
from hermetica_store.tree import (
    DirectoryNode,
    FileNode,
    SymlinkNode,
    UnrepresentableName,
    directory_message,
    lone_file_digest,
    lone_symlink_digest,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "tree.json"
_FIELD = descriptor_pb2.FieldDescriptorProto
_SCHEMA: dict[str, list[tuple[str, int, str]]] = {
    "Digest": [("hash", 1, "string"), ("size_bytes", 2, "int64")],
    "FileNode": [("name", 1, "string"), ("digest", 2, "Digest"), ("is_executable", 4, "bool")],
    "DirectoryNode": [("name", 1, "string"), ("digest", 2, "Digest")],
    "SymlinkNode": [("name", 1, "string"), ("target", 2, "string")],
    "Directory": [("files", 1, "FileNode*"), ("directories", 2, "DirectoryNode*"), ("symlinks", 3, "SymlinkNode*")],
}
_SCALARS = {"string": _FIELD.TYPE_STRING, "int64": _FIELD.TYPE_INT64, "bool": _FIELD.TYPE_BOOL}


def _directory_class() -> Any:
    """The message class of ``Directory``, built at run time from the fields of remote_execution.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="reapi.proto", package="reapi", syntax="proto3")
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            added = message.field.add(name=field, number=number)
            added.label = _FIELD.LABEL_REPEATED if kind.endswith("*") else _FIELD.LABEL_OPTIONAL
            added.type = _SCALARS.get(kind, _FIELD.TYPE_MESSAGE)
            if kind not in _SCALARS:
                added.type_name = f".reapi.{kind.rstrip('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("reapi.Directory"))


DIRECTORY = _directory_class()
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
DIGESTS = st.binary(min_size=32, max_size=32).map(Digest)
SIZES = st.integers(0, 2**63 - 1)
FILES = st.builds(FileNode, name=NAMES, digest=DIGESTS, size_bytes=SIZES, executable=st.booleans())
DIRECTORIES = st.builds(DirectoryNode, name=NAMES, digest=DIGESTS, size_bytes=SIZES)
SYMLINKS = st.builds(SymlinkNode, NAMES, NAMES)


def _by_protobuf(files: list[FileNode], directories: list[DirectoryNode], symlinks: list[SymlinkNode]) -> bytes:
    message = DIRECTORY()
    for node in sorted(files, key=lambda node: node.name.encode()):
        message.files.add(
            name=node.name,
            digest={"hash": node.digest.hex, "size_bytes": node.size_bytes},
            is_executable=node.executable,
        )
    for directory in sorted(directories, key=lambda node: node.name.encode()):
        message.directories.add(
            name=directory.name, digest={"hash": directory.digest.hex, "size_bytes": directory.size_bytes}
        )
    for link in sorted(symlinks, key=lambda node: node.name.encode()):
        message.symlinks.add(name=link.name, target=link.target)
    written: bytes = message.SerializeToString(deterministic=True)
    return written


@given(
    st.lists(FILES, unique_by=lambda node: node.name),
    st.lists(DIRECTORIES, unique_by=lambda node: node.name),
    st.lists(SYMLINKS, unique_by=lambda node: node.name),
)
def test_a_directory_is_what_the_protobuf_library_writes(
    files: list[FileNode], directories: list[DirectoryNode], symlinks: list[SymlinkNode]
) -> None:
    assert directory_message(files, directories, symlinks) == _by_protobuf(files, directories, symlinks)


@given(st.lists(FILES, unique_by=lambda node: node.name), st.randoms(use_true_random=False))
def test_the_order_of_entries_does_not_matter(files: list[FileNode], random: Any) -> None:
    shuffled = files.copy()
    random.shuffle(shuffled)
    assert directory_message(shuffled) == directory_message(files)


def test_the_empty_directory_is_the_empty_message() -> None:
    assert directory_message() == b""


def test_kind_executable_bit_bytes_and_target_each_count_for_lone_objects() -> None:
    data = Digest.of(b"x")
    digests = {
        lone_file_digest(data, 1, executable=False),
        lone_file_digest(data, 1, executable=True),
        lone_file_digest(Digest.of(b"y"), 1, executable=False),
        lone_symlink_digest(b"x"),
        lone_symlink_digest(b"y"),
        data,
        Digest.of(directory_message([FileNode(name="x", digest=data, size_bytes=1)])),
    }
    assert len(digests) == 7


def test_a_name_that_is_not_utf8_is_refused_by_name() -> None:
    with pytest.raises(UnrepresentableName, match=r"not UTF-8: caf\\xe9"):
        directory_message(symlinks=[SymlinkNode("caf\udce9", "x")])


def _golden_message(case: dict[str, Any]) -> bytes:
    return directory_message(
        [
            FileNode(
                name=one["name"],
                digest=Digest.of(one["content"].encode()),
                size_bytes=len(one["content"].encode()),
                executable=one["executable"],
            )
            for one in case["files"]
        ],
        [
            DirectoryNode(
                name=one["name"], digest=Digest.of(bytes.fromhex(one["message"])), size_bytes=len(one["message"]) // 2
            )
            for one in case["directories"]
        ],
        [SymlinkNode(one["name"], one["target"]) for one in case["symlinks"]],
    )


def test_golden_messages_and_digests_stay() -> None:
    """A change here changes every store path: it needs a new format version and a new path context."""
    golden = json.loads(GOLDEN.read_text())
    for case in golden["directories"]:
        message = _golden_message(case)
        assert (message.hex(), Digest.of(message).hex) == (case["message"], case["digest"]), case["title"]
    for case in golden["lone_files"]:
        data = case["content"].encode()
        assert lone_file_digest(Digest.of(data), len(data), executable=case["executable"]).hex == case["digest"]
    for case in golden["lone_symlinks"]:
        assert lone_symlink_digest(case["target"].encode()).hex == case["digest"]
