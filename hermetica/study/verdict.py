"""What was found out about one derivation, put together for people and programs: ``hermetica.causes/1``. Pure.

Files that change for the same reasons stand together, each group with where in it the difference is, which command of
the build wrote it, and what is usually done about such a cause.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.sandbox.world import Tier
from hermetica.study.advice import advice_for
from hermetica.study.attribution_form import read_attribution
from hermetica.study.locus import Locus
from hermetica.study.trials import BUILDS, Atom, levels_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hermetica.study.causes import Attribution, Causes
    from hermetica.study.trials import Atoms

FORMAT: Final = "hermetica.causes/1"
_FILES_SHOWN: Final = 4
_LOCI_SHOWN: Final = 3
_LINES_SHOWN: Final = 12  # of diffoscope
_COMMAND_CHARACTERS: Final = 90
_STORE: Final = re.compile(r"/hermetica/store/[0-9a-z]{32}-")


@attrs.frozen(kw_only=True)
class Evidence:
    """How a file differs.

    Attributes:
        loci: JSON objects of `Locus`, the first few.
        levels: of the world in which that was seen.
        by_levels: the same of every world in which it was looked for: (levels, loci).
        writer: the command that wrote it, where that is known; empty where not.
        callers: those that called it, the nearest first.
        diffoscope: what diffoscope says of it, where it was asked.
    """

    loci: Sequence[Mapping[str, Any]] = ()
    levels: Mapping[str, str] = attrs.field(factory=dict[str, str])
    by_levels: Sequence[tuple[Mapping[str, str], Sequence[Mapping[str, Any]]]] = ()
    writer: str = ""
    callers: tuple[str, ...] = ()
    diffoscope: str = ""

    def of(self, atoms: Atoms) -> Sequence[Mapping[str, Any]]:
        """The loci in the world of one cause; none where nobody looked."""
        wanted = levels_of(atoms)
        return next((loci for levels, loci in self.by_levels if dict(levels) == wanted), ())


@attrs.frozen(kw_only=True)
class Verdict:
    """Everything about one derivation.

    Attributes:
        target: as it was asked for.
        attribution: which factors change what.
        tier: how much of the world was fixed.
        left_out: factor -> why this host or tier cannot vary it.
        evidence: file -> how it differs.
        seconds: what the builds took.
        log_tail: what the first build said last, if it failed.
    """

    target: str
    attribution: Attribution
    tier: str
    left_out: Mapping[str, str]
    evidence: Mapping[str, Evidence]
    seconds: float
    log_tail: str = ""

    @property
    def is_reproducible(self) -> bool:
        """Whether nothing changed any file."""
        return not self.attribution.files and not self.attribution.failed

    def to_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        found = self.attribution
        return {
            "target": self.target,
            "reproducible": self.is_reproducible,
            "complete": found.is_complete,
            "failed": found.failed,
            "log_tail": self.log_tail,
            "tier": self.tier,
            "left_out": dict(self.left_out),
            "builds": found.builds,
            "seconds": round(self.seconds, 3),
            "examined": found.examined,
            "factors": sorted(found.factors),
            "files": [self._file_json(each) for each in found.files],
            "advice": [
                {"number": each.number, "title": each.title, "fix": each.fix, "page": each.anchor}
                for each in advice_for(found.factors)
            ],
        }

    def _file_json(self, causes: Causes) -> dict[str, Any]:
        evidence = self.evidence.get(causes.path, Evidence())
        return {
            "path": causes.path,
            "causes": [{atom.factor: atom.level for atom in sorted(each)} for each in causes.sets],
            "races": causes.races,
            "suspects": [sorted(each) for each in causes.suspects],
            "complete": causes.is_complete,
            "loci": list(evidence.loci),
            "seen_with": dict(evidence.levels),
            "loci_by_cause": [list(evidence.of(each)) for each in causes.sets],
            "writer": evidence.writer or None,
            "callers": list(evidence.callers),
            "diffoscope": evidence.diffoscope or None,
        }

    def lines(self) -> Iterator[str]:
        """The verdict for people; what a build wrote cannot move a terminal's cursor, or break a line."""
        return map(_visible, self._lines())

    def _lines(self) -> Iterator[str]:
        found = self.attribution
        if found.failed:
            yield f"{self.target}: it cannot be built in the fixed world: {found.failed}"
            yield from (f"  {line}" for line in self.log_tail.splitlines()[-_LINES_SHOWN:])
            yield f"  is it built elsewhere? hermetica build {self.target}"
            if self.tier != Tier.T0.name:
                yield "  if it does not bear a clock that stands still: --tier T0"
            return
        cost = f"{found.builds} builds, {self.seconds:.0f} s, tier {self.tier}"
        files = _many(found.examined, "file")
        if self.is_reproducible:
            yield f"{self.target}: reproducible: nothing that was varied changes any of its {files} ({cost})"
        else:
            changing = sum(each.path != BUILDS for each in found.files)
            changes = [f"{changing:,} of {files} {'changes' if changing == 1 else 'change'}"] if changing else []
            fails = ["it is not built in every world"] if changing < len(found.files) else []
            yield f"{self.target}: not reproducible: {', and '.join([*changes, *fails])} ({cost})"
            for causes, paths in _grouped(found.files):
                yield ""
                yield from self._group(causes, paths)
            yield from self._advice()
        yield from self._limits()

    def _group(self, causes: Causes, paths: Sequence[str]) -> Iterator[str]:
        yield f"  {_because(causes)}"
        for path in paths[:_FILES_SHOWN]:
            evidence = self.evidence.get(path, Evidence())
            yield f"    {path}"
            yield from _loci_lines(causes, evidence)
            yield from _diffoscope_lines(evidence)
            if evidence.writer:
                yield f"      written by  {_shortened(evidence.writer)}"
            if evidence.callers:
                yield f"      called by   {_shortened(evidence.callers[0])}"
        if (more := len(paths) - _FILES_SHOWN) > 0:
            yield f"    and {_many(more, 'file')} more"

    def _advice(self) -> Iterator[str]:
        found = advice_for(self.attribution.factors)
        if found:
            yield ""
            yield "  what to do"
        for each in found:
            acting = ", ".join(factor for factor in each.factors if factor in self.attribution.factors)
            yield f"    {acting}: {each.title.lower()}"
            yield from (f"      {line}" for line in _wrapped(each.fix, 92))
            yield f"      {each.anchor}"

    def _limits(self) -> Iterator[str]:
        if not self.attribution.is_complete:
            yield ""
            yield "  there may be more causes: the builds did not suffice to look for all; --builds N allows more"
        if self.tier != Tier.T3.name and any(each.races for each in self.attribution.files):
            clock = "the clock, " if Tier[self.tier] < Tier.T2 else ""
            yield ""
            yield f"  in tier {self.tier} {clock}times of files, order of directories and chance are the host's;"
            yield "  what seems a race may be one of them, which tier T3 holds still"
        if self.left_out:
            yield ""
            reasons: dict[str, list[str]] = {}
            for factor, why in self.left_out.items():
                reasons.setdefault(why, []).append(factor)
            for why, factors in reasons.items():
                yield f"  not varied: {', '.join(factors)} ({why})"


