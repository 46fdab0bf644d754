"""Having a derivation's outputs from a substituter: asked, checked, registered; or told of, and built here."""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, Any

import attrs

from hermetica.errors import HermeticaError
from hermetica.realize.errors import BuildCancelled
from hermetica.realize.events import SubstitutionFinished, SubstitutionStarted
from hermetica.realize.finish import file_hash
from hermetica.realize.history import history_rows
from hermetica.realize.incoming import Incoming, Silent, Stopped
from hermetica.realize.outcome import Outcome, Realization
from hermetica.realize.plan import Work, work_of
from hermetica.realize.substituters import Substitute, SubstituteRefused, SubstituteRequest, SubstituterFailed
from hermetica.realize.trace import (
    RECORD_FORMAT,
    derivation_rows,
    realisation_rows,
    record_key,
    record_row,
    unresolved_rows,
)
from hermetica_store import InvalidStorePath, StoreError, StorePath, SystemRefusal
from hermetica_store.digest import Digest
from hermetica_store.exchange import import_archive
from hermetica_store.path import store_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.model import Derivation, Resolved
    from hermetica.realize.context import RunContext
    from hermetica.realize.substituters import Asked, Substituter
    from hermetica_store import Commit


def _nothing() -> None:
    """Where nobody waits for it."""


@attrs.frozen(kw_only=True)
class _Wanted:
    """What a substituter is asked for.

    Attributes:
        derivation: which.
        resolved: the same with its inputs in the store; None where that is not known yet.
        on_found: is called when a substituter has it.
    """

    derivation: Derivation
    resolved: Resolved | None = None
    on_found: Callable[[], None] = _nothing

    @property
    def id(self) -> Digest:
        """By which it is asked for."""
        return self.derivation.id if self.resolved is None else self.resolved.id


def substitute(
    resolved: Resolved, context: RunContext, facts: Callable[[float], dict[str, Any]]
) -> tuple[Realization, Commit] | None:
    """The outputs of ``resolved`` from the first substituter that has them; None where they have to be made.

    Args:
        resolved: what is wanted.
        context: of the run.
        facts: the fields of a build record that is begun at a time.

    Raises:
        BuildCancelled: the run was cancelled meanwhile.
        SystemRefusal: this machine lacks room, or does not let the store write.
    """
    if work_of(resolved.derivation) is Work.BUILTIN:
        return None
    return _first(_Wanted(derivation=resolved.derivation, resolved=resolved), context, facts)


def substitute_ahead(
    derivation: Derivation, context: RunContext, on_found: Callable[[], None]
) -> tuple[Realization, Commit] | None:
    """The same by the id that a derivation declares, before anything is done for its inputs; of builds alone.

    Args:
        derivation: what is wanted.
        context: of the run.
        on_found: is called when a substituter has it, before it is given.

    Raises:
        HermeticaError: as ``substitute``.
    """

    def facts(started_s: float) -> dict[str, Any]:
        return {
            "format": RECORD_FORMAT,
            "resolved_id": derivation.id.hex,
            "drv": derivation.id.hex,
            "name": derivation.name,
            "origin": str(derivation.origin) if derivation.origin else None,
            "inputs": [],
            "started_s": started_s,
            "requested_by": context.options.requested_by,
        }

    if work_of(derivation) is not Work.BUILD or derivation.fixed is not None:
        return None
    return _first(_Wanted(derivation=derivation, on_found=on_found), context, facts)


