"""What a clock that stands still costs: packages and trivial builds at each tier, beside libfaketime and strace.

The same builder runs in the same sandbox each time; only its world differs. libfaketime is preloaded into every
dynamically linked program, at the same instant; ``strace -f`` writes every system call to /dev/null, which is what
tracing costs that does not choose. It runs once, for it takes several times as long and a tenth is no matter there.
"""

from __future__ import annotations

import functools
import resource
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

import hermetica as hm
from benchmarks.measure import Fresh, Sample, interleave, report, summary
from benchmarks.packages import PACKAGES, Package
from hermetica.realize.build import prepare_spec
from hermetica.realize.in_world import Workshop, workshop
from hermetica.realize.options import Options
from hermetica.realize.tiers import world_at
from hermetica.realize.tracing import find_tracer
from hermetica.sandbox import Mount, SandboxSpec, Spawner, Tier, World, run
from hermetica_derivations.pins import source
from hermetica_derivations.stdenv import mk_derivation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_FAKETIME: Final = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
_FAKETIME_PLACE: Final = "/hermetica/store/libfaketime.so.1"
_FAKETIME_VARIABLES: Final = (
    ("DONT_FAKE_MONOTONIC", "1"),
    ("FAKETIME", "2036-01-01 00:00:00"),
    ("LD_PRELOAD", _FAKETIME_PLACE),
    ("NO_FAKE_STAT", "1"),
)
_TRIVIAL: Final = 200
_BASE: Final = "T0"
_STRACE: Final = "strace -f"


@attrs.frozen(kw_only=True)
class Contestant:
    """One way to run a builder.

    Attributes:
        world: its surroundings.
        inputs: mounted besides what the derivation declares.
        tracer: what runs bubblewrap in its place.
    """

    world: World
    inputs: tuple[Mount, ...] = ()
    tracer: tuple[str, ...] = ()


def _used_s() -> float:
    """Processor time of this process and of all that ended and were waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _timed(once: Callable[[], float]) -> Sample:
    """A sample of what says how much processor time its sandboxes used, which the kernel counts to nobody of ours."""
    began_s, used_s = time.perf_counter(), _used_s()
    in_sandboxes_s = once()
    cpu_s = _used_s() - used_s + in_sandboxes_s
    return Sample(wall_s=time.perf_counter() - began_s, cpu_s=cpu_s, peak_memory_bytes=0)


def _run(spec: SandboxSpec, spawner: Spawner, tracer: tuple[str, ...] = ()) -> float:
    """Runs a builder; the processor time that its sandbox used, where the kernel tells: not under strace."""
    output = bytearray()
    ended = run(spec, log=output.extend, spawner=spawner, tracer=tracer)
    if ended.status != 0:
        raise RuntimeError(f"the builder ended with {ended}:\n{output[-2000:].decode(errors='replace')}")
    return (ended.cpu_user_s or 0.0) + (ended.cpu_system_s or 0.0)


def _build(shop: Workshop, contestant: Contestant) -> Sample:
    """One build of a package; the tracer's own time is in it, for it ends with the spawner."""
    context = shop.context
    with context.store.scratch() as scratch:
        spec = prepare_spec(shop.resolved, context.store, context.options, scratch.path, contestant.world)
        spec = attrs.evolve(spec, inputs=(*spec.inputs, *contestant.inputs))

        def once() -> float:
            with Spawner.with_own_thread() as spawner:
                return _run(spec, spawner, contestant.tracer)

        return _timed(once)


def _contestants(cores: int, skipped: dict[str, str]) -> dict[str, Contestant]:
    tiers = (Tier.T2, Tier.T3)
    found = {
        _BASE: Contestant(world=World(jobs=cores)),
        **{tier.name: Contestant(world=world_at(tier, cores)) for tier in tiers},
    }
    if _FAKETIME.exists():
        mounts = (Mount(str(_FAKETIME), _FAKETIME_PLACE),)
        found["libfaketime"] = Contestant(world=World(jobs=cores, variables=_FAKETIME_VARIABLES), inputs=mounts)
    else:
        skipped["libfaketime"] = f"{_FAKETIME} is not installed"
    return found


