"""How well answers fit the truth: exact cases, precision and recall of causes, false alarms. Pure.

Precision and recall are *micro* averages over causes: each minimal set of each file that was told, and each that is
true, counts once. A conjunction of which only one factor was told counts as a wrong cause and a missed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from benchmarks.reproducibility.truth import Truth, minimal, write_truth
from hermetica.study.statistics import Rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.reproducibility.case import Case

WHOLE: Final = "(output)"
"""Stands for the output, where a tool tells no files apart."""

_NOTHING: Truth = frozenset()


@attrs.frozen(kw_only=True)
class Answer:
    """What a tool says of a case.

    Attributes:
        files: file of the output -> the causes it tells; files that it holds to be the same may be left out.
        builds: how many builds it took.
        wall_s: how long it took.
        failed: why it says nothing; empty where it says something.
    """

    files: Mapping[str, Truth] = attrs.field(factory=dict[str, Truth])
    builds: int
    wall_s: float
    failed: str = ""

    @property
    def truth(self) -> Truth:
        """The causes it tells of the output as a whole."""
        return minimal(cause for causes in self.files.values() for cause in causes)


@attrs.frozen(kw_only=True)
class Mark:
    """One answer beside the truth.

    Attributes:
        case: its name. corpus, kind: of the case.
        expected, told: causes of the output as a whole, as people read them, by name.
        files: file -> (expected, told), for those where they are not the same.
        right, wrong, missed: causes of files.
        builds, wall_s: what it cost.
        failed: as in the answer.
    """

    case: str
    corpus: str
    kind: str
    expected: tuple[str, ...]
    told: tuple[str, ...]
    files: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = attrs.field(hash=False)
    right: int
    wrong: int
    missed: int
    builds: int
    wall_s: float
    failed: str

    @property
    def is_exact(self) -> bool:
        """Whether the output as a whole has exactly the causes that were told."""
        return not self.failed and self.expected == self.told

    @property
    def is_exact_by_file(self) -> bool:
        """Whether each file has exactly the causes that were told of it."""
        return not self.failed and not self.files

    def to_json(self) -> dict[str, Any]:
        """The mark as a JSON object."""
        return {**attrs.asdict(self), "is_exact": self.is_exact, "is_exact_by_file": self.is_exact_by_file}


def mark_whole(case: Case, answer: Answer, truth: Truth) -> Mark:
    """Holds an answer that knows no files against the truth in the tool's own words.

    Args:
        case: what was asked.
        answer: with the causes of `WHOLE`.
        truth: the causes of the output as a whole.
    """
    return mark(case, answer, {WHOLE: truth} if truth else {})


def mark(case: Case, answer: Answer, truths: Mapping[str, Truth] | None = None) -> Mark:
    """Holds an answer against the truth, which is that of the case where none is given."""
    truths = case.truths if truths is None else truths
    pairs = {file: (truths.get(file, _NOTHING), answer.files.get(file, _NOTHING)) for file in {*truths, *answer.files}}
    return Mark(
        case=case.name,
        corpus=case.corpus,
        kind=case.kind,
        expected=_written(minimal(cause for causes in truths.values() for cause in causes)),
        told=_written(answer.truth),
        files={
            file: (_written(expected), _written(told))
            for file, (expected, told) in sorted(pairs.items())
            if expected != told
        },
        right=sum(len(expected & told) for expected, told in pairs.values()),
        wrong=sum(len(told - expected) for expected, told in pairs.values()),
        missed=sum(len(expected - told) for expected, told in pairs.values()),
        builds=answer.builds,
        wall_s=round(answer.wall_s, 3),
        failed=answer.failed,
    )


def _written(truth: Truth) -> tuple[str, ...]:
    return tuple(write_truth(truth))


@attrs.frozen(kw_only=True)
class Score:
    """All marks of one run of one tool.

    Attributes:
        exact: cases whose causes were told exactly. exact_by_file: likewise for each file.
        precision: right causes among those told. recall: right causes among the true ones.
        detected: cases that differ and were said to. false_alarms: controls that were said to differ.
        builds_max: the most builds of a case.
        builds_mean, wall_mean_s: a case.
    """

    exact: Rate
    exact_by_file: Rate
    precision: Rate
    recall: Rate
    detected: Rate
    false_alarms: Rate
    builds_max: int
    builds_mean: float
    wall_mean_s: float

    def to_json(self) -> dict[str, Any]:
        """The score as a JSON object."""
        return {
            field.name: value.to_json() if isinstance(value := getattr(self, field.name), Rate) else value
            for field in attrs.fields(Score)
        }


def score(marks: Sequence[Mark]) -> Score:
    """Sums up the marks of one run; there is at least one."""
    right = sum(each.right for each in marks)
    controls = [each for each in marks if each.kind == "control"]
    others = [each for each in marks if each.kind != "control"]
    return Score(
        exact=Rate.of(sum(each.is_exact for each in marks), len(marks)),
        exact_by_file=Rate.of(sum(each.is_exact_by_file for each in marks), len(marks)),
        precision=Rate.of(right, right + sum(each.wrong for each in marks)),
        recall=Rate.of(right, right + sum(each.missed for each in marks)),
        detected=Rate.of(sum(bool(each.told) for each in others), len(others)),
        false_alarms=Rate.of(sum(bool(each.told) for each in controls), len(controls)),
        builds_max=max(each.builds for each in marks),
        builds_mean=round(sum(each.builds for each in marks) / len(marks), 1),
        wall_mean_s=round(sum(each.wall_s for each in marks) / len(marks), 2),
    )
