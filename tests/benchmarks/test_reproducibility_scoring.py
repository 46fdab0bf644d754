"""Marks and scores: what counts as right, wrong and missed."""

from __future__ import annotations

from benchmarks.reproducibility.case import Case, named, read_cases
from benchmarks.reproducibility.scoring import WHOLE, Answer, Mark, mark, mark_whole, score
from benchmarks.reproducibility.truth import Truth, parse_cause

CASES = read_cases()


def case(name: str) -> Case:
    return named(CASES, [name])[0]


def truth(*causes: str) -> Truth:
    return frozenset(map(parse_cause, causes))


def answer(**files: tuple[str, ...]) -> Answer:
    return Answer(files={name: truth(*causes) for name, causes in files.items()}, builds=7, wall_s=0.5)


def counts(marked: Mark) -> tuple[int, int, int]:
    return marked.right, marked.wrong, marked.missed


def test_the_truth_itself_is_exact_everywhere() -> None:
    total = score([mark(each, Answer(files=each.truths, builds=1, wall_s=1)) for each in CASES])
    assert (total.exact.hits, total.exact_by_file.hits) == (len(CASES), len(CASES))
    assert (total.precision.value, total.recall.value, total.false_alarms.hits) == (1, 1, 0)


def test_saying_nothing_is_right_of_controls_alone() -> None:
    total = score([mark(each, Answer(builds=2, wall_s=1)) for each in CASES])
    assert total.exact.hits == total.false_alarms.total == sum(each.kind == "control" for each in CASES)
    assert total.recall.hits == total.detected.hits == 0


def test_half_of_a_conjunction_is_wrong_and_the_whole_is_missed() -> None:
    assert counts(mark(case("both-or-nothing"), answer(answer=("tz",)))) == (0, 1, 1)


def test_a_cause_too_many_spoils_a_case_and_counts_once() -> None:
    marked = mark(case("home"), answer(settings=("home", "tz")))
    assert counts(marked) == (1, 1, 0)
    assert not marked.is_exact
    assert marked.files == {"settings": (("home",), ("home", "tz"))}


def test_a_cause_told_of_the_wrong_file_is_exact_for_the_output_and_not_for_its_files() -> None:
    marked = mark(case("four-files"), answer(date=("hostname",), host=("clock",), path=("build_path",)))
    assert marked.is_exact
    assert not marked.is_exact_by_file
    assert counts(marked) == (1, 2, 2)


def test_a_control_that_is_said_to_differ_is_a_false_alarm() -> None:
    total = score([mark(case("careful-tar"), answer(tree=("mtime",))), mark(case("sorted-names"), answer())])
    assert (total.false_alarms.hits, total.false_alarms.total) == (1, 2)


def test_a_tool_that_failed_is_exact_of_nothing() -> None:
    assert not mark(case("careful-tar"), Answer(builds=1, wall_s=1, failed="it could not be built")).is_exact


def test_a_tool_without_files_is_held_to_the_output_in_its_own_words() -> None:
    told = Answer(files={WHOLE: frozenset({frozenset({"user_group"})})}, builds=15, wall_s=9)
    marked = mark_whole(case("user-and-group-numbers"), told, frozenset({frozenset({"user_group"})}))
    assert marked.is_exact
    assert counts(marked) == (1, 0, 0)


def test_a_score_has_what_cases_cost() -> None:
    first, second = (Answer(builds=builds, wall_s=builds / 10) for builds in (10, 40))
    total = score([mark(case("home"), first), mark(case("umask"), second)])
    assert (total.builds_max, total.builds_mean, total.wall_mean_s) == (40, 25, 2.5)