def _straced(cores: int, skipped: dict[str, str]) -> dict[str, Contestant]:
    try:
        setpriv, strace = find_tracer()
    except hm.HermeticaError as error:
        skipped[_STRACE] = error.message
        return {}
    tracer = (setpriv, "--pdeathsig", "KILL", strace, "-f", "-o", "/dev/null", "--")
    return {_STRACE: Contestant(world=World(jobs=cores), tracer=tracer)}


def _compare(name: str, samples: Mapping[str, Sequence[Sample]], skipped: Mapping[str, str], **more: object) -> None:
    figures = {contestant: summary(taken) for contestant, taken in samples.items()}
    base = figures[_BASE]
    ratios = {
        f"{contestant}/{_BASE}": {
            "wall": round(row["wall_s"] / base["wall_s"], 3),
            "cpu": None if contestant == _STRACE else round(row["cpu_s"] / base["cpu_s"], 3),
        }
        for contestant, row in figures.items()
        if contestant != _BASE
    }
    report(name, {**more, "figures": figures, "ratios": ratios, "skipped": dict(skipped)})


def _package(store: hm.Store, package: Package, runs: int) -> None:
    wanted = mk_derivation(name=package.source, src=source(package.source), allow_cut_paths=True, **package.settings)
    skipped: dict[str, str] = {}
    with workshop(store, wanted, options=Options(cores=1)) as shop:
        samples = {
            **_taken(shop, _contestants(1, skipped), runs),
            **_taken(shop, _straced(1, skipped), 1),
        }
    _compare(f"clock-{package.source}", samples, skipped, runs=runs)


def _taken(shop: Workshop, contestants: Mapping[str, Contestant], runs: int) -> dict[str, list[Sample]]:
    return interleave({name: functools.partial(_build, shop, each) for name, each in contestants.items()}, runs)


def _trivial(runs: int, count: int) -> None:
    """Builds of one program that writes one file, one after another, with one spawner."""
    busybox = shutil.which("busybox")
    if busybox is None:
        report("clock-trivial", {"figures": {}, "ratios": {}, "skipped": {"busybox": "not installed"}})
        return
    skipped: dict[str, str] = {}
    contestants = _contestants(1, skipped)
    contestants.pop("libfaketime", None)  # the program is static
    samples = interleave(
        {name: functools.partial(_trivials, busybox, each, count) for name, each in contestants.items()}, runs
    )
    _compare("clock-trivial", samples, skipped, runs=runs, builds=count)


def _trivials(busybox: str, contestant: Contestant, count: int) -> Sample:
    fresh = Fresh.make()
    program = "/hermetica/store/busybox"
    specs: list[SandboxSpec] = []
    for number in range(count):
        store, build = fresh.path / f"{number}s", fresh.path / f"{number}b"
        store.mkdir()
        build.mkdir()
        specs.append(
            SandboxSpec(
                builder=program,
                args=("sh", "-c", "echo made > /hermetica/store/out"),
                inputs=(Mount(busybox, program),),
                store_dir=str(store),
                build_dir=str(build),
                world=contestant.world,
            )
        )

    def once() -> float:
        with Spawner.with_own_thread() as spawner:
            return sum(_run(spec, spawner) for spec in specs)

    try:
        return _timed(once)
    finally:
        fresh.remove()


def clock(runs: int, *, smoke: bool) -> None:
    """Trivial builds and packages at each tier."""
    _trivial(runs, 20 if smoke else _TRIVIAL)
    with hm.evaluation(), hm.Store.open() as store:
        for package in PACKAGES[:1] if smoke else PACKAGES:
            try:
                _package(store, package, runs)
            except hm.HermeticaError as error:
                report(f"clock-{package.source}", {"figures": {}, "ratios": {}, "skipped": {"stdenv": error.message}})
