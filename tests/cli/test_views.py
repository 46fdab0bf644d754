"""Views: what they make of a stream of events, without a terminal."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hermetica.cli.console import Console, Paint
from hermetica.cli.views.forecast import Forecast
from hermetica.cli.views.frame import Look, columns, fit, frame
from hermetica.cli.views.lines import Lines
from hermetica.cli.views.plain import PlainView
from hermetica.cli.views.state import Progress
from hermetica.cli.views.words import again, clock, seconds, size, summary, to_do
from hermetica.errors import HermeticaError
from hermetica.realize.events import (
    DerivationFinished,
    DerivationPlanned,
    DerivationStarted,
    FetchProgress,
    LogText,
    RebuildStarted,
    RunFinished,
    RunStarted,
)
from hermetica.realize.outcome import Outcome
from hermetica.realize.plan import Work

PLAIN = Paint(enabled=False)
BEGUN = RunStarted(time_s=100.0, total=5, to_build=4, to_fetch=1, fetch_bytes=3_000_000, reused=2)


def a_run() -> Progress:
    progress = Progress()
    for event in (
        BEGUN,
        DerivationStarted(time_s=100.0, drv="a", name="zlib-1.3.1", origin=None, work=Work.BUILD),
        DerivationStarted(time_s=101.0, drv="b", name="lua.tar.gz", origin=None, work=Work.FETCH),
        DerivationStarted(time_s=101.0, drv="c", name="bad", origin=None, work=Work.BUILD),
        LogText(time_s=102.0, drv="a", name="zlib-1.3.1", text="checking for gcc...\n\x1b[1mcc\x1b[0m -c a.c\n"),
        FetchProgress(time_s=103.0, drv="b", name="lua.tar.gz", done_bytes=1_260_000, total_bytes=3_000_000),
        DerivationFinished(
            time_s=104.0,
            drv="c",
            name="bad",
            outcome=Outcome.FAILED,
            outputs={},
            duration_s=3.0,
            error=HermeticaError("bad: it ended with 1"),
        ),
    ):
        progress.take(event)
    return progress


def planned(drv: str, *inputs: str, expected_s: float | None = None) -> DerivationPlanned:
    return DerivationPlanned(
        time_s=100.0,
        drv=drv,
        name=f"n{drv}",
        origin=None,
        work=Work.BUILD,
        why="",
        inputs=inputs,
        expected_s=expected_s,
    )


def test_the_frame_shows_what_runs_what_waits_and_what_failed() -> None:
    assert frame(a_run(), 107.0, 80, 24, PLAIN) == [
        "0:07  0 of 5 done · 2 running · 2 waiting · 1 failed",
        " ✗ bad  HM000 it ended with 1",
        " ├ zlib-1.3.1                      0:07  cc -c a.c",
        " └ fetch lua.tar.gz                0:06   42%  1.3 MB of 3.0 MB",
    ]


def test_a_build_that_is_repeated_says_which_one_runs() -> None:
    progress = a_run()
    event = RebuildStarted(time_s=105.0, drv="a", name="zlib-1.3.1", number=2, total=3, against="round 1")
    progress.take(event)
    assert frame(progress, 107.0, 80, 24, PLAIN)[2] == " ├ 2/3 zlib-1.3.1                  0:07  cc -c a.c"
    assert again(event, PLAIN) == "again     zlib-1.3.1  2 of 3, to be compared with round 1"


LOOKS = st.builds(
    Look,
    selected=st.sampled_from(["", "0", "7", "39", "gone"]),
    follows=st.booleans(),
    waits=st.booleans(),
    helps=st.booleans(),
    has_keys=st.booleans(),
)


@given(st.integers(1, 200), st.integers(1, 60), st.lists(st.text(max_size=300), max_size=40), LOOKS)
def test_the_frame_never_leaves_the_terminal(width: int, height: int, names: list[str], look: Look) -> None:
    progress = Progress(total=len(names) + 1, started_s=0.0)
    for number in range(60):
        progress.take(planned(str(number), *([str(number - 1)] if number else []), expected_s=100.0 * number))
    for index, name in enumerate(names):
        progress.take(
            DerivationStarted(time_s=0.0, drv=str(index), name="n" * (index * 7), origin=None, work=Work.BUILD)
        )
        progress.take(LogText(time_s=0.0, drv=str(index), name="n", text=name))
    lines = frame(progress, 10_000.0, width, height, PLAIN, look)
    assert len(lines) < max(height, 4)
    assert all(columns(line) < max(width, 2) for line in lines)


@given(st.text(), st.integers(0, 80))
def test_what_is_fitted_fits(text: str, width: int) -> None:
    assert columns(fit(text, width)) <= width
    assert columns(text) > width or fit(text, width) == text


def scrolled(*, verbose: bool = False) -> list[str]:
    """What scrolls by of a fetch of a moment, one of three seconds, a quick build and a quick failure."""
    view = PlainView(Console(color="never"), verbose=verbose)
    lines: list[str] = []
    for name, work, duration_s, outcome in (
        ("quick.deb", Work.FETCH, 0.2, Outcome.BUILT),
        ("slow.deb", Work.FETCH, 3.0, Outcome.BUILT),
        ("step", Work.BUILD, 0.1, Outcome.BUILT),
        ("lost.deb", Work.FETCH, 0.1, Outcome.FAILED),
    ):
        started = DerivationStarted(time_s=0.0, drv=name, name=name, origin=None, work=work)
        finished = DerivationFinished(
            time_s=9.0, drv=name, name=name, outcome=outcome, outputs={}, duration_s=duration_s
        )
        lines += [line.split()[1] for event in (started, finished) for line in view.lines_of(event)]
    return lines


def test_what_was_fetched_within_a_moment_has_no_line_of_its_own() -> None:
    assert scrolled() == ["slow.deb", "step", "lost.deb"]
    assert scrolled(verbose=True) == ["quick.deb", "slow.deb", "step", "lost.deb"]


def test_nothing_is_left_of_the_frame_when_the_run_is_over() -> None:
    progress = a_run()
    progress.take(RunFinished(time_s=110.0, counts={}, duration_s=10.0))
    assert frame(progress, 110.0, 80, 24, PLAIN) == []


@given(st.lists(st.text(alphabet="ab\n", max_size=5)))
def test_pieces_of_a_log_come_out_as_its_lines(pieces: list[str]) -> None:
    lines = Lines()
    shown = [line for piece in pieces for line in lines.take("k", piece)] + lines.finish("k")
    assert "\n".join(shown) == "".join(pieces).removesuffix("\n")


def test_speakers_are_not_mixed_up() -> None:
    lines = Lines()
    assert lines.take("a", "one ") == []
    assert lines.take("b", "two\n") == ["two"]
    assert lines.take("a", "three\n") == ["one three"]


def test_a_run_in_words() -> None:
    assert to_do(BEGUN) == "to do: 4 builds, 1 fetch (3.0 MB); 2 reused"
    counts = {"built": 3, "failed": 1, "dependency-failed": 2, "cached": 4}
    ended = RunFinished(time_s=0.0, counts=counts, duration_s=75.0)
    assert summary(ended) == "3 built, 1 failed, 4 reused, 2 not tried because an input failed in 1:15 min"
    assert (
        summary(ended, 2) == "1 built, 2 fetched, 1 failed, 4 reused, 2 not tried because an input failed in 1:15 min"
    )
    assert summary(RunFinished(time_s=0.0, counts={"built": 2}, duration_s=1.0), 2) == "2 fetched in 1.0 s"
    assert [size(999), size(1500), size(2e9)] == ["999 B", "1.5 kB", "2.0 GB"]
    assert [clock(7), clock(3723), seconds(0.25)] == ["0:07", "1:02:03", "0.2 s"]


def test_the_log_of_what_is_selected_is_below_it_and_what_waits_says_for_what() -> None:
    progress = a_run()
    for event in (planned("a", expected_s=20.0), planned("d", "a", "b", expected_s=30.0), planned("e", "d")):
        progress.take(event)
    shown = frame(progress, 107.0, 80, 24, PLAIN, Look(selected="a", follows=True, waits=True, has_keys=True))
    assert shown == [
        "0:07  0 of 5 done · 2 running · 2 waiting · 1 failed · ? keys",
        " ✗ bad  HM000 it ended with 1",
        ">├ zlib-1.3.1                      0:07  cc -c a.c",
        " │ checking for gcc...",
        " │ cc -c a.c",
        " └ fetch lua.tar.gz                0:06   42%  1.3 MB of 3.0 MB",
        " ◆ longest  na → nd → ne",
        "   waiting  nd  for na",
        "   waiting  ne  for nd",
    ]


def test_a_narrow_head_leaves_out_what_is_needed_least() -> None:
    heads = [frame(a_run(), 107.0, width, 24, PLAIN)[0] for width in (60, 40, 34, 22)]
    assert heads == [
        "0:07  0 of 5 done · 2 running · 2 waiting · 1 failed",
        "0:07  0 of 5 done · 1 failed",
        "0:07  0 of 5 done · 1 failed",
        "0:07  0 of 5 done",
    ]


def test_what_needs_what_failed_waits_no_more() -> None:
    progress = Progress()
    for event in (
        BEGUN,
        *(planned("a"), planned("b", "a"), planned("c", "b"), planned("d"), planned("e")),
        DerivationFinished(time_s=1.0, drv="a", name="a", outcome=Outcome.FAILED, outputs={}, duration_s=1.0),
    ):
        progress.take(event)
    assert (progress.waiting, len(progress.forecast.doomed)) == (2, 2)
    assert "1 failed · 2 not tried" in frame(progress, 101.0, 80, 24, PLAIN)[0]
    skipped = DerivationFinished(
        time_s=1.0, drv="b", name="b", outcome=Outcome.DEPENDENCY_FAILED, outputs={}, duration_s=0.0
    )
    progress.take(skipped)
    assert "1 failed · 2 not tried" in frame(progress, 101.0, 80, 24, PLAIN)[0]


GRAPHS = st.lists(st.tuples(st.floats(0.5, 50), st.sets(st.integers(0, 11), max_size=3)), min_size=3, max_size=12)


@given(GRAPHS, st.integers(1, 4))
def test_a_run_that_goes_as_forecast_takes_no_less(graph: list[tuple[float, set[int]]], jobs: int) -> None:
    """Played through by whoever is free, what is forecast at the beginning is never more than what it takes."""
    forecast = Forecast()
    forecast.jobs = jobs
    for number, (cost_s, inputs) in enumerate(graph):
        forecast.plan(planned(str(number), *(str(each) for each in inputs if each < number), expected_s=cost_s))
    said_s = forecast.left_s([])
    ends: dict[int, float] = {}
    free = [0.0] * jobs
    for number, (cost_s, inputs) in enumerate(graph):
        worker = min(range(jobs), key=free.__getitem__)
        begins_s = max([free[worker], *(ends[each] for each in inputs if each < number)])
        free[worker] = ends[number] = begins_s + cost_s
    assert said_s is not None
    assert said_s <= max(ends.values()) + 1e-6
    chain = forecast.chain(["0"])
    assert all(one in forecast.planned[other].inputs for one, other in pairwise(chain))


def test_nothing_is_forecast_before_enough_is_known_and_guesses_come_from_what_ended() -> None:
    forecast = Forecast()
    for number in range(8):
        forecast.plan(planned(str(number)))
    for number in range(3):
        assert forecast.left_s([]) is None
        forecast.finish(str(number), 4.0)
    assert forecast.left_s([]) == 20.0
    forecast.jobs = 4
    assert forecast.left_s([("3", 1.0)]) == 19.0 / 4
    assert forecast.left_s([("3", 100.0)]) == 4.0