def _first(
    wanted: _Wanted, context: RunContext, facts: Callable[[float], dict[str, Any]]
) -> tuple[Realization, Commit] | None:
    derivation, substituters = wanted.derivation, context.substituters
    if substituters is None:
        return None
    for asked in substituters.for_(derivation):
        started_s, clock = time.time(), time.monotonic()
        try:
            taken = _take(asked, substituters.made(asked), wanted, context)
        except SystemRefusal:
            raise
        except HermeticaError as error:
            if context.cancellation.is_cancelled:
                raise BuildCancelled(derivation, "cancelled") from error
            _tell(derivation, asked, context, started_s, error=error)
            is_final = not isinstance(error, SubstituterFailed) or isinstance(error.__cause__, Silent)
            is_left = substituters.note(asked, is_final=is_final)
            rest = "; this run asks it no more" if is_left else ""
            context.warn(derivation, f"[{error.code}] {error.message}{rest}")
            continue
        if taken is None:
            continue
        outputs, received_bytes = taken
        _tell(derivation, asked, context, started_s, outputs=outputs, received_bytes=received_bytes)
        duration_s = time.monotonic() - clock
        document = {**facts(started_s), "duration_s": round(duration_s, 6), "substituter": asked.text}
        commit = _register(wanted, outputs, context, document)
        return Realization(
            derivation=derivation, outcome=Outcome.SUBSTITUTED, outputs=outputs, duration_s=duration_s
        ), commit
    return None


def _take(
    asked: Asked, substituter: Substituter, wanted: _Wanted, context: RunContext
) -> tuple[dict[str, StorePath], int] | None:
    """The outputs, imported and held, and how many bytes came; None where the substituter has nothing."""
    derivation, network = wanted.derivation, context.network()
    request = SubstituteRequest(
        id=wanted.id.hex,
        is_resolved=wanted.resolved is not None,
        name=derivation.name,
        outputs=derivation.outputs,
        timeout_s=network.patience.timeout_s,
        is_offline=network.offline,
        is_cancelled=lambda: context.cancellation.is_cancelled,
    )
    incoming = Incoming(lambda: substituter(request), timeout_s=request.timeout_s, is_cancelled=request.is_cancelled)
    try:
        outputs = _imported(asked, incoming, wanted, context)
    except (SystemRefusal, SubstituteRefused):
        raise
    except StoreError as error:
        raise _refused(asked, derivation, error.message, (("cause", error.code), *error.details)) from error
    except Stopped as error:
        raise BuildCancelled(derivation, "cancelled") from error
    except Silent as error:
        text = f"{asked.plugin} said nothing for {request.timeout_s:g} s"
        raise SubstituterFailed(derivation, asked, text) from error
    except Exception as error:
        raise SubstituterFailed(derivation, asked, error) from error
    finally:
        incoming.leave()
    return None if outputs is None else (outputs, incoming.received_bytes)


def _imported(asked: Asked, incoming: Incoming, wanted: _Wanted, context: RunContext) -> dict[str, StorePath] | None:
    derivation = wanted.derivation
    answer = incoming.answer()
    if answer is None:
        return None
    outputs = _claimed(asked, derivation, answer)
    wanted.on_found()
    context.emit(
        SubstitutionStarted(time_s=time.time(), drv=derivation.id.hex, name=derivation.name, substituter=asked.text)
    )
    where = f"what {asked.plugin} gives"
    imported = import_archive(
        context.store, _Told(asked, incoming, derivation, context), lease=context.lease, where=where
    )
    absent = sorted(set(outputs.values()) - set(imported.roots))
    if absent or context.lease.hold(outputs.values()) != frozenset(outputs.values()):
        raise _refused(asked, derivation, f"its archive is not of {', '.join(map(str, absent)) or 'its outputs'}")
    _check_fixed(asked, derivation, outputs, context)
    return outputs


class _Told:
    """An archive that tells how far it has come."""

    def __init__(self, asked: Asked, incoming: Incoming, derivation: Derivation, context: RunContext) -> None:
        self._asked, self._incoming, self._derivation, self._context = asked, incoming, derivation, context
        self._told_bytes = 0

    def read(self, size: int, /) -> bytes:
        data = self._incoming.read(size)
        limit = self._context.options.build_limit_bytes
        if limit is not None and self._incoming.received_bytes > limit:
            raise _refused(self._asked, self._derivation, f"its archive has more than {limit} bytes")
        if (received := self._incoming.received_bytes) - self._told_bytes > 1 << 20:
            self._told_bytes = received
            self._context.progress(self._derivation, received, None)
        return data


