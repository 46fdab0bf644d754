"""What derivations resolve to, many at once: how a change that changes nothing runs through a graph without workers.

What is found must be held, which costs a durable write. So a search follows the graph up from what can start, wave
after wave, as if all that it finds were held, and then holds all of it in one write. What went meanwhile, and what was
found by way of it, is left to who realizes it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.model import resolved_form
from hermetica.realize.outcome import Outcome, Realization
from hermetica.realize.step import check_system
from hermetica.realize.trace import derivation_rows, unresolved_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from hermetica.model import Derivation, Resolved, ResolvedForm, Token
    from hermetica.realize.context import RunContext
    from hermetica.realize.schedule import Schedule
    from hermetica_store import Commit, Row, StorePath
    from hermetica_store.digest import Digest


_FOUND_MAX: Final = 2000  # held in one write, and remembered in the next


@attrs.frozen(kw_only=True)
class Found:
    """What a search came to.

    Attributes:
        realizations: those that were built before with what their inputs now are, inputs first; they are held.
        resolved: those that were not, as a builder would run them.
        commit: of what is remembered of those found; None where there are none.
    """

    realizations: tuple[Realization, ...]
    resolved: tuple[Resolved, ...]
    commit: Commit | None = None


@attrs.frozen
class _Known:
    """A derivation that was built before, the paths of its outputs, and the key of the record of how."""

    form: ResolvedForm
    outputs: dict[str, StorePath]
    record: bytes


@attrs.define(kw_only=True, eq=False)
class Search:
    """What was built before of a graph, from what can start upwards.

    Attributes:
        context: of the run.
        results: by input id, what the run came to so far.
        paths: where what is realized is.
        tokens: by input id, how others mention its outputs.
    """

    context: RunContext
    results: Mapping[Digest, Realization]
    paths: Mapping[Token, StorePath]
    tokens: Mapping[Digest, AbstractSet[Token]]
    _known: dict[Digest, _Known] = attrs.field(init=False, factory=dict["Digest", _Known])
    _ahead: dict[Token, StorePath] = attrs.field(init=False, factory=dict["Token", "StorePath"])
    _unknown: list[ResolvedForm] = attrs.field(init=False, factory=list["ResolvedForm"])

    @property
    def is_empty(self) -> bool:
        """Whether nothing was looked for."""
        return not self._known and not self._unknown

    def follow(
        self, schedule: Schedule[Digest], by_id: Mapping[Digest, Derivation], may_be_known: Callable[[Derivation], bool]
    ) -> None:
        """Looks for what can start, for what could if what is found were done, and so on.

        Args:
            schedule: of the run; what it calls fresh is looked for.
            by_id: the derivations, by input id.
            may_be_known: whether one is worth a look, whatever its inputs are.
        """
        fresh: Iterable[Digest] = schedule.fresh()
        missing: dict[Digest, int] = {}
        while len(self._known) < _FOUND_MAX:
            derivations = [by_id[drv] for drv in fresh]
            likely = [each for each in derivations if may_be_known(each) and self._has_others(each)]
            if not likely:
                return
            fresh = schedule.ahead(self._look(likely), missing)

    def _has_others(self, derivation: Derivation) -> bool:
        """Whether its inputs are others than the ones with which it was built before."""
        used = derivation.inputs.derivations
        return any(each.input_id in self.results or each.input_id in self._known for _, each in used)

    def _look(self, derivations: Iterable[Derivation]) -> list[Digest]:
        """The input ids of those that are found; what is wrong with one is left to who realizes it."""
        forms: list[ResolvedForm] = []
        for derivation in derivations:
            with contextlib.suppress(HermeticaError):
                check_system(derivation)
                forms.append(resolved_form(derivation, self._path_of))
        known = self.context.trace.resolved_many([(each.id, each.derivation.outputs) for each in forms])
        found: list[Digest] = []
        for form in forms:
            if (row := known.get(form.id)) is None:
                self._unknown.append(form)
                continue
            drv = form.derivation.input_id
            self._known[drv] = _Known(form, *row)
            self._ahead.update((token, row[0][token.output]) for token in self.tokens.get(drv, ()))
            found.append(drv)
        return found

    def _path_of(self, token: Token) -> StorePath:
        path = self._ahead.get(token)
        return self.paths[token] if path is None else path

    def hold(self) -> Found:
        """Holds what was found, and remembers it."""
        paths = {path for each in self._known.values() for path in each.outputs.values()}
        held = self.context.lease.hold(paths)
        size_of = self.context.store.sizes(held)
        lost: set[Digest] = set()
        left = self._unknown.copy()
        found: list[Realization] = []
        rows: list[Row] = []
        for drv, each in self._known.items():
            derivation, outputs = each.form.derivation, each.outputs
            if not held.issuperset(outputs.values()) or _uses(derivation, lost):
                lost.add(drv)
                left.append(each.form)
                continue
            sizes = {output: size_of.get(path, 0) for output, path in outputs.items()}
            found.append(Realization(derivation=derivation, outcome=Outcome.CACHED, outputs=outputs, sizes=sizes))
            rows += unresolved_rows(derivation, outputs, each.record)
            rows += derivation_rows([derivation], outputs[derivation.outputs[0]])
        return Found(
            realizations=tuple(found),
            resolved=tuple(each.read() for each in left if not _uses(each.derivation, lost)),
            commit=self.context.store.put(rows) if rows else None,
        )


def _uses(derivation: Derivation, lost: AbstractSet[Digest]) -> bool:
    return bool(lost) and any(source.input_id in lost for _, source in derivation.inputs.derivations)
