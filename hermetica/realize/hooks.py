"""The post-build hook of a run: one call after another beside the builds, each when its outputs are durable.

A hook that fails takes nothing back: what was built is in the store, and its dependants go on.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.realize.errors import HookFailed
from hermetica.realize.events import HookFinished, HookStarted, HookText
from hermetica.realize.logs import BuildLog
from hermetica.realize.post_build import PostBuild
from hermetica.realize.program import run_program

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.realize.events import Event
    from hermetica.realize.options import Hook, Options
    from hermetica.realize.outcome import Realization
    from hermetica.sandbox import Cancellation
    from hermetica_store import Commit, ObjectStore


class _Nowhere:
    """Keeps nothing."""

    def write(self, data: bytes, /) -> object:
        """Drops the bytes."""


_ID_DIGITS: Final = 64


@attrs.define(kw_only=True, eq=False)
class Hooks:
    """Calls a run's hook, in a thread of its own.

    Attributes:
        hook: a program's path, or what to call.
        timeout_s: how long a program may run.
        store: where the outputs are.
        cancellation: ends a program that runs, and drops what waits.
        emit: takes the events.
        over: called by the thread when it has nothing more to do.
        failures: as they come.
    """

    hook: Hook
    timeout_s: float | None
    store: ObjectStore
    cancellation: Cancellation
    emit: Callable[[Event], None]
    over: Callable[[], None]
    failures: list[HookFailed] = attrs.field(factory=list[HookFailed])
    _queue: queue.SimpleQueue[tuple[Realization, Commit | None] | None] = attrs.field(
        init=False, factory=queue.SimpleQueue["tuple[Realization, Commit | None] | None"]
    )
    _thread: threading.Thread | None = attrs.field(init=False, default=None)

    def after(self, realization: Realization, commit: Commit | None) -> None:
        """Has the hook called for what was built, once ``commit`` is durable."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="hermetica-hook", daemon=True)
            self._thread.start()
        self._queue.put((realization, commit))

    def end(self) -> bool:
        """Nothing more is to come; whether ``over`` will be called."""
        if self._thread is None:
            return False
        self._queue.put(None)
        return True

    def close(self) -> None:
        """Returns when the thread has ended."""
        if self.end() and self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        try:
            while (wanted := self._queue.get()) is not None:
                if not self.cancellation.is_cancelled:
                    self._call(*wanted)
        finally:
            self.over()

    def _call(self, realization: Realization, commit: Commit | None) -> None:
        derivation = realization.derivation
        drv, name = derivation.id.hex, derivation.name
        started = time.monotonic()
        self.emit(HookStarted(time_s=time.time(), drv=drv, name=name, hook=hook_name(self.hook)))
        log = BuildLog(_Nowhere(), lambda text: self.emit(HookText(time_s=time.time(), drv=drv, name=name, text=text)))
        error: HookFailed | None = None
        why = self._run(realization, commit, log)
        if why is not None:
            error = HookFailed(
                derivation,
                f"the post-build hook {why}",
                details=(
                    ("hook", hook_name(self.hook)),
                    ("outputs", "\n".join(map(str, realization.outputs.values()))),
                ),
                hint="the outputs are in the store; building again does not run the hook again",
                log_tail=log.tail(),
            )
            self.failures.append(error)
        duration_s = time.monotonic() - started
        self.emit(HookFinished(time_s=time.time(), drv=drv, name=name, duration_s=duration_s, error=error))

    def _run(self, realization: Realization, commit: Commit | None, log: BuildLog) -> str | None:
        """Calls the hook; what went wrong, for people."""
        try:
            if commit is not None:
                commit.wait()
            told = self._told(realization)
            if callable(self.hook):
                self.hook(told)
                return None
            return run_program(
                os.fspath(self.hook),
                stdin=json.dumps(told.to_json(), ensure_ascii=False).encode(),
                variables=told.variables(),
                timeout_s=self.timeout_s,
                cancellation=self.cancellation,
                on_output=log.write,
            )
        except Exception as error:  # noqa: BLE001 -- whatever a hook raises fails the hook, and nothing else
            return f"raised {type(error).__name__}: {error}"

    def _told(self, realization: Realization) -> PostBuild:
        log_path = None if realization.log_key is None else self.store.log_path(realization.log_key)
        return PostBuild(
            derivation=realization.derivation,
            outcome=realization.outcome,
            outputs=realization.outputs,
            on_disk={output: self.store.on_disk(path) for output, path in realization.outputs.items()},
            duration_s=realization.duration_s,
            log_path=log_path if log_path is not None and log_path.exists() else None,
            store=self.store.root,
            resolved_id=(realization.log_key or "")[:_ID_DIGITS],  # a record's key begins with it
        )


def hook_name(hook: Hook) -> str:
    """What a hook is called."""
    return getattr(hook, "__qualname__", repr(hook)) if callable(hook) else os.fspath(hook)


def hooks_of(
    options: Options,
    store: ObjectStore,
    cancellation: Cancellation,
    emit: Callable[[Event], None],
    over: Callable[[], None],
) -> Hooks | None:
    """The hook of a run with these options; None where it has none."""
    hook = options.post_build_hook
    if hook is None:
        return None
    return Hooks(
        hook=hook if callable(hook) else os.path.abspath(hook),  # noqa: PTH100 -- links are not to be resolved
        timeout_s=options.post_build_hook_timeout_s,
        store=store,
        cancellation=cancellation,
        emit=emit,
        over=over,
    )
