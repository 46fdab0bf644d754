"""``hermetica query select``: the derivations that an expression stands for."""

from __future__ import annotations

from collections import defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hermetica.cli.expressions import Call, InvalidExpression, evaluate, parse_expression, reach, targets_of
from hermetica.model import closure
from hermetica.realize.plan import Work, work_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.cli.session import Session
    from hermetica.model import Derivation

_NOTHING: frozenset[str] = frozenset()


def selected(session: Session, text: str) -> list[Derivation]:
    """The derivations that an expression stands for. To be used inside one ``evaluation()``.

    Raises:
        InvalidExpression: it stands for nothing.
    """
    expression = parse_expression(text)
    names = targets_of(expression)
    targets = session.evaluator(names)
    named = {name: [each.derivation for each in targets.derivations([name])] for name in names}
    known = {each.id.hex: each for each in closure(each for found in named.values() for each in found)}
    uses = {drv: frozenset(used.id.hex for _, used in each.inputs.derivations) for drv, each in known.items()}

    def call(wanted: Call, sets: tuple[frozenset[str], ...]) -> frozenset[str]:
        last = sets[-1]
        if wanted.function == "deps":
            return reach(last, lambda drv: uses[drv], wanted.number)
        if wanted.function == "rdeps":
            users = _users(reach(sets[0], lambda drv: uses[drv], None), uses)
            return reach(last & users.keys(), lambda drv: users[drv], wanted.number)
        if wanted.function == "realized":
            return _realized(session, known, last)
        if wanted.function == "kind":
            return _of_kind(wanted.word, known, last)
        return frozenset(drv for drv in last if fnmatchcase(known[drv].name, wanted.word))

    found = evaluate(expression, lambda target: frozenset(each.id.hex for each in named[target]), call)
    return [known[drv] for drv in found]


def _users(universe: frozenset[str], uses: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Of each derivation of a universe those of it that use it."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for user in universe:
        for used in uses[user]:
            users[used].add(user)
    return {drv: frozenset(users[drv]) for drv in universe}


def _realized(session: Session, known: Mapping[str, Derivation], drvs: frozenset[str]) -> frozenset[str]:
    wanted = [(drv, output) for drv in drvs for output in known[drv].outputs]
    found = session.store.trace.unresolved_many([(known[drv].input_id, output) for drv, output in wanted])
    return drvs - {drv for (drv, _), path in zip(wanted, found, strict=True) if path is None}


def _of_kind(kind: str, known: Mapping[str, Derivation], drvs: frozenset[str]) -> frozenset[str]:
    if kind == "fixed":
        return frozenset(drv for drv in drvs if known[drv].fixed is not None)
    if kind not in set(Work):
        raise InvalidExpression(f"no kind {kind!r}", hint=f"kinds: {', '.join([*Work, 'fixed'])}")
    return frozenset(drv for drv in drvs if work_of(known[drv]) == kind)
