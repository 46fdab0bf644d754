"""Trees that were built again, made to look as what they are to be compared with.

A first build is named by its content. A second one takes the names of the first: every scratch digest in it becomes
the digest that the first one got, so the two trees are equal, byte by byte, exactly if the builds agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from hermetica_store.content import Content, tree_digest
from hermetica_store.ingest import ingest
from hermetica_store.refusals import working_in
from hermetica_store.relocate import relocate
from hermetica_store.scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hermetica_store.digest import Digest
    from hermetica_store.path import StorePath
    from hermetica_store.prepare import Candidate


@attrs.frozen(kw_only=True)
class Rebuilt:
    """One output of a second build: canonical, under the name of the first.

    Attributes:
        output: of the candidate.
        path: of the object that it is compared with.
        tree: its true tree digest.
        tree_on_disk: where it lies.
        content: what is in it.
    """

    output: str
    path: StorePath
    tree: Digest
    tree_on_disk: Path
    content: Content = attrs.field(repr=False, eq=False)


def take_rebuilt(root: Path, candidates: Sequence[Candidate], paths: Mapping[str, StorePath]) -> tuple[Rebuilt, ...]:
    """Makes the trees of a second build canonical, in the order given; nothing is registered.

    Args:
        root: of the store that they lie in.
        candidates: the outputs of one derivation.
        paths: output -> the object that the first build made.

    Raises:
        StoreError: a tree cannot be an object, or the system refused.
    """
    final = {
        each.scratch_digest.encode(): paths[each.output].digest.encode()
        for each in candidates
        if each.scratch_digest is not None
    }
    with working_in(root):
        return tuple(_take(each, paths[each.output], final) for each in candidates)


def _take(candidate: Candidate, path: StorePath, final: Mapping[bytes, bytes]) -> Rebuilt:
    scanner = Scanner((), tracked=[digest.decode() for digest in final])
    content = ingest(candidate.tree, scanner, check_writers=candidate.check_writers)
    relocate(candidate.tree, content, final)
    return Rebuilt(
        output=candidate.output,
        path=path,
        tree=tree_digest(content),
        tree_on_disk=candidate.tree,
        content=content,
    )
