"""``python -m benchmarks.page RESULTS.jsonl``: the table and the plots of docs/performance.md, from results.

The text of the page is written by hand; what stands between the two marks in it, and the pictures, are replaced.
"""

# matplotlib types its keyword arguments in part only
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.targets import MEMORY, STANDING_CLOCK, TARGETS, Target, reached

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAGE: Final = Path("docs/performance.md")
_IMAGES: Final = Path("docs/images")
_BEGIN: Final = "<!-- table: written by python -m benchmarks.page -->\n"
_END: Final = "<!-- end of the table -->\n"
_JUDGES: Final = {"wall_s": "the clock", MEMORY: "the kernel"}  # where there is no peer
PIPE, ESCAPED = "|", "\\|"
_CLOCK: Final = "clock-"
_STANDING: Final = (
    "What [a clock that stands still](worlds.md) costs, as times of the same build by the running clock (T0), by the "
    "wall and (in brackets) in processor time, the tracer's included:"
)
_COLOURS: Final = {"hermetica": "#2563eb", "nix": "#b45309", "make+bwrap": "#6b7280"}


def read(path: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """The results in a file, by the file system of their samples and by benchmark; the last of each counts."""
    places: dict[str, dict[str, dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            places.setdefault(row["machine"]["file_system"], {})[row["benchmark"]] = row
    return places


def table(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The table in Markdown: a row a target."""
    lines = [
        "| workload | hermetica | against | its time | ratio | target | |",
        "|---|---:|---|---:|---:|---:|---|",
    ]
    shown = ""
    for target in TARGETS:
        row = results.get(target.benchmark)
        if row is None or "hermetica" not in row["figures"]:
            continue
        own = row["figures"]["hermetica"]["wall_s"]
        if target.figure == MEMORY:
            own = row["figures"]["hermetica"][MEMORY]
        text, time = ("", "") if target.text == shown else (target.text, _amount(target, own))
        shown = target.text
        found, name = reached(target, row), target.peer.replace("|", "\\|")
        if found is None:
            why = row.get("skipped", {}).get(target.peer, "not measured")
            lines.append(f"| {text} | {time} | {name} | - | - | {target.most:.2g} | {why} |")
            continue
        verdict = "met" if found <= target.most else f"**missed**, {found / target.most:.3g} times"
        peer = row["figures"][target.peer]["wall_s"] if target.peer else None
        lines.append(
            f"| {text} | {time} | {name or _JUDGES[target.figure]} | {_seconds(peer) if peer is not None else ''} "
            f"| {f'{found:.3g}' if target.peer else ''} "
            f"| {f'{target.most:.2g}' if target.peer else _amount(target, target.most)} | {verdict} |"
        )
    return lines


def clocks(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a clock that stands still costs: each contestant's time over that of T0."""
    columns = ("T2", "T3", "libfaketime", "strace -f")
    lines = [f"| built | T0 | {' | '.join(columns)} | target of T2 | |", f"|---|---:|{'---:|' * len(columns)}---:|---|"]
    for name, row in results.items():
        if name.startswith(_CLOCK) and (base := row["figures"].get("T0")):
            ratios = {each: row["ratios"].get(f"{each}/T0") for each in columns}
            cells = " | ".join(_cost(ratio) for ratio in ratios.values())
            target, verdict = "", ""
            if name != f"{_CLOCK}trivial":
                found = ratios["T2"]["wall"]
                target = f"{STANDING_CLOCK:.2f}"
                verdict = "met" if found <= STANDING_CLOCK else f"**missed**, {found / STANDING_CLOCK:.3g} times"
            what = f"{row['builds']} trivial builds" if "builds" in row else name.removeprefix(_CLOCK)
            lines.append(f"| {what} | {_seconds(base['wall_s'])} | {cells} | {target} | {verdict} |")
    return lines if len(lines) > 2 else []


def _cost(ratio: Mapping[str, float | None] | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio['wall']:.2f}" if ratio["cpu"] is None else f"{ratio['wall']:.2f} ({ratio['cpu']:.2f})"


def _amount(target: Target, value: float) -> str:
    return f"{value / 1e6:.0f} MB" if target.figure == MEMORY else _seconds(value)


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def everyone(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Every contestant of every workload: median, spread, memory."""
    lines = ["| workload | contestant | median | least | most | memory |", "|---|---|---:|---:|---:|---:|"]
    for name, row in results.items():
        if name.startswith("growth-") or not all(
            isinstance(figure, dict) and "wall_min_s" in figure for figure in row["figures"].values()
        ):
            continue
        for contestant, figure in row["figures"].items():
            times = " | ".join(_seconds(figure[each]) for each in ("wall_s", "wall_min_s", "wall_max_s"))
            who = contestant.replace(PIPE, ESCAPED)
            lines.append(f"| {name} | {who} | {times} | {figure['peak_memory_bytes'] / 1e6:.0f} MB |")
            name = ""  # noqa: PLW2901 -- once is enough
    return lines


def plots(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Draws how cost grows with size; the lines that show the pictures."""
    mpl.rcParams.update({"svg.hashsalt": "hermetica", "svg.fonttype": "none", "font.size": 10})
    lines: list[str] = []
    for name, row in results.items():
        if not name.startswith("growth-"):
            continue
        figure, axes = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
        for contestant, series in row["figures"].items():
            points = series["wall_s"]
            if points:
                slope = "" if series["exponent"] is None else f"  (exponent {series['exponent']:.2f})"
                colour = _COLOURS.get(contestant)
                axes.loglog(*zip(*points, strict=True), marker="o", label=f"{contestant}{slope}", color=colour)
        axes.set(title=name.removeprefix("growth-"), xlabel="size", ylabel="seconds")
        axes.grid(visible=True, which="major", color="#d1d5db", linewidth=0.6)
        axes.legend(frameon=False)
        picture = _IMAGES / f"{name}.svg"
        figure.savefig(picture, metadata={"Date": None})
        plt.close(figure)
        lines.append(
            f"![{name.removeprefix('growth-')}: seconds over size, both in decades]({picture.relative_to('docs')})"
        )
    return lines


def page(places: Mapping[str, Mapping[str, Mapping[str, Any]]], growing: Sequence[str] = ()) -> list[str]:
    """What stands between the marks: for each file system the targets, then the pictures, then all figures.

    Args:
        places: as ``read`` has it; the first file system is the one that the page speaks of.
        growing: the lines that show the pictures.
    """
    lines: list[str] = []
    for place, results in places.items():
        machine = next(iter(results.values()))["machine"]
        system = f"{machine['cores']} cores ({machine['cpu']}), Linux {machine['kernel']}, Python {machine['python']}"
        lines += ["", f"### Again, with samples on {place}", ""] if lines else []
        lines += [*table(results), "", f"{system}, samples on {place}."]
        if standing := clocks(results):
            lines += ["", _STANDING, "", *standing]
    lines += ["", "## How cost grows with size", "", *growing] if growing else []
    lines += ["", "## All figures"]
    for place, results in places.items():
        lines += ["", f"Samples on {place}:", "", *everyone(results)]
    return [*lines, ""]


def write(places: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Puts the table and the pictures into the page."""
    parts = page(places, plots(next(iter(places.values()))))
    text = _PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(_BEGIN)
    tail = rest.partition(_END)[2]
    _PAGE.write_text(f"{head}{_BEGIN}\n" + "\n".join(parts) + f"\n{_END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    write(read(Path(sys.argv[1])))
