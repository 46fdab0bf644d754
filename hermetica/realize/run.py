"""A run: obeys the schedule with worker threads, and tells the caller what happens, in the caller's own thread."""

from __future__ import annotations

import contextlib
import functools
import queue
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

import attrs

from hermetica.errors import HermeticaError
from hermetica.model import Token
from hermetica.model.placeholder import digest_text
from hermetica.realize import telling
from hermetica.realize.errors import BuildCancelled, InputFailed
from hermetica.realize.events import DerivationStarted, Event, RunFinished
from hermetica.realize.failing import crash, failed, with_hook
from hermetica.realize.outcome import Outcome, Realization, Realizations
from hermetica.realize.plan import Plan, make_plan, work_of
from hermetica_store import ClaimCancelled, NotRegistered, SystemRefusal
from hermetica_store.refusals import blaming_no_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from concurrent.futures import ThreadPoolExecutor

    from hermetica.fetch.reach import Network
    from hermetica.model import Derivation, Resolved
    from hermetica.realize.context import RunContext
    from hermetica.realize.hooks import Hooks
    from hermetica.realize.options import Options
    from hermetica.realize.schedule import Schedule
    from hermetica.realize.substituters import Substituters
    from hermetica.realize.trace import Trace
    from hermetica.sandbox import Cancellation
    from hermetica_store import Commit, Lease, ObjectStore, StorePath
    from hermetica_store.digest import Digest

_LOOK_UP_S = 0.5


@attrs.frozen
class _Ended:
    """A worker is done with a derivation."""

    derivation: Derivation
    realization: Realization
    commit: Commit | None


def _nothing(_event: Event) -> None:
    """Where nobody listens."""


