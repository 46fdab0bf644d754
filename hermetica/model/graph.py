"""The graph that derivations form, walked without recursion: chains may be deeper than any stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica.model.derivation import Derivation
    from hermetica_store.digest import Digest


def closure(roots: Iterable[Derivation]) -> list[Derivation]:
    """``roots`` and all they depend on, each once, inputs before those that use them."""
    order: list[Derivation] = []
    seen: set[Digest] = set()
    pending: list[tuple[Derivation, bool]] = [(root, False) for root in reversed(list(roots))]
    while pending:
        derivation, is_done = pending.pop()
        if is_done:
            order.append(derivation)
        elif derivation.id not in seen:
            seen.add(derivation.id)
            pending.append((derivation, True))
            pending.extend((source, False) for _, source in derivation.inputs.derivations if source.id not in seen)
    return order


def build_graph(derivation: Derivation) -> str:
    """The build closure of ``derivation`` as a JSON text of placeholders, for a builder to read from a file.

    An array, inputs before those that use them; each entry has ``name``, ``outputs`` (name -> path) and ``inputs``
    (paths). Because the text holds every path as a placeholder, all of them are inputs of whoever uses it.
    """
    rows = [
        {
            "name": each.name,
            "outputs": {output: each.placeholder(output) for output in each.outputs},
            "inputs": [
                *(source.placeholder(token.output) for token, source in each.inputs.derivations),
                *(str(source) for source in each.inputs.sources),
            ],
        }
        for each in closure([derivation])
    ]
    return json.dumps(rows, indent=1, sort_keys=True)
