"""What derivations resolve to, many at once: how a change that changes nothing runs through a graph without workers.

Looking for one costs a durable write, for what is found must be held; looking for a wave of them costs one as well.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import attrs

from hermetica.errors import HermeticaError
from hermetica.model import resolved_form
from hermetica.realize.outcome import Outcome, Realization
from hermetica.realize.step import check_system
from hermetica.realize.trace import derivation_rows, unresolved_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hermetica.model import Derivation, Resolved, ResolvedForm, Token
    from hermetica.realize.context import RunContext
    from hermetica_store import Commit, Row, StorePath
    from hermetica_store.digest import Digest


@attrs.frozen(kw_only=True)
class Wave:
    """Derivations that were looked for together.

    Attributes:
        found: those that were built before with what their inputs now are.
        resolved: the others, as a builder would run them.
        commit: of what is remembered of those found; None where there are none.
    """

    found: tuple[Realization, ...]
    resolved: tuple[Resolved, ...]
    commit: Commit | None = None


def find(derivations: Iterable[Derivation], path_of: Callable[[Token], StorePath], context: RunContext) -> Wave:
    """Looks for derivations all of whose inputs are realized; what is wrong with one is left to who realizes it."""
    forms: list[ResolvedForm] = []
    for derivation in derivations:
        with contextlib.suppress(HermeticaError):
            check_system(derivation)
            forms.append(resolved_form(derivation, path_of))
    known = _held(forms, context)
    size_of = context.store.sizes(path for outputs, _ in known.values() for path in outputs.values())
    found: list[Realization] = []
    rows: list[Row] = []
    for each in forms:
        if each.id in known:
            outputs, key = known[each.id]
            sizes = {output: size_of.get(path, 0) for output, path in outputs.items()}
            found.append(Realization(derivation=each.derivation, outcome=Outcome.CACHED, outputs=outputs, sizes=sizes))
            rows += unresolved_rows(each.derivation, outputs, key)
            rows += derivation_rows([each.derivation], outputs[each.derivation.outputs[0]])
    return Wave(
        found=tuple(found),
        resolved=tuple(each.read() for each in forms if each.id not in known),
        commit=context.store.put(rows) if rows else None,
    )


def _held(forms: Sequence[ResolvedForm], context: RunContext) -> dict[Digest, tuple[dict[str, StorePath], bytes]]:
    """By resolved id what is known and held from now on: the outputs, and the key of the record of how."""
    wanted = [(each.id, each.derivation.outputs) for each in forms]
    known = context.trace.resolved_many(wanted)
    held = context.lease.hold({path for outputs, _ in known.values() for path in outputs.values()}) if known else ()
    return {digest: row for digest, row in known.items() if all(path in held for path in row[0].values())}
