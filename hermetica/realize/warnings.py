"""What a user should know although nothing failed: an address that changed while its hash did not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hermetica.model.builtins import FETCHES
from hermetica_store import Row, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermetica.model import Derivation
    from hermetica.realize.context import RunContext
    from hermetica.realize.plan import Plan


def _reused_fetches(plan: Plan) -> Iterator[Derivation]:
    missing = {step.derivation.input_id for step in plan.steps}
    seen: set[object] = set()
    for step in plan.steps:
        for _, source in step.derivation.inputs.derivations:
            if source.builder in FETCHES and source.input_id not in missing and source.id not in seen:
                seen.add(source.id)
                yield source


def _address(derivation: Derivation) -> str:
    """Where a content is asked for: the addresses, and the commit or image where that is part of it."""
    exact = (derivation.env.get(key) for key in ("rev", "digest"))
    return "\n".join(filter(None, (derivation.env["urls"], *exact)))


def addresses_row(derivation: Derivation, known: frozenset[str] = frozenset()) -> Row:
    """The row that remembers the addresses under which a content was asked for."""
    urls = sorted(known | {_address(derivation)})
    return Row(Table.FETCHES, derivation.input_id.raw, json.dumps(urls).encode(), None)


def changed_addresses(plan: Plan, context: RunContext) -> None:
    """Warns, once, of every fetch in use whose address changed and whose hash is the old one.

    The content in the store is used: if the new address holds something else, nobody would notice.
    """
    rows: list[Row] = []
    for derivation in _reused_fetches(plan):
        value = context.store.get(Table.FETCHES, derivation.input_id.raw)
        known = frozenset(json.loads(value)) if value is not None else frozenset[str]()
        if _address(derivation) in known:
            continue
        if known:
            context.warn(
                derivation,
                f"the address of {derivation.name} changed and its hash did not: the content fetched before is used",
            )
        rows.append(addresses_row(derivation, known))
    if rows:
        context.store.put(rows)
