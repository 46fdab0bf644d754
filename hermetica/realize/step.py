"""One derivation, realized: resolve, look, wait for whoever else makes the same thing, make it, register it."""

from __future__ import annotations

import functools
import os
import platform
import time
from typing import TYPE_CHECKING, Any, Final

from hermetica.model import resolve
from hermetica.model.identity import contract_id
from hermetica.realize.context import Usage
from hermetica.realize.errors import BuildCancelled, FixedOutputMismatch, RealizeError, UnsupportedSystem
from hermetica.realize.events import DerivationWaiting
from hermetica.realize.finish import keep_under_true_address, register
from hermetica.realize.history import history_rows
from hermetica.realize.logs import BuildLog
from hermetica.realize.make import make
from hermetica.realize.outcome import Outcome, Realization
from hermetica.realize.plan import Work, work_of
from hermetica.realize.present import present_tree
from hermetica.realize.sources import add_sources
from hermetica.realize.trace import (
    RECORD_FORMAT,
    contract_rows,
    derivation_rows,
    record_key,
    record_row,
    unresolved_rows,
)
from hermetica.sandbox import CONTRACT_VERSION, differences, required_tier
from hermetica_store import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.errors import HermeticaError
    from hermetica.model import Derivation, Resolved, Token
    from hermetica.realize.build import Built
    from hermetica.realize.context import RunContext
    from hermetica.realize.finish import Registered
    from hermetica_store import Commit, StorePath

_NEUTRAL: Final = "any"


@functools.cache
def host_system() -> str:
    """What builders this host can run, such as ``x86_64-linux``."""
    return f"{platform.machine()}-{platform.system().lower()}"


def realize_step(
    derivation: Derivation,
    path_of: Callable[[Token], StorePath],
    context: RunContext,
    resolved: Resolved | None = None,
) -> tuple[Realization, Commit | None]:
    """Realizes one derivation all of whose inputs are realized.

    Args:
        derivation: which.
        path_of: what each of its inputs realised to.
        context: the run.
        resolved: what it resolves to, where that is known and was looked for in vain.

    Raises:
        HermeticaError: it cannot be; the error says why.
    """
    started = time.monotonic()
    if resolved is None:
        check_system(derivation)
        resolved = resolve(derivation, path_of)
    with context.store.claim(
        resolved.id.raw,
        on_wait=lambda: context.emit(
            DerivationWaiting(time_s=time.time(), drv=derivation.id.hex, name=derivation.name)
        ),
        cancelled=lambda: context.cancellation.is_cancelled,
    ):
        if (found := _look_up(resolved, context)) is not None:
            return found
        if context.cancellation.is_cancelled:
            raise BuildCancelled(derivation, "cancelled")
        if context.substituters and (taken := _substituted(resolved, context)) is not None:
            return taken
        made, key = _make(resolved, context)
    realization = Realization(
        derivation=derivation,
        outcome=Outcome.BUILT,
        outputs=made.outputs,
        duration_s=time.monotonic() - started,
        log_key=key.hex(),
        sizes=made.sizes,
    )
    return realization, made.commit


def check_system(derivation: Derivation) -> None:
    """That this host can build a derivation.

    Raises:
        UnsupportedSystem: it cannot.
    """
    if derivation.system not in {_NEUTRAL, host_system()}:
        raise UnsupportedSystem(
            derivation,
            f"it is for {derivation.system}",
            details=(("this host", host_system()),),
            hint="build it on a machine of that kind",
        )
    if derivation.features:
        from hermetica.realize.tiers import required  # noqa: PLC0415 -- few require anything

        required(derivation)


def _look_up(resolved: Resolved, context: RunContext) -> tuple[Realization, Commit | None] | None:
    derivation = resolved.derivation
    outputs = context.trace.resolved(resolved.id, derivation.outputs)
    if outputs is None and derivation.fixed is not None and (there := present_tree(derivation, context)) is not None:
        context.store.put(contract_rows(contract_id(derivation.name, derivation.fixed), there))
        outputs = {derivation.outputs[0]: there}
    if outputs is None or context.lease.hold(outputs.values()) != frozenset(outputs.values()):
        return None
    key = context.trace.resolved_record_key(resolved.id, derivation.outputs[0])
    told = derivation_rows([derivation], outputs[derivation.outputs[0]])
    commit = context.store.put([*unresolved_rows(derivation, outputs, key), *told])
    return Realization(derivation=derivation, outcome=Outcome.CACHED, outputs=outputs), commit