def verdicts_of(events: Sequence[Mapping[str, Any]]) -> list[Verdict]:
    """The verdicts of a log: of each target the last one, in the order in which they came."""
    trials = {event["key"]: event for event in events if event["kind"] == "trial"}
    last = {event["target"]: event for event in events if event["kind"] == "target-finished"}
    return [
        verdict_of(event, [trials[key] for key in dict.fromkeys(event["trials"])], read_attribution(found))
        for event in last.values()
        if (found := event["attribution"]) is not None
    ]


def verdict_of(event: Mapping[str, Any], mine: Sequence[Mapping[str, Any]], attribution: Attribution) -> Verdict:
    """The verdict about one target.

    Args:
        event: that ended it.
        mine: its builds.
        attribution: what they say.
    """
    paths = {each.path for each in attribution.files}
    evidence = {path: each for path, each in evidence_from(mine).items() if path in paths}
    for path, writer in event.get("writers", {}).items():
        found = evidence.get(path, Evidence())
        evidence[path] = attrs.evolve(found, writer=writer["command"], callers=tuple(writer["callers"]))
    return Verdict(
        target=event["target"],
        attribution=attribution,
        tier=event["tier"],
        left_out=event["left_out"],
        evidence=evidence,
        seconds=sum(float(each["duration_s"]) for each in mine),
        log_tail=next((each["log_tail"] for each in mine), ""),
    )