@attrs.define(kw_only=True, eq=False)
class Run:
    """One run over one graph.

    Attributes:
        store: where everything goes.
        trace: of that store.
        options: the caller's choices.
        network: what fetching needs to know; made at the first fetch.
        cancellation: ends the run.
        substituters: who may have what is to be made; made where something is.
        on_event: takes the events, in the thread that called ``execute``.
        lease: holds the results, beyond the run; None holds them no longer than that.
    """

    store: ObjectStore
    trace: Trace
    options: Options
    network: Callable[[], Network]
    cancellation: Cancellation
    substituters: Callable[[], Substituters] | None = None
    on_event: Callable[[Event], None] = _nothing
    lease: Lease | None = None
    _reused: tuple[Realization, ...] = attrs.field(init=False, default=())
    _paths: dict[Token, StorePath] = attrs.field(init=False, factory=dict[Token, "StorePath"])
    _tokens: dict[Digest, set[Token]] = attrs.field(init=False, factory=dict["Digest", "set[Token]"])
    _results: dict[Digest, Realization] = attrs.field(init=False, factory=dict["Digest", Realization])
    _commits: list[Commit] = attrs.field(init=False, factory=list["Commit"])
    _failures: list[Realization] = attrs.field(init=False, factory=list[Realization])
    _expected_s: dict[Digest, float] = attrs.field(init=False, factory=dict["Digest", float])
    _resolved: dict[Digest, Resolved] = attrs.field(init=False, factory=dict["Digest", "Resolved"])
    _again: frozenset[Digest] = attrs.field(init=False, default=frozenset["Digest"]())
    _skipped: int = attrs.field(init=False, default=0)
    _hooks: Hooks | None = attrs.field(init=False, default=None)
    _queue: queue.SimpleQueue[Event | _Ended | None] = attrs.field(
        init=False, factory=queue.SimpleQueue["Event | _Ended | None"]
    )

    def execute(self, roots: Sequence[Derivation]) -> Realizations:
        """Realizes ``roots``; returns when everything it finished is durable.

        Raises:
            BaseException: what ``on_event`` raised, or an interrupt; no builder survives it.
        """
        started = time.monotonic()
        with contextlib.nullcontext(self.lease) if self.lease is not None else self.store.lease() as lease:
            plan = self._plan(roots, lease)
            self._announce(plan, roots)
            if plan.steps:
                self._carry_out(plan, roots, lease)
            for commit in self._commits:
                commit.wait()
            results = self._reused or tuple(self._result(root, plan) for root in roots)
            if plan.steps:
                self.on_event(telling.closure(results, self.store))
        hook_failures = () if self._hooks is None else tuple(self._hooks.failures)
        results = tuple(map(functools.partial(with_hook, hook_failures), results)) if hook_failures else results
        counts = Counter(str(result.outcome) for result in self._results.values())
        counts[str(Outcome.CACHED)] += len(plan.reused)
        self.on_event(
            RunFinished(
                time_s=time.time(),
                counts={outcome: count for outcome, count in counts.items() if count},
                duration_s=time.monotonic() - started,
            )
        )
        return Realizations(results, tuple(self._failures), self._skipped, hook_failures)

    def _plan(self, roots: Sequence[Derivation], lease: Lease) -> Plan:
        while True:
            plan = self._made_plan(roots)
            there = {**plan.reused, **plan.again} if plan.again else plan.reused
            paths = frozenset(there.values())
            if not plan.steps and self.lease is None:
                try:
                    self._reused = tuple(self._result(root, plan) for root in roots)
                except NotRegistered:  # collected since we looked
                    continue
                return plan
            if lease.hold(paths) == paths:
                self._paths = {Token(digest_text(digest), output): path for (digest, output), path in there.items()}
                return plan

    def _made_plan(self, roots: Sequence[Derivation]) -> Plan:
        if not self.options.builds_again:
            return make_plan(roots, self.trace.unresolved_many)
        from hermetica.realize.checking import plan_targets  # noqa: PLC0415 -- seldom asked for

        self._again = frozenset(root.input_id for root in roots)
        return plan_targets(roots, self.trace.unresolved_many, check=self.options.check)

    def _asked(self) -> Substituters | None:
        return self.substituters() if self.substituters and self.options.substitute else None

    def _announce(self, plan: Plan, roots: Sequence[Derivation]) -> None:
        asked = self._asked() if plan.steps else None
        self.on_event(telling.started(plan, roots, self.options.jobs, substituters=len(asked or ())))

    def _carry_out(self, plan: Plan, roots: Sequence[Derivation], lease: Lease) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- where everything is there, nothing is made

        from hermetica.realize.context import RunContext  # noqa: PLC0415 -- where everything is there, nothing is made
        from hermetica.realize.room import keeping_room  # noqa: PLC0415 -- where everything is there, nothing is made
        from hermetica.realize.schedule import Graph, Schedule  # noqa: PLC0415 -- where everything is there, nothing is made
        from hermetica.realize.spawners import Spawners  # noqa: PLC0415 -- where everything is there, nothing is made
        from hermetica.realize.warnings import changed_addresses  # noqa: PLC0415 -- where everything is there, nothing is made

        spawners = Spawners()
        context = RunContext(
            store=self.store,
            trace=self.trace,
            lease=lease,
            options=self.options,
            network=self.network,
            cancellation=self.cancellation,
            spawner=spawners.get,
            emit=self._queue.put,
            substituters=self._asked(),
        )
        changed_addresses(plan, context)
        by_id = {step.derivation.input_id: step.derivation for step in plan.steps}
        for derivation in by_id.values():
            for token, source in derivation.inputs.derivations:
                self._tokens.setdefault(source.input_id, set()).add(token)
        inputs = plan.inputs()
        took_s = self.trace.durations_s([derivation.name for derivation in by_id.values()])
        self._expected_s = {drv: took_s[each.name] for drv, each in by_id.items() if each.name in took_s}
        deque(map(self.on_event, telling.planned(plan.steps, inputs, by_id, self._expected_s)), maxlen=0)
        room = keeping_room(self.store, self.options.low_disk, self._queue.put)
        with room, spawners, ThreadPoolExecutor(self.options.jobs, thread_name_prefix="hermetica-worker") as pool:
            try:
                self._start_hooks()
                left = self._left(roots, by_id, inputs, context, pool)
                if len(left) < len(inputs):
                    inputs = {drv: inputs[drv] & left for drv in inputs if drv in left}  # in the plan's order
                graph = Graph(inputs=inputs, cost_s=self._expected_s)
                schedule = Schedule(graph, keep_going=self.options.keep_going)
                self._drive(schedule, by_id, context, pool)
                self._await_hooks()
            except BaseException:
                self.cancellation.cancel()
                raise
            finally:
                if self._hooks is not None:
                    self._hooks.close()
        while not self._queue.empty():  # of a collection that ended with the run
            if isinstance(message := self._queue.get(), Event):
                self.on_event(message)

    def _left(
        self,
        roots: Sequence[Derivation],
        by_id: Mapping[Digest, Derivation],
        inputs: Mapping[Digest, frozenset[Digest]],
        context: RunContext,
        pool: ThreadPoolExecutor,
    ) -> AbstractSet[Digest]:
        """What is left to be made once substituters were asked for the targets, and for what those need."""
        if not context.substituters or self._again:
            return by_id.keys()
        from hermetica.realize.ahead import Had, ask_ahead  # noqa: PLC0415 -- few ask anybody

        def hear(message: Event | Had) -> None:
            if not isinstance(message, Had):
                self.on_event(message)
            elif message.error is not None:
                raise crash(message.derivation, message.error)
            elif message.result is not None:
                self._take(*message.result)

        targets = {root.input_id for root in roots} & by_id.keys()
        return ask_ahead(targets, by_id, inputs, context, pool, hear)

    def _take(self, realization: Realization, commit: Commit | None) -> None:
        """Something is in the store now."""
        if commit is not None:
            self._commits.append(commit)
        self._keep_paths(realization)
        self._finish(realization)

    def _start_hooks(self) -> None:
        if self.options.post_build_hook is not None:
            from hermetica.realize.hooks import hooks_of  # noqa: PLC0415 -- few have one

            self._hooks = hooks_of(
                self.options, self.store, self.cancellation, self._queue.put, lambda: self._queue.put(None)
            )

    def _await_hooks(self) -> None:
        if self._hooks is not None and self._hooks.end():
            while (message := self._next()) is not None:
                if not isinstance(message, _Ended):
                    self.on_event(message)

    def _drive(
        self,
        schedule: Schedule[Digest],
        by_id: dict[Digest, Derivation],
        context: RunContext,
        pool: ThreadPoolExecutor,
    ) -> None:
        while not schedule.is_over:
            self._find(schedule, by_id, context)
            while schedule.running < self.options.jobs and (drv := schedule.start_next()) is not None:
                with blaming_no_input(self.store.root):
                    pool.submit(self._work, by_id[drv], context)
                self.on_event(self._begun(by_id[drv]))
            if not schedule.running:  # the rest was found
                continue
            message = self._next()
            if isinstance(message, _Ended):
                self._settle(message, schedule, by_id)
            elif message is not None:
                self.on_event(message)
            if self.cancellation.is_cancelled:
                schedule.stop()
        for drv in schedule.unfinished():
            self._finish(Realization(derivation=by_id[drv], outcome=Outcome.CANCELLED))

    def _find(self, schedule: Schedule[Digest], by_id: dict[Digest, Derivation], context: RunContext) -> None:
        """Settles what can start and was built before with what its inputs now are, and what can start then."""
        from hermetica.realize.finding import Search  # noqa: PLC0415 -- as in _carry_out

        while not self.cancellation.is_cancelled:
            search = Search(context=context, results=self._results, paths=self._paths, tokens=self._tokens)
            search.follow(schedule, by_id, self._may_be_known)
            if search.is_empty:
                return
            found = search.hold()
            self._resolved.update((each.derivation.input_id, each) for each in found.resolved)
            if found.commit is not None:
                self._commits.append(found.commit)
            for realization in found.realizations:
                self.on_event(self._begun(realization.derivation))
                self._keep_paths(realization)
                self._finish(realization)
            schedule.found(each.derivation.input_id for each in found.realizations)

    def _may_be_known(self, derivation: Derivation) -> bool:
        """Whether it is worth a look: it was built before, and was not looked for yet."""
        drv = derivation.input_id
        return drv in self._expected_s and drv not in self._again and drv not in self._resolved

    def _begun(self, derivation: Derivation) -> DerivationStarted:
        return DerivationStarted(
            time_s=time.time(),
            drv=derivation.id.hex,
            name=derivation.name,
            origin=str(derivation.origin) if derivation.origin else None,
            work=work_of(derivation),
            expected_s=self._expected_s.get(derivation.input_id),
        )

    def _keep_paths(self, realization: Realization) -> None:
        for token in self._tokens.get(realization.derivation.input_id, ()):
            self._paths[token] = realization.outputs[token.output]

    def _next(self) -> Event | _Ended | None:
        """The next message.

        Python sees a signal between two steps of its own. One that comes as the wait begins, or in another thread,
        ends no wait: so this looks up now and then, or Ctrl-C would wait for the next word of a builder.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=_LOOK_UP_S)

    def _work(self, derivation: Derivation, context: RunContext) -> None:
        started = time.monotonic()
        commit: Commit | None = None
        try:
            with blaming_no_input(self.store.root):
                realization, commit = self._step_of(derivation)(derivation, self._paths.__getitem__, context)
        except HermeticaError as error:
            realization = failed(derivation, self._cause_of(error), time.monotonic() - started)
        except BaseException as error:  # noqa: BLE001 -- carried to the caller's thread, which raises it
            realization = failed(derivation, crash(derivation, error), time.monotonic() - started)
        self._queue.put(_Ended(derivation, realization, commit))

    def _cause_of(self, error: HermeticaError) -> HermeticaError:
        """Why a step failed: where something could not be made durable, what used it fails for that reason alone."""
        if isinstance(error, SystemRefusal | BuildCancelled | ClaimCancelled):
            return error
        try:
            self.store.flush()
        except HermeticaError as lost:
            return lost
        return error

    def _step_of(self, derivation: Derivation) -> Callable[..., tuple[Realization, Commit | None]]:
        from hermetica.realize.step import realize_step  # noqa: PLC0415 -- as in _carry_out

        if derivation.input_id not in self._again:
            return functools.partial(realize_step, resolved=self._resolved.pop(derivation.input_id, None))
        from hermetica.realize.checking import realize_target  # noqa: PLC0415 -- seldom asked for

        return realize_target

    def _settle(self, ended: _Ended, schedule: Schedule[Digest], by_id: dict[Digest, Derivation]) -> None:
        derivation, realization = ended.derivation, ended.realization
        if ended.commit is not None:
            self._commits.append(ended.commit)
        if realization.outcome.is_success:
            self._keep_paths(realization)
            self._finish(realization)
            schedule.succeed(derivation.input_id)
            if self._hooks is not None and realization.outcome is Outcome.BUILT:
                self._hooks.after(realization, ended.commit)
        elif realization.outcome is Outcome.CANCELLED:
            self._finish(realization)
            schedule.cancel(derivation.input_id)
        else:
            self._failures.append(realization)
            self._finish(realization)
            for drv in schedule.fail(derivation.input_id):
                self._skipped += 1
                error = InputFailed(by_id[drv], f"not tried, because {derivation.name} failed")
                self._results[drv] = Realization(derivation=by_id[drv], outcome=Outcome.DEPENDENCY_FAILED, error=error)

    def _finish(self, realization: Realization) -> None:
        self._results[realization.derivation.input_id] = realization
        self.on_event(telling.finished(realization, self.store))

    def _result(self, root: Derivation, plan: Plan) -> Realization:
        found = self._results.get(root.input_id)
        if found is None:
            outputs = {output: plan.reused[root.input_id, output] for output in root.outputs}
            found = Realization(derivation=root, outcome=Outcome.CACHED, outputs=outputs)
        key = found.log_key
        if key is None and (record := self.trace.record_key_of(root.input_id, root.outputs[0])) is not None:
            key = record.hex()
        # another recipe for the same content may have been the one that ran
        found = attrs.evolve(found, derivation=root, log_key=key, trace=self.trace)
        if not found.outcome.is_success:
            return found
        own = set(found.outputs.values())
        references = {other for path in own for other in self.store.references(path)} - own
        return attrs.evolve(found, references=tuple(sorted(references)))
