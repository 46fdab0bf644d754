"""From the trees a build left to objects ready to be published: canonical, scanned, hashed, named and rewritten.

Outputs are built under scratch digests of the same length as final ones. A tree's path follows from its
digest modulo its own scratch digest, so it does not depend on the scratch name; then every scratch digest
is rewritten to the final one. Outputs that mention each other are taken in order of reference. Source:
docs/format-tree.md, "Self-references".
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.compose import Composed
from hermetica_store.content import Content, tree_digest
from hermetica_store.errors import StoreError
from hermetica_store.ingest import ingest
from hermetica_store.path import StorePath, store_path
from hermetica_store.relocate import modulo_digests, relocate
from hermetica_store.rewrite import ZEROED, substitute
from hermetica_store.scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from hermetica_store.digest import Digest

_DEFAULT_OUTPUT: Final = "out"


class OutputCycle(StoreError):
    """Outputs of one derivation that refer to each other in a circle."""

    code = "HM415"

    def __init__(self, outputs: tuple[str, ...]) -> None:
        super().__init__(
            f"outputs refer to each other in a circle: {' -> '.join(outputs)}",
            hint="move what one of them needs into the other, or make them one output",
        )
        self.outputs = outputs


@attrs.frozen(kw_only=True)
class Candidate:
    """A tree that is to become an object.

    Attributes:
        tree: where it lies; a file, directory or symbolic link of ours that nobody else uses. It is changed in place.
        name: of the object.
        scratch_digest: the digest text it was built under, which stands for its own path; None if it has none.
        output: which output of its derivation it is.
        discard_references: whether it counts as referring to nothing, whatever it mentions.
        check_writers: whether foreign descriptors may still be able to write to it.
        size_limit_bytes: of its regular files, holes counted: more is not even read. None without end.
        composed: what is known of it, where it was made from registered objects or read while it was written.
    """

    tree: Path
    name: str
    scratch_digest: str | None = None
    output: str = _DEFAULT_OUTPUT
    discard_references: bool = False
    check_writers: bool = True
    size_limit_bytes: int | None = None
    composed: Composed | None = None


@attrs.frozen(kw_only=True)
class Prepared:
    """A tree ready to be published: canonical on disk, and named by its content.

    Attributes:
        output: of the candidate.
        path: the object's path.
        tree: its true tree digest.
        modulo: its tree digest modulo its own path digest; equal to ``tree`` where it does not mention itself.
        size_bytes: of all regular files together.
        references: the objects it mentions, ascending; with its own path if it mentions itself.
        tree_on_disk: where it lies, unflushed.
        file_count: how many regular files it has.
        content: what is in it; of a tree with a manifest, at least what is new and may share its bytes.
        manifest: of it, where it is known already.
    """

    output: str
    path: StorePath
    tree: Digest
    modulo: Digest
    size_bytes: int
    references: tuple[StorePath, ...]
    tree_on_disk: Path
    file_count: int
    content: Content = attrs.field(repr=False, eq=False)
    manifest: bytes | None = attrs.field(default=None, repr=False, eq=False)


@attrs.frozen(eq=False)
class _Taken:
    """A candidate with its content and the known digests it mentions."""

    candidate: Candidate
    content: Content
    mentions: frozenset[bytes]


def prepare(candidates: Sequence[Candidate], references: Collection[StorePath] = ()) -> tuple[Prepared, ...]:
    """Make trees into objects that can be published; the result is in the order given.

    Args:
        candidates: the outputs of one derivation.
        references: the objects they may mention; what else they mention does not count.

    Raises:
        TreeTooLarge: a tree is larger than its limit.
        SpecialFile: a tree holds a socket, fifo or device.
        UnrepresentableName: a name or link target is not UTF-8.
        OutputCycle: the outputs refer to each other in a circle.
        InvalidStorePath: a candidate's name may not stand in a store path.
        TreeChanged: somebody wrote to a tree meanwhile.
        TreeError: the system refused.
    """
    known = {path.digest: path for path in references}
    scratch = [candidate.scratch_digest for candidate in candidates if candidate.scratch_digest is not None]
    if len(set(scratch)) != len(scratch) or not known.keys().isdisjoint(scratch):
        raise ValueError("scratch digests must differ from each other and from all references")
    taken = {index: _take(candidate, known, scratch) for index, candidate in enumerate(candidates)}
    paths: dict[bytes, StorePath] = {text.encode(): path for text, path in known.items()}
    final: dict[bytes, bytes] = {}
    prepared: dict[int, Prepared] = {}
    for index in _order(taken):
        done = prepared[index] = _settle(taken[index], paths, final)
        own = taken[index].candidate.scratch_digest
        if own is not None:
            paths[own.encode()] = done.path
            final[own.encode()] = done.path.digest.encode()
    return tuple(prepared[index] for index in range(len(candidates)))


def _take(candidate: Candidate, known: Collection[str], scratch: Sequence[str]) -> _Taken:
    scanner = Scanner(() if candidate.discard_references else known, tracked=scratch)
    composed = candidate.composed or Composed()
    content = ingest(
        candidate.tree,
        scanner,
        check_writers=candidate.check_writers,
        size_limit_bytes=candidate.size_limit_bytes,
        known=composed.files,
    )
    mentions = scanner.found.union(text for file in composed.files.values() for _, text in file.held)
    if not candidate.discard_references:
        mentions |= {path.digest.encode() for path in composed.references if path.digest in known}
    return _Taken(candidate, content, frozenset(mentions))


def _order(taken: Mapping[int, _Taken]) -> tuple[int, ...]:
    """The candidates, each after those it mentions."""
    if len(taken) == 1:
        return tuple(taken)
    owners = {one.candidate.scratch_digest.encode(): i for i, one in taken.items() if one.candidate.scratch_digest}
    graph = {
        index: {owners[digest] for digest in one.mentions if digest in owners and owners[digest] != index}
        for index, one in taken.items()
    }
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle: list[int] = error.args[1]
        raise OutputCycle(tuple(taken[index].candidate.output for index in reversed(circle))) from error


def _settle(one: _Taken, paths: Mapping[bytes, StorePath], final: Mapping[bytes, bytes]) -> Prepared:
    """Derive the path of a tree whose siblings are settled, and rewrite the digests in it."""
    candidate, content = one.candidate, one.content
    own = candidate.scratch_digest.encode() if candidate.scratch_digest else b""
    siblings = {digest: final[digest] for digest in one.mentions if digest in final}
    counted = frozenset[bytes]() if candidate.discard_references else one.mentions
    others = [paths[digest] for digest in counted if digest != own]
    tree: Digest | None = None
    if own in one.mentions:
        modulo = _modulo(one, own, siblings)
    else:
        if siblings:
            relocate(candidate.tree, content, siblings)
        modulo = tree = tree_digest(content)
    path = store_path(candidate.name, modulo, others, refers_to_itself=own in counted)
    if tree is None:
        relocate(candidate.tree, content, {**siblings, own: path.digest.encode()})
        tree = tree_digest(content)
    return Prepared(
        output=candidate.output,
        path=path,
        tree=tree,
        modulo=modulo,
        size_bytes=content.size_bytes,
        references=tuple(sorted([*others, path] if own in counted else others)),
        tree_on_disk=candidate.tree,
        file_count=content.file_count,
        content=content,
    )


def _modulo(one: _Taken, own: bytes, siblings: Mapping[bytes, bytes]) -> Digest:
    """The tree digest modulo ``own``, as if the siblings' digests were rewritten already."""
    digests = modulo_digests(one.candidate.tree, one.content, own, siblings)
    replacements = {**siblings, own: ZEROED}
    return tree_digest(
        one.content, lambda text: substitute(text, replacements), lambda file: digests.get(file, file.digest)
    )
