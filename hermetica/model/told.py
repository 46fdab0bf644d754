"""Derivations that another process of ours told of: known by id at once, and read when somebody asks for more.

Most are never asked: where nothing is to be done only the targets are, and questions about a graph want names, ids and
inputs. Whether something was built before with what its inputs now are is seen from its text. What is read is checked
as every derivation is, and has the id that its record says or is refused; nothing is built that was not read.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from hermetica.model import fields
from hermetica.model.derivation import FIELDS, Derivation
from hermetica.model.evaluation import Evaluation, UnknownPlaceholder, current_evaluation, within
from hermetica.model.identity import derivation_id
from hermetica.model.inputs import Inputs, inputs_stated
from hermetica.model.origin import Origin
from hermetica.model.record import NO_CALLS, Calls, InvalidRecord, meta_in, parts_of, passed_on, revive
from hermetica.model.stated import inputs_and_sources, name_in, outputs_in, usual_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIXED: Final = '"fixed":{'
_READ: Final = FIELDS | {"inputs"}
_LEFT_OUT: Final = ("checks", "export_references", "features", "fixed", "structured")
_USUAL: Final[Mapping[str, Any]] = {name: getattr(attrs.fields(Derivation), name).default for name in _LEFT_OUT}
"""What a usual form leaves out."""


@attrs.frozen
class _Untold:
    """What is left to be read of a derivation.

    Attributes:
        record: as it came.
        calls: those that passed its definition on.
        scope: the evaluation that it is in.
    """

    record: bytes
    calls: Calls
    scope: Evaluation


class Told(Derivation):
    """A derivation of which id, name, outputs, inputs and origin are known, and the other fields read when needed."""

    @classmethod
    def of(cls, record: bytes, calls: Mapping[str, Calls]) -> Self:
        """The derivation of a record, in the evaluation in force, which knows its inputs.

        Args:
            record: ``record_bytes`` of it, from another process of ours.
            calls: those that passed definitions on, as ``revive`` takes them, by the derivation's id.

        Raises:
            InvalidRecord: it describes none, or one of another id.
        """
        parts = parts_of(record)
        canonical = parts.canonical.decode()
        own = derivation_id(parts.canonical)
        if own.hex != parts.id:
            raise _not_its_own(parts.id)
        usual = usual_fields(canonical)
        passing = calls.get(parts.id, NO_CALLS)
        made = object.__new__(cls)
        known = vars(made)
        known.update(
            _plain_fields(canonical) if usual is None else {**usual, **_USUAL},
            id=own,
            input_id=own,
            canonical=parts.canonical,
            origin=passed_on(_origin(parts.origin), passing.get("")) if parts.origin else None,
            _tokens={},
            _recipe=None,
            _untold=_Untold(record, passing, current_evaluation()),
        )
        if not parts.has_places:
            known["places"] = fields.EMPTY
        if usual is None and _FIXED in canonical:
            made._read(known["_untold"])  # what uses it knows it by its contract
        return made

    def ensure_read(self) -> None:
        """Sees to it that every field was read and checked.

        Raises:
            InvalidRecord: it is no derivation, or not the one that its id says.
        """
        untold: _Untold | None = vars(self)["_untold"]
        if untold is not None:
            self._read(untold)

    def __getattr__(self, field: str) -> Any:
        known = vars(self)
        untold: _Untold | None = known.get("_untold")
        if untold is not None and field == "inputs":
            known[field] = self._inputs(untold.scope)
        elif untold is not None and field == "meta":
            known[field] = meta_in(parts_of(untold.record).meta)
        elif untold is not None and field in _READ:
            self._read(untold)
        if field not in known:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {field!r}")
        return known[field]

    def _inputs(self, scope: Evaluation) -> Inputs:
        try:
            return inputs_stated(scope, *inputs_and_sources(self.canonical.decode()))
        except (ValueError, UnknownPlaceholder) as error:
            raise InvalidRecord(f"{self.name}: not the inputs of a derivation: {error}") from error

    def _read(self, untold: _Untold) -> None:
        with within(untold.scope):
            read = revive(json.loads(untold.record), untold.calls)
        if read.id != self.id:
            raise _not_its_own(self.id.hex)
        kept = {"_tokens": self._tokens, "_recipe": self._recipe, "_untold": None}
        vars(self).update({**vars(read), **kept})


def _plain_fields(canonical: str) -> dict[str, Any]:
    """Name and outputs in any form."""
    try:
        return {"name": name_in(canonical), "outputs": outputs_in(canonical)}
    except ValueError as error:
        raise InvalidRecord(f"no form of a derivation: {canonical[:40]!r}") from error


def _not_its_own(drv: str) -> InvalidRecord:
    return InvalidRecord(f"the evaluation sent a derivation with an id that is not its own: {drv[:12]}")


@functools.lru_cache(maxsize=1024)
def _origin(text: str) -> Origin:
    """One value for all that a loop defined."""
    return Origin.parse(text)
