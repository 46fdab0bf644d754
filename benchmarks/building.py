"""Build graphs against other build tools: cold, unchanged, and after a change that changes nothing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import attrs

from benchmarks.measure import Fresh, Sample, compare, interleave, run
from benchmarks.peers import hermetica
from benchmarks.shapes import BUSYBOX, Shape, chain, independent
from benchmarks.tools import (
    JOBS,
    Bazel,
    BuildStream,
    BwrapLoop,
    ContractAlone,
    Hermetica,
    MakeBwrap,
    Nix,
    NixContentAddressed,
    Tool,
    lay_out,
    revise,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

LAYERED: Final = Shape(layers=10, width=100, top=True)
_SMALL: Final = Shape(layers=2, width=5, top=True)
_EVALUATING: Final = "hermetica evaluating"


def present(tools: Iterable[Tool]) -> tuple[list[Tool], dict[str, str]]:
    """Those that can take part, and why the others cannot."""
    chosen, skipped = list[Tool](), dict[str, str]()
    for tool in tools:
        if reason := tool.absent():
            skipped[tool.name] = reason
        else:
            chosen.append(tool)
    return chosen, skipped


def build(tool: Tool, place: Path, shape: Shape) -> Sample:
    """One run of a tool."""
    command = tool.build(place, shape)
    return run(command.words, command.environment, command.directory)


def cold(tool: Tool, shape: Shape) -> Callable[[], Sample]:
    """A sample in a fresh directory, with nothing built before."""

    def once() -> Sample:
        fresh = Fresh.make()
        try:
            lay_out(fresh.path)
            tool.write(fresh.path, shape)
            try:
                return build(tool, fresh.path, shape)
            finally:
                tool.end(fresh.path)
        finally:
            fresh.remove()

    return once


def measure_cold(name: str, shape: Shape, tools: Sequence[Tool], runs: int) -> None:
    """Measures and reports a shape built from nothing."""
    chosen, skipped = present(tools)
    samples = interleave({tool.name: cold(tool, shape) for tool in chosen}, runs)
    compare(name, samples, skipped, derivations=shape.count, jobs=JOBS, runs=runs)


def builds(runs: int, *, smoke: bool) -> None:
    """Independent trivial sandboxed builds into an empty store."""
    shape = independent(20 if smoke else 1000)
    measure_cold("builds", shape, [Hermetica(), Nix(), Bazel(), BuildStream(), MakeBwrap(), ContractAlone()], runs)


def layered(runs: int, *, smoke: bool) -> None:
    """Ten layers of a hundred builds, each using three of the layer before."""
    shape = _SMALL if smoke else LAYERED
    measure_cold("layered", shape, [Hermetica(), Nix(), Bazel(), BuildStream(), MakeBwrap()], runs)


def chained(runs: int, *, smoke: bool) -> None:
    """Two hundred builds, each using the one before: latency and nothing else."""
    shape = chain(10 if smoke else 200)
    measure_cold("chain", shape, [Hermetica(), Nix(), Bazel(), BuildStream(), BwrapLoop()], runs)


@attrs.define
class Built:
    """A tool whose graph is built, in a directory of its own, and stays so.

    Attributes:
        tool: which.
        shape: of the graph.
        fresh: its directory.
    """

    tool: Tool
    shape: Shape
    fresh: Fresh
    _revisions: Iterable[int] = attrs.field(init=False, factory=lambda: itertools.count(1))

    @classmethod
    def make(cls, tool: Tool, shape: Shape) -> Built:
        """Builds a graph, twice: what is remembered at the second time is remembered then."""
        fresh = Fresh.make()
        lay_out(fresh.path)
        tool.write(fresh.path, shape)
        made = cls(tool, shape, fresh)
        made.again()
        made.again()
        return made

    def again(self) -> Sample:
        """Builds it with nothing changed."""
        return build(self.tool, self.fresh.path, self.shape)

    def changed(self) -> Sample:
        """Builds it after a comment changed in what everything is built from."""
        revise(self.fresh.path, next(iter(self._revisions)))
        return self.again()

    def remove(self) -> None:
        """Ends the tool, and deletes all of it."""
        self.tool.end(self.fresh.path)
        self.fresh.remove()


def _measure_built(
    name: str, shape: Shape, tools: Sequence[Tool], runs: int, once: Callable[[Built], Callable[[], Sample]]
) -> None:
    chosen, skipped = present(tools)
    built = [Built.make(tool, shape) for tool in chosen]
    try:
        names = [_EVALUATING if getattr(tool, "options", ()) == _WHOLE else tool.name for tool in chosen]
        samples = interleave({each: once(one) for each, one in zip(names, built, strict=True)}, runs)
    finally:
        for each in built:
            each.remove()
    compare(name, samples, skipped, derivations=shape.count, runs=runs)


_WHOLE: Final = ("--no-eval-cache",)


def noop(runs: int, *, smoke: bool) -> None:
    """A graph of a thousand derivations, and one derivation, built already: remembered, and evaluated all the same."""
    tools: list[Tool] = [Hermetica(), Hermetica(*_WHOLE), Nix(), Bazel(), BuildStream(), MakeBwrap()]
    times = runs if smoke else runs + 4
    _measure_built("noop-1", Shape(), tools, times, lambda each: each.again)
    _measure_built("noop", _SMALL if smoke else LAYERED, tools, times, lambda each: each.again)


def cutoff(runs: int, *, smoke: bool) -> None:
    """A comment changes in what a whole graph is built from: early cut-off, or all of it again."""
    shape = Shape(layers=2, width=5, top=True, base=True) if smoke else attrs.evolve(LAYERED, base=True)
    tools: list[Tool] = [Hermetica(), Nix(), NixContentAddressed(), Bazel(), MakeBwrap()]
    _measure_built("cutoff", shape, tools, runs, lambda each: each.changed)


_MANY: Final = """import hermetica as hm
texts = [hm.text(f"i{{k}}", f"{{k}}") for k in range({count})]
_sh = f"{{hm.source('tools', name='busybox')}}/bin/sh"
_env = {{f"i{{k}}": f"{{d}}" for k, d in enumerate(texts)}}
top = hm.derivation(name="top", builder=_sh, args=["-c", "echo {revision} > $out"], env=_env)
"""


def many_inputs(runs: int, *, smoke: bool) -> None:
    """One build with 1,500 inputs that are there already, against a bare bubblewrap that mounts as many."""
    count = 20 if smoke else 1500
    fresh = Fresh.make()
    try:
        lay_out(fresh.path)
        module, environment = fresh.path / "many.py", {"HERMETICA_STORE": str(fresh.path / "store")}
        own = hermetica("build", "--no-link", f"{module}:top")
        module.write_text(_MANY.format(count=count, revision=0), encoding="utf-8")
        run(own, environment)
        binds = fresh.path / "binds"
        for index in range(count):
            (binds / str(index)).mkdir(parents=True)
        words = [word for index in range(count) for word in ("--ro-bind", str(binds / str(index)), f"/inputs/{index}")]
        bare = ["bwrap", "--unshare-all", "--tmpfs", "/inputs", *words, "--ro-bind", BUSYBOX, "/bin/sh"]
        samples: dict[str, list[Sample]] = {"hermetica": [], "bwrap": []}
        for revision in range(1, runs + 1):
            module.write_text(_MANY.format(count=count, revision=revision), encoding="utf-8")
            samples["hermetica"].append(run(own, environment))
            samples["bwrap"].append(run([*bare, "/bin/sh", "-c", "echo"]))
        compare("many-inputs", samples, {}, inputs=count, runs=runs)
    finally:
        fresh.remove()
