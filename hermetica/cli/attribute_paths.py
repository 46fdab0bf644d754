"""Keeps what was realized under which attribute path, for ``hermetica explain``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermetica.model import closure
from hermetica.realize.realized import Made, realized_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica.cli.evaluator import Evaluator
    from hermetica.cli.session import Session
    from hermetica.cli.targets import Selected
    from hermetica.realize import Realization


def keep(session: Session, targets: Evaluator, pairs: Sequence[tuple[Selected, Realization]]) -> None:
    """Keeps what of the targets is realized; where that is news, so may be what they use and their modules name."""
    done = [(selected, result) for selected, result in pairs if result.outcome.is_success]
    made = [Made(path=each.path, derivation=each.derivation, outputs=result.outputs) for each, result in done]
    objects, now_s = session.objects, time.time()
    if objects.read_only or not realized_rows(objects, made, now_s):
        return
    used = {each.id for each in closure(selected.derivation for selected, _ in done)}
    beside = [each for each in targets.beside(each.name for each, _ in done) if each.derivation.id in used]
    objects.put(realized_rows(objects, [*_realized(session, beside), *made], now_s))  # durable when the store closes


def _realized(session: Session, chosen: Iterable[Selected]) -> list[Made]:
    """Those of which every output is in the store."""
    named = list(chosen)
    wanted = [(each.derivation.input_id, output) for each in named for output in each.derivation.outputs]
    paths = iter(session.store.trace.unresolved_many(wanted))
    made: list[Made] = []
    for each in named:
        found = {output: next(paths) for output in each.derivation.outputs}
        outputs = {output: path for output, path in found.items() if path is not None}
        if len(outputs) == len(found):
            made.append(Made(path=each.path, derivation=each.derivation, outputs=outputs))
    return made
