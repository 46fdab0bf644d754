"""Pins of trees: what each kind says beside the tree digest, and the derivation that it makes. Pure.

The tree digest is the identity. The facts of a kind (a commit, the digest of an image) say where to look, exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.model.builtins import fetchgit
from hermetica.model.images import fetchoci

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hermetica.model import Derivation, Meta

__all__ = ["TREE_KINDS", "TreeKind"]


@attrs.frozen(kw_only=True)
class TreeKind:
    """A kind of pin whose content is a tree.

    Attributes:
        fetch: the builtin that makes the derivation; it takes ``name``, ``blake3``, ``meta`` and the facts, by name.
        needed: facts that every such pin has.
        optional: facts that it may have; one that is left out is as the builtin has it.
        switches: those of them that are ``1``, or left out.
    """

    fetch: Callable[..., Derivation]
    needed: frozenset[str]
    optional: frozenset[str] = frozenset()
    switches: frozenset[str] = frozenset()

    def fault(self, facts: Mapping[str, str]) -> str | None:
        """What is wrong with the facts of a pin of this kind; None where nothing is."""
        if lacking := sorted(self.needed - facts.keys()):
            return f"it lacks {', '.join(lacking)}"
        if unknown := sorted(facts.keys() - self.needed - self.optional - self.switches):
            return f"it cannot have {', '.join(unknown)}"
        if wrong := sorted(key for key in self.switches & facts.keys() if facts[key] != "1"):
            return f'{wrong[0]} is "1" or left out'
        return None

    def derivation(
        self, addresses: Sequence[str], *, name: str, digest: str, facts: Mapping[str, str], meta: Meta | None
    ) -> Derivation:
        """The tree as a derivation.

        Args:
            addresses: where to look, in order.
            name: of the object.
            digest: of the tree.
            facts: of the pin, without fault.
            meta: what people want to know of it.

        Raises:
            EvaluationError: the builtin does not take the facts.
        """
        values = {key: True if key in self.switches else value for key, value in facts.items()}
        return self.fetch(addresses, name=name, blake3=digest, meta=meta, **values)


TREE_KINDS: Final[Mapping[str, TreeKind]] = {
    "git": TreeKind(fetch=fetchgit, needed=frozenset({"rev"}), switches=frozenset({"submodules"})),
    "oci": TreeKind(fetch=fetchoci, needed=frozenset({"digest"}), optional=frozenset({"platform"})),
}
"""By the kind that a pin says."""