def _grouped(files: Iterable[Causes]) -> list[tuple[Causes, list[str]]]:
    """Files with the same causes, the first of them and the paths of all; what changes most files first."""
    groups: dict[object, tuple[Causes, list[str]]] = {}
    for each in files:
        key = (each.sets, each.suspects, each.races, each.path == BUILDS)
        groups.setdefault(key, (each, []))[1].append(each.path)
    return sorted(groups.values(), key=lambda group: -len(group[1]))


def _because(causes: Causes) -> str:
    if causes.races:
        return "changes from build to build in one world: a race, or chance that no factor fixes"
    what = "fails to build with" if causes.path == BUILDS else "changes with"
    if causes.suspects:
        suspects = " or from ".join(" and ".join(sorted(each)) for each in causes.suspects)
        return f"{what} something that was not found; all builds would follow from {suspects}"
    if not causes.sets:
        return f"{what} something that was not found"
    return f"{what} {'; or with '.join(map(in_words, causes.sets))}"


def in_words(atoms: Atoms | Mapping[str, str]) -> str:
    """A cause for people: ``clock (2040-02-29)``, or ``locale (C) and shell (bash) together``."""
    listed = sorted(atoms if isinstance(atoms, frozenset) else (Atom(*pair) for pair in atoms.items()))
    *most, last = [f"{each.factor} ({each.level})" for each in listed]
    return f"{', '.join(most)} and {last} together" if most else last


def _loci_lines(causes: Causes, evidence: Evidence) -> Iterator[str]:
    """Where a file differs: of one cause a few places, of several the first one of each."""
    seen = [(each, evidence.of(each)) for each in causes.sets]
    if len(seen) > 1:
        yield from (f"      {in_words(each)}: {_locus_line(min(loci, key=_is_raw))}" for each, loci in seen if loci)
        return
    telling = sorted(evidence.loci, key=_is_raw)
    yield from (f"      {_locus_line(locus)}" for locus in telling[:_LOCI_SHOWN])
    if (more := len(evidence.loci) - _LOCI_SHOWN) > 0:
        yield f"      and {more} more places"


def _is_raw(locus: Mapping[str, Any]) -> bool:
    """Whether it has nothing but bytes to show, such as addresses, which tell less than the text that moved them."""
    return locus["what"] == "bytes" and not f"{locus['first']}{locus['second']}".startswith(("'", '"'))


def _diffoscope_lines(evidence: Evidence) -> Iterator[str]:
    """What diffoscope says, where we could name bytes only."""
    if all(locus["what"] != "bytes" for locus in evidence.loci):
        return
    lines = evidence.diffoscope.splitlines()
    yield from (f"      {line}" for line in lines[:_LINES_SHOWN])
    if (more := len(lines) - _LINES_SHOWN) > 0:
        yield f"      and {_many(more, 'line')} more of diffoscope; the JSON has all"


def _locus_line(locus: Mapping[str, Any]) -> str:
    return str(Locus.from_json(locus))


def _visible(line: str) -> str:
    """A line in which what cannot be printed is written as Python would."""
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def _shortened(command: str) -> str:
    """A command in one line, programs of the store by their names."""
    text = " ".join(_STORE.sub("", command).split())
    return text if len(text) <= _COMMAND_CHARACTERS else f"{text[: _COMMAND_CHARACTERS - 1]}…"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line


def evidence_from(events: Iterable[Mapping[str, Any]]) -> dict[str, Evidence]:
    """How each file differs, from the events of trials; of several, in the world that varies least."""
    found: dict[str, Evidence] = {}
    events = list(events)
    by_diffoscope = {path: text for event in events for path, text in event.get("diffoscope", {}).items()}
    for event in sorted(events, key=lambda each: (bool(each["shaken"]), len(each["levels"]), each["trial"])):
        for path, loci in event["loci"].items():
            if loci and path not in found:
                found[path] = Evidence(loci=loci, levels=event["levels"], diffoscope=by_diffoscope.get(path, ""))
            if loci and not event["shaken"]:
                before = found[path]
                found[path] = attrs.evolve(before, by_levels=(*before.by_levels, (event["levels"], loci)))
        if event["failed"] and BUILDS not in found:
            said = event["log_tail"].strip().rpartition("\n")[2]
            failure = Locus(what="fails", first=f"{event['failed']}: {said}" if said else event["failed"])
            found[BUILDS] = Evidence(loci=[failure.to_json()], levels=event["levels"])
    return found