def _substituted(resolved: Resolved, context: RunContext) -> tuple[Realization, Commit] | None:
    from hermetica.realize.substituting import substitute  # noqa: PLC0415 -- few ask anybody

    return substitute(resolved, context, lambda started_s: _facts(resolved, context, started_s))


def _make(resolved: Resolved, context: RunContext) -> tuple[Registered, bytes]:
    started_s, clock = time.time(), time.monotonic()
    key = record_key(resolved.id, started_s)
    facts = _facts(resolved, context, started_s)
    add_sources(resolved.derivation, context.store, context.lease, lambda: context.cancellation.is_cancelled)
    with context.store.scratch() as scratch, context.store.log_writer(key.hex()) as writer:
        log = BuildLog(writer, lambda text: context.log(resolved.derivation, text))
        usage = Usage()
        try:
            built = make(resolved, context, scratch, log)
            usage = built.usage
            facts |= _surroundings(built)
            facts |= _measured(clock, usage, log)
            return register(resolved, built.candidates, context, (key, facts)), key
        except FixedOutputMismatch as error:
            _keep_what_came(resolved, context, scratch.path, error)
            raise
        except RealizeError as error:
            error.log_key = key.hex()
            facts |= _measured(clock, usage, log)
            _record_failure(context, key, facts, error)
            raise


def _keep_what_came(resolved: Resolved, context: RunContext, scratch: Any, error: FixedOutputMismatch) -> None:
    """Keeps the bytes of a fetch whose hash is another than declared."""
    fixed, output = resolved.derivation.fixed, scratch / resolved.derivation.store_name("out")
    if fixed is None or work_of(resolved.derivation) is not Work.FETCH or not os.path.lexists(output):
        return
    candidate = Candidate(tree=output, name=output.name, scratch_digest=None, output="out", discard_references=True)
    (prepared,) = context.store.prepare([candidate], [])
    keep_under_true_address(resolved.derivation, fixed, error.got.split()[-1], prepared, context)


def _facts(resolved: Resolved, context: RunContext, started_s: float) -> dict[str, Any]:
    derivation = resolved.derivation
    return {
        "format": RECORD_FORMAT,
        "resolved_id": resolved.id.hex,
        "drv": derivation.id.hex,
        "name": derivation.name,
        "origin": str(derivation.origin) if derivation.origin else None,
        "builder": resolved.builder,
        "inputs": [str(path) for path in resolved.inputs],
        "started_s": started_s,
        "sandbox_contract": CONTRACT_VERSION,
        "clock_tier": "T0",
        "host": {"system": host_system(), "kernel": platform.release(), "cores": context.options.cores},
        "requested_by": context.options.requested_by,
        "rounds": 1 if derivation.fixed is not None else context.options.rounds,
    }


def _surroundings(built: Built) -> dict[str, Any]:
    """What a record says of a world: its tier, and how it differs from the default one, if it does."""
    if built.world is None:
        return {}
    return {"clock_tier": required_tier(built.world).name, "world": differences(built.world)}


def _measured(clock: float, usage: Usage, log: BuildLog) -> dict[str, Any]:
    return {
        "duration_s": round(time.monotonic() - clock, 6),
        "cpu_user_s": usage.cpu_user_s,
        "cpu_system_s": usage.cpu_system_s,
        "peak_memory_bytes": usage.peak_memory_bytes,
        "log_bytes": log.size_bytes,
    }


def _record_failure(context: RunContext, key: bytes, facts: dict[str, Any], error: HermeticaError) -> None:
    outcome = Outcome.CANCELLED if isinstance(error, BuildCancelled) else Outcome.FAILED
    row = {**facts, "outcome": str(outcome), "outputs": {}, "error": {"code": error.code, "message": error.message}}
    context.store.put([record_row(key, row, None), *history_rows(key, row, None)])