def _refused(
    asked: Asked, derivation: Derivation, what: str, details: tuple[tuple[str, str], ...] = ()
) -> SubstituteRefused:
    return SubstituteRefused(
        derivation,
        f"what {asked.plugin} offers is refused: {what}",
        details=details,
        hint="it is built here instead; ask who runs the substituter, or take it out of the setting substituters",
    )


def _claimed(asked: Asked, derivation: Derivation, answer: object) -> dict[str, StorePath]:
    """The paths that an answer names, if it names one that can be for each output."""
    if not isinstance(answer, Substitute):
        raise _refused(asked, derivation, f"its answer is {type(answer).__name__}, not a Substitute")
    claimed = dict(answer.outputs)
    if claimed.keys() != set(derivation.outputs):
        raise _refused(asked, derivation, f"it names the outputs {', '.join(map(str, claimed)) or 'none'}")
    try:
        outputs = {output: StorePath.parse(str(claimed[output])) for output in derivation.outputs}
    except InvalidStorePath as error:
        raise _refused(asked, derivation, error.message) from error
    for output, path in outputs.items():
        if path.name != derivation.store_name(output):
            raise _refused(asked, derivation, f"it names {path} as the output {output}")
    fixed = derivation.fixed
    if fixed is not None and fixed.is_known and fixed.method == "tree":
        wanted = store_path(derivation.name, Digest.parse(fixed.digest))
        if outputs[derivation.outputs[0]] != wanted:
            raise _refused(asked, derivation, f"it names another tree than {wanted}")
    return outputs


def _check_fixed(asked: Asked, derivation: Derivation, outputs: Mapping[str, StorePath], context: RunContext) -> None:
    """That the content of a fixed output has its hash; of a tree its path said so."""
    fixed = derivation.fixed
    if fixed is None or not fixed.is_known or fixed.method == "tree":
        return
    place = context.store.on_disk(outputs[derivation.outputs[0]])
    status = os.lstat(place)
    if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o111:
        raise _refused(asked, derivation, "a plain file has to be there")
    if (got := file_hash(place, fixed.algorithm)) != fixed.digest:
        details = (("expected", f"{fixed.algorithm} {fixed.digest}"), ("got", f"{fixed.algorithm} {got}"))
        raise _refused(asked, derivation, "its content has another hash", details)


def _tell(
    derivation: Derivation,
    asked: Asked,
    context: RunContext,
    started_s: float,
    *,
    outputs: Mapping[str, StorePath] | None = None,
    received_bytes: int = 0,
    error: HermeticaError | None = None,
) -> None:
    now_s = time.time()
    context.emit(
        SubstitutionFinished(
            time_s=now_s,
            drv=derivation.id.hex,
            name=derivation.name,
            substituter=asked.text,
            outputs={output: str(path) for output, path in (outputs or {}).items()},
            received_bytes=received_bytes,
            duration_s=max(0.0, now_s - started_s),
            error=error,
        )
    )


def _register(wanted: _Wanted, outputs: Mapping[str, StorePath], context: RunContext, facts: dict[str, Any]) -> Commit:
    derivation, key = wanted.derivation, record_key(wanted.id, facts["started_s"])
    derivation.ensure_read()
    owner = outputs[derivation.outputs[0]]
    infos = {output: info for output, path in outputs.items() if (info := context.store.info(path)) is not None}
    described = {
        output: {"path": str(info.path), "tree": info.tree.hex, "size_bytes": info.size_bytes}
        for output, info in infos.items()
    }
    record = {**facts, "outcome": str(Outcome.SUBSTITUTED), "outputs": described}
    return context.store.put(
        [
            *(
                unresolved_rows(derivation, outputs, key)
                if wanted.resolved is None
                else realisation_rows(derivation, wanted.resolved.id, outputs, key)
            ),
            *derivation_rows([derivation], owner),
            record_row(key, record, owner),
            *history_rows(key, record, owner),
        ]
    )
