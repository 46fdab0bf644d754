"""The tables of docs/reproducibility.md, from the lines that runs printed.

The text of the page is written by hand; what stands between two marks in it is replaced.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.reproducibility.errors import MalformedCase
from benchmarks.reproducibility.runs import FORMAT, OWN, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Row = Mapping[str, Any]

_PAGE: Final = Path("docs/reproducibility.md")
_CORPORA: Final = {
    "core": "the first 44",
    "extension": "what they leave out",
    "held_out": "held out",
    "unseen": "unseen",
    "afresh": "afresh",
}
_SEEN: Final = ["differs"]  # what a tool says that knows no causes


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The lines of result files.

    Raises:
        MalformedCase: a line is none that a run printed.
    """
    rows: list[dict[str, Any]] = []
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            row: dict[str, Any] = {}
            try:
                row = json.loads(line)
                known = row["format"] == FORMAT
            except (ValueError, LookupError, TypeError):
                known = False
            if not known:
                raise MalformedCase(f"{path}:{number}: no line that a run printed")
            rows.append(row)
    return rows


def scores(rows: Sequence[Row]) -> list[str]:
    """How each tool did, run by run: a row for each corpus."""
    columns = ("exact", "precision", "recall", "differences seen", "false alarms", "builds a case", "s a case")
    lines = [f"| tool | cases | run | {' | '.join(columns)} |", f"|---|---|---:|{'---:|' * len(columns)}"]
    for row in _of("score", rows):
        if row["corpus"] not in _CORPORA:
            continue
        rates = " | ".join(_rate(row[name]) for name in ("exact", "precision", "recall", "detected", "false_alarms"))
        lines.append(
            f"| {row['tool']} | {_CORPORA[row['corpus']]} | {row['run']} | {rates} "
            f"| {row['builds_mean']:g}, at most {row['builds_max']} | {row['wall_mean_s']:.2g} |"
        )
    lines += [f"| {row['tool']} | | | left out: {row['reason']} | | | | | | |" for row in _of("skipped", rows)]
    return lines


def _rate(rate: Row) -> str:
    if not rate["total"]:
        return "-"
    return f"{rate['hits']}/{rate['total']} ({rate['low']:.2f}-{rate['high']:.2f})"


def mistakes(rows: Sequence[Row], tool: str) -> list[str]:
    """The cases that a tool did not answer exactly, run by run."""
    lines = ["| case | run | causes | told | files told wrongly |", "|---|---:|---|---|---|"]
    for row in _of("case", rows):
        if row["tool"] == tool and not (row["is_exact"] and row["is_exact_by_file"]):
            files = "; ".join(f"{file}: {_list(told)}" for file, (_, told) in row["files"].items())
            told = row["failed"] or _list(row["told"])
            lines.append(f"| {row['case']} | {row['run']} | {_list(row['expected'])} | {told} | {files} |")
    return lines if len(lines) > 2 else ["none"]


def _list(causes: Sequence[str]) -> str:
    return ", ".join(causes) or "nothing"


def side_by_side(rows: Sequence[Row]) -> list[str]:
    """Case by case, what the tools told in their first run; the truth in front."""
    of_first = [row for row in _of("case", rows) if row["run"] == 1]
    tools = list(dict.fromkeys(row["tool"] for row in of_first))
    told = {(row["case"], row["tool"]): row for row in of_first}
    lines = [f"| case | truth | {' | '.join(tools)} |", f"|---|---|{'---|' * len(tools)}"]
    for name in dict.fromkeys(row["case"] for row in of_first):
        cells = [_cell(told.get((name, tool))) for tool in tools]
        truth = _list(next(row["expected"] for row in of_first if row["case"] == name))
        lines.append(f"| {name} | {truth} | {' | '.join(cells)} |")
    return lines


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row["failed"]:
        return "failed"
    return "exact" if row["is_exact"] and row["told"] != _SEEN else _list(row["told"])


def packages(rows: Sequence[Row]) -> list[str]:
    """Package by package, how many of its files differ in each setting; the sum below."""
    found = {(row["package"], row["setting"]): row for row in _of("package", rows)}
    names = sorted(dict.fromkeys(name for name, _ in found))
    settings = [each for each in SETTINGS if any(setting == each for _, setting in found)]
    lines = [f"| package | files | {' | '.join(settings)} |", f"|---|---:|{'---|' * len(settings)}"]
    for name in names:
        files = max(found[name, each]["files"] for each in settings if (name, each) in found)
        cells = [_same(found.get((name, each))) for each in settings]
        lines.append(f"| {name} | {files} | {' | '.join(cells)} |")
    totals: list[str] = []
    for each in settings:
        of_setting = [row for (_, setting), row in found.items() if setting == each]
        totals.append(f"**{sum(row['identical'] for row in of_setting)} of {len(of_setting)}**")
    return [*lines, f"| **identical** | | {' | '.join(totals)} |"]


def _same(row: Row | None) -> str:
    if row is None:
        return "not measured"
    if row["failed"]:
        return f"failed: {row['failed']}"
    return "identical" if row["identical"] else f"{len(row['differing'])} differ"


def causes(rows: Sequence[Row]) -> list[str]:
    """What changes files of packages, from their studies."""
    lines = ["| package | file | causes | builds |", "|---|---|---|---:|"]
    for row in _of("causes", rows):
        lines += [
            f"| {row['package']} | `{file}` | {_list(told)} | {row['builds']} |" for file, told in row["files"].items()
        ]
        if not row["files"]:
            lines.append(f"| {row['package']} | | {row['failed'] or 'nothing'} | {row['builds']} |")
    return lines


def _of(kind: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["row"] == kind]


def write(paths: Sequence[Path], page: Path = _PAGE) -> None:
    """Puts the tables of result files into the page; those of which the files have nothing stay as they are."""
    rows = read(paths)
    text = page.read_text(encoding="utf-8")
    parts: dict[str, tuple[str, Callable[[Sequence[Row]], list[str]]]] = {
        "scores": ("score", scores),
        "mistakes": ("case", _own_mistakes),
        "cases": ("case", side_by_side),
        "packages": ("package", packages),
        "causes": ("causes", causes),
        "machine": ("machine", _machine),
    }
    for name, (kind, lines) in parts.items():
        if _of(kind, rows):
            text = replaced(text, name, lines(rows))
    page.write_text(text, encoding="utf-8")


def _own_mistakes(rows: Sequence[Row]) -> list[str]:
    return mistakes(rows, OWN)


def _machine(rows: Sequence[Row]) -> list[str]:
    return list(
        dict.fromkeys(
            f"{row['cores']} cores ({row['cpu']}), Linux {row['kernel']}, Python {row['python']}."
            for row in _of("machine", rows)
        )
    )


def replaced(text: str, name: str, lines: Sequence[str]) -> str:
    """A page with other lines between the marks of a table; as it was where it has no such table."""
    begin, end = f"<!-- {name}: from results -->\n", f"<!-- end of {name} -->\n"
    head, found, rest = text.partition(begin)
    if not found:
        return text
    return f"{head}{begin}\n" + "\n".join(lines) + f"\n\n{end}{rest.partition(end)[2]}"
