"""``hermetica explain`` where ten thousand derivations are kept: how much it adds to evaluating them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.measure import Fresh, Sample, interleave, report, run, summary
from benchmarks.peers import hermetica

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_GRAPH: Final = """
import hermetica as hm
def build(name, inputs, flags=""):
    env = {{"FLAGS": flags, **{{f"i{{k}}": f"{{d}}/lib" for k, d in enumerate(inputs)}}}}
    return hm.derivation(name=name, builder="/bin/sh", args=["-c", f"echo {{name}} > $out"], env=env)
layer = [build(f"l0-{{j}}", [], "{low}" if j == 0 else "") for j in range({width})]
for i in range(1, {layers}):
    layer = [build(f"l{{i}}-{{j}}", [layer[(j + k * k) % {width}] for k in range(5)]) for j in range({width})]
top = build("top", layer, "{high}")
del layer
"""
_KEEP: Final = """
import runpy, sys, time
import hermetica as hm
from hermetica.model import closure
from hermetica.realize.realized import Made, realized_rows
with hm.evaluation(), hm.Store.open() as store, store.objects.lease() as lease:
    top = runpy.run_path(sys.argv[1])["top"]
    outputs = {"out": store.objects.add_bytes(b"made", "made", lease=lease)}
    store.add_derivations(closure([top]))
    made = [Made(path=f"{sys.argv[1]}:top", derivation=top, outputs=outputs)]
    store.objects.put(realized_rows(store.objects, made, time.time())).wait()
"""
_EVALUATE: Final = "import runpy, sys, hermetica as hm\nwith hm.evaluation(): runpy.run_path(sys.argv[1])"


def explain(runs: int, *, smoke: bool) -> None:
    """A module of 10,001 derivations after a change below them, and at the top; a small module in the same store."""
    layers, width = (3, 6) if smoke else (100, 100)
    fresh = Fresh.make()
    store = {"HERMETICA_STORE": str(fresh.path / "store")}

    def write(name: str, layers: int, width: int, **flags: str) -> Path:
        path = fresh.path / f"{name}.py"
        fields = {"low": "-O2", "high": "-O2", **flags}
        path.write_text(_GRAPH.format(layers=layers, width=width, **fields), encoding="utf-8")
        return path

    def kept(name: str, layers: int, width: int, **flags: str) -> Path:
        """A module whose top is kept as it was before the flags changed."""
        path = write(name, layers, width)
        subprocess.run([sys.executable, "-c", _KEEP, str(path)], check=True, env=store)
        return write(name, layers, width, **flags)

    try:
        below, above = kept("below", layers, width, low="-O3"), kept("above", layers, width, high="-O3")
        small = kept("small", 3, 3, low="-O3")
        contestants: dict[str, Callable[[], Sample]] = {
            "changed below": lambda: run(hermetica("explain", f"{below}:top"), store),
            "changed above": lambda: run(hermetica("explain", f"{above}:top"), store),
            "small module": lambda: run(hermetica("explain", f"{small}:top"), store),
            "evaluating": lambda: run([sys.executable, "-c", _EVALUATE, str(below)]),
            "python": lambda: run([sys.executable, "-c", "pass"]),
        }
        samples = interleave(contestants, runs if smoke else runs + 2)
    finally:
        fresh.remove()
    figures = {name: summary(taken) for name, taken in samples.items()}
    beyond_s = {
        f"{name} - {other}": round(figures[name]["wall_s"] - figures[other]["wall_s"], 4)
        for name, other in (
            ("changed below", "evaluating"),
            ("changed above", "evaluating"),
            ("small module", "python"),
        )
    }
    report("explain", {"derivations": layers * width + 1, "runs": runs, "figures": figures, "beyond_s": beyond_s})
