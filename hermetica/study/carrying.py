"""Carrying a study out: every target on its bench, several at a time, and all that happens in the study's log.

It can be stopped and killed at any time: what is in the log is not built again, and what comes out at the end is the
same as if it had never been.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.realize.comparisons import keep_comparison
from hermetica.realize.errors import BuildCancelled
from hermetica.realize.in_world import workshop
from hermetica.realize.options import Options
from hermetica.realize.writing import writers_of
from hermetica.sandbox import FACTORS, Cancellation, Tier, TierUnavailable
from hermetica.study.attribution import attribute
from hermetica.study.attribution_form import attribution_json
from hermetica.study.bench import Bench, BudgetSpent, Purse, Refused, Setting
from hermetica.study.cells import differs, is_base
from hermetica.study.declaration import Design
from hermetica.study.design import trials_of
from hermetica.study.host import host_facts
from hermetica.study.log import Log, of_kind
from hermetica.study.machines import require_machine
from hermetica.study.space import Space
from hermetica.study.trials import Atom

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from hermetica.model import Derivation
    from hermetica.realize import Store
    from hermetica.realize.events import Event
    from hermetica.realize.in_world import Workshop
    from hermetica.study.causes import Attribution
    from hermetica.study.declaration import Study
    from hermetica.study.diffoscope import Diffoscope
    from hermetica.study.trials import Sighting, Trial

BUSY: Final = frozenset([Atom("cpus", "all"), Atom("jobs", "4")])
"""The levels that give a race room."""
CHANCY: Final = frozenset([Atom("aslr", "on")])
"""The levels that make each build of a world another one."""
_TIERS: Final = (Tier.T3, Tier.T2, Tier.T0)


class NothingVaried(HermeticaError):
    """A study whose every factor is one that this host, or the tier, cannot vary: it would say nothing."""

    code = "HM697"


def _nothing(_event: object) -> None:
    """Where nobody listens."""


@attrs.frozen(kw_only=True)
class Ended:
    """How a study, or what was left of it, ended.

    Attributes:
        finished: targets about which everything was asked.
        stopped: targets for which the budget or the time did not suffice.
        failures: target -> why nothing could be asked.
    """

    finished: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    failures: Mapping[str, HermeticaError] = attrs.field(factory=dict[str, HermeticaError])


@attrs.frozen(kw_only=True, eq=False)
class Carrier:
    """Carries one study out.

    Attributes:
        study: which.
        store: where inputs are realized.
        options: the caller's choices; ``jobs`` is of the targets at once.
        cancellation: ends it in order.
        diffoscope: is asked about what causes change; None asks nothing.
        writers: whether a target that changes is built once more under strace, to see which command wrote what.
        mix_machines: whether builds of this machine may stand beside those of another one in one log.
        tell: is told each event of the log, in whichever thread.
        on_event: is told what realizing inputs and builders say, likewise.
    """

    study: Study
    store: Store
    options: Options = attrs.field(factory=Options)
    cancellation: Cancellation = attrs.field(factory=Cancellation)
    diffoscope: Diffoscope | None = None
    writers: bool = False
    mix_machines: bool = False
    tell: Callable[[Mapping[str, Any]], None] = _nothing
    on_event: Callable[[Event], None] = _nothing

    def run(self, targets: Mapping[str, Derivation], directory: Path) -> Ended:
        """Asks everything that is not known yet.

        Args:
            targets: what the study calls each -> the derivation.
            directory: of the study's log.

        Raises:
            StudyRunning: another process does so.
            LogDamaged: there is something else.
            OtherMachine: its builds were made on another machine, and are not to be mixed.
        """
        here = host_facts()
        with Log(directory) as log:
            if not self.mix_machines:
                require_machine(log.before, here, str(directory))
            known = {event["key"]: event for event in of_kind(log.before, "trial")}
            purse = self._purse(list(known.values()))
            self.tell(log.write("study-started", time.time(), study=self.study.to_json(), fixed=_fixed(), host=here))
            free = SimpleQueue[int]()
            for processor in sorted(os.sched_getaffinity(0)):
                free.put(processor)
            slots = max(1, min(len(targets), free.qsize(), self.options.jobs))
            with ThreadPoolExecutor(slots, thread_name_prefix="hermetica-study") as pool:
                asked = {
                    name: pool.submit(self._ask, name, derivation, log, known, purse, free)
                    for name, derivation in targets.items()
                }
                try:
                    ended = self._gathered({name: future.result for name, future in asked.items()})
                except BaseException:
                    self.cancellation.cancel()
                    raise
            counts = {"finished": len(ended.finished), "stopped": len(ended.stopped), "failed": len(ended.failures)}
            self.tell(log.write("study-finished", time.time(), **counts))
        return ended

    def _purse(self, known: Sequence[Mapping[str, Any]]) -> Purse:
        """What is left of the budget after earlier runs."""
        budget = self.study.budget
        spent_s = sum(float(event["duration_s"]) for event in known)
        return Purse(
            builds=None if budget.builds is None else budget.builds - len(known),
            seconds=None if budget.seconds is None else budget.seconds - spent_s,
        )

    def _gathered(self, asked: Mapping[str, Callable[[], bool]]) -> Ended:
        finished: list[str] = []
        stopped: list[str] = []
        failures: dict[str, HermeticaError] = {}
        for name, result in asked.items():
            try:
                (finished if result() else stopped).append(name)
            except BuildCancelled:
                stopped.append(name)
            except HermeticaError as error:
                failures[name] = error
        return Ended(finished=tuple(finished), stopped=tuple(stopped), failures=failures)

    def _ask(
        self,
        name: str,
        derivation: Derivation,
        log: Log,
        known: dict[str, Mapping[str, Any]],
        purse: Purse,
        free: SimpleQueue[int],
    ) -> bool:
        """Asks everything about one target; whether the budget sufficed."""
        facts = {"target": name, "drv": derivation.id.hex, "name": derivation.name}
        if self.cancellation.is_cancelled:
            return False
        self.tell(log.write("target-started", time.time(), **facts))
        try:
            with (
                _one_of(free) as processor,
                workshop(
                    self.store,
                    derivation,
                    options=self.options,
                    on_event=self.on_event,
                    cancellation=self.cancellation,
                ) as shop,
            ):
                setting = Setting(
                    target=name,
                    compare=self.study.compare,
                    tier=Tier.T3 if self.study.tier is None else self.study.tier,
                    processor=processor,
                    timeout_s=self.study.timeout_s,
                    diffoscope=self.diffoscope,
                )
                found = self._asked(shop, setting, log, known, purse)
        except BuildCancelled:
            return False
        except HermeticaError as error:
            self.tell(log.write("target-failed", time.time(), **facts, code=error.code, message=error.message))
            raise
        if found is None:
            return False
        self.tell(log.write("target-finished", time.time(), **facts, **found))
        return True

    def _asked(
        self,
        shop: Workshop,
        setting: Setting,
        log: Log,
        known: dict[str, Mapping[str, Any]],
        purse: Purse,
    ) -> dict[str, Any] | None:
        """What was found out about a target, for its event; None where the budget did not suffice."""
        left_out: dict[str, str] = {}
        while True:
            with Bench(shop=shop, setting=setting, log=log, known=known, purse=purse, tell=self.tell) as bench:
                try:
                    asked, attribution = self._through(bench, left_out)
                except Refused as refused:
                    if refused.factors <= left_out.keys() and refused.unfixed <= setting.unfixed:
                        raise refused.error from None  # nothing is asked of it, and it cannot be had all the same
                    left_out |= dict.fromkeys(sorted(refused.factors), refused.error.cause)
                    setting = attrs.evolve(setting, unfixed=setting.unfixed | refused.unfixed)
                    continue
                except TierUnavailable as error:
                    if self.study.tier is not None or setting.tier is Tier.T0:
                        raise
                    setting = attrs.evolve(setting, tier=_below(setting.tier, error))
                    continue
                except BudgetSpent:
                    return None
                self._keep(bench, log)
                return {
                    "tier": setting.tier.name,
                    "left_out": left_out | self._beyond(setting.tier),
                    "trials": [bench.events[trial.key]["key"] for trial in asked],
                    "attribution": None if attribution is None else attribution_json(attribution),
                    **(self._written(shop, attribution) if self.writers and attribution is not None else {}),
                }

    def _written(self, shop: Workshop, attribution: Attribution) -> dict[str, Any]:
        """Which command wrote each file that changes, or why that is not known."""
        paths = {each.path for each in attribution.files}
        if not paths:
            return {}
        try:
            found = writers_of(shop)
        except BuildCancelled:
            raise
        except HermeticaError as error:
            return {"writers": {}, "not_traced": error.message}
        return {"writers": {path: attrs.asdict(found[path]) for path in sorted(paths & found.keys())}, "not_traced": ""}

    def _keep(self, bench: Bench, log: Log) -> None:
        """Keeps for the metrics what builds found that no earlier run kept, and no other target."""
        seen, shop = list(bench.events.values()), bench.shop
        kept = {key for event in of_kind(log.before, "target-finished") for key in event["trials"]}
        fresh = [each for each in seen if each["key"] not in kept and each["target"] == bench.setting.target]
        base = next((each for each in seen if is_base(each)), None)
        if fresh and base is not None and not base["failed"]:
            again = [differs(each, base) for each in fresh if not (each["levels"] or each["shaken"] or is_base(each))]
            worlds_differ = any(differs(each, base) for each in seen if each["levels"])
            keep_comparison(
                self.store.objects, shop.resolved, "study", len(again), sum(again), worlds_differ=worlds_differ
            )

    def _beyond(self, tier: Tier) -> dict[str, str]:
        """The factors that a study names and a tier does not reach."""
        return {
            name: f"needs tier {FACTORS[name].tier.name}" for name in self.study.factors if FACTORS[name].tier > tier
        }

    def _through(self, bench: Bench, refused: Mapping[str, str]) -> tuple[list[Trial], Attribution | None]:
        """Asks for every trial; which they were, and what an attribution made of them."""
        left_out = {**refused, **self._beyond(bench.setting.tier)}
        factors = {name: levels for name, levels in self.study.factors.items() if name not in left_out}
        if not factors:
            raise NothingVaried(
                f"{bench.setting.target}: nothing that the study varies can be varied here",
                details=tuple((name, left_out[name]) for name in self.study.factors),
                hint="vary other factors; hermetica doctor --world says which this host can",
            )
        if self.study.design is not Design.BISECT:
            planned = list(trials_of(attrs.evolve(self.study, factors=factors)))
            bench.sightings(planned)
            return planned, None
        busy = frozenset(atom for atom in BUSY if atom.factor not in refused)
        space = Space(
            factors=factors,
            busy=busy,
            chancy=CHANCY,
            bases=self.study.rebuilds,
            builds_max=self.study.budget.builds_per_target,
        )
        return _driven(attribute(space), bench)


@contextmanager
def _one_of(free: SimpleQueue[int]) -> Generator[int]:
    """A processor that no other target uses, until this is left."""
    processor = free.get()
    try:
        yield processor
    finally:
        free.put(processor)


def _driven(
    asking: Generator[tuple[Trial, ...], tuple[Sighting, ...], Attribution], bench: Bench
) -> tuple[list[Trial], Attribution]:
    """Builds what an attribution asks for; all trials, and what it says in the end."""
    asked: list[Trial] = []
    try:
        trials = next(asking)
        while True:
            asked += trials
            trials = asking.send(bench.sightings(trials))
    except StopIteration as end:
        found: Attribution = end.value
        return asked, found


def _below(tier: Tier, error: TierUnavailable) -> Tier:
    """The tier to go on in where one cannot be had."""
    available = Tier[error.available]
    return available if available < tier else next(each for each in _TIERS if each < tier)


def _fixed() -> dict[str, str]:
    """The level at which the base world has each factor that its tier fixes."""
    return {name: factor.default for name, factor in FACTORS.items()}
