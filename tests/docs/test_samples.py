"""Every sample of every page does what the page says."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_derivations.interpreter import DEBIAN_PYTHON
from hermetica_derivations.stdenv import mk_derivation
from tests.docs.pages import MARKS, blocks, fits, pages
from tests.docs.session import NO_SAMPLES, Session
from tests.house.code import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.docs.pages import Block

FETCH = os.environ.get("HERMETICA_TEST_FETCH") == "1"


def samples_of(page: Path) -> list[Block]:
    """What of a page is a sample, in order."""
    return [each for each in blocks(page.read_text(encoding="utf-8")) if each.language not in NO_SAMPLES]


PAGES = [page for page in pages(ROOT) if samples_of(page)]
TUTORIAL = [page for page in PAGES if page.parent.name == "tutorial"]
STORIES = [*([page] for page in PAGES if page not in TUTORIAL), TUTORIAL]


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A store with what pages are built with; one for all workers."""
    place = tmp_path_factory.getbasetemp().parent / "docs-tools"

    def of(what: str) -> Path:
        with hm.evaluation():
            probe = mk_derivation(name="probe", src=hm.text("main.c", ""), outputs=("out", "dev"))
        wanted = {"c": [each for _, each in probe.inputs.derivations], "python": [DEBIAN_PYTHON.rootfs]}
        with hm.Store.open(place) as store:
            assert store.realize_all(wanted[what]).ok
        return place

    return of


@pytest.mark.sandbox
@pytest.mark.parametrize("story", STORIES, ids=[story[0].relative_to(ROOT).as_posix() for story in STORIES])
def test_the_samples_of_a_page_run(story: list[Path], tmp_path: Path, tools: Callable[[str], Path]) -> None:
    session = Session.begin(story[0], tmp_path)
    for page in story:  # one page; of the tutorial all, as each goes on with the project of the one before
        session.turn_to(page)
        samples = samples_of(page)
        for words in (each.language.split() for each in samples if each.language.startswith("fetches")):
            if not FETCH:
                pytest.skip("fetches some megabytes; set HERMETICA_TEST_FETCH=1")
            if words[1:]:
                session.environment["HERMETICA_LOWER"] = str(tools(words[1]))
        with hm.evaluation():
            for each in samples:
                session.run(each)
        assert session.ran == [each.line for each in samples]


def every_sample() -> list[tuple[str, Block]]:
    """Each with its place, for messages."""
    return [(f"{page.relative_to(ROOT)}:{each.line}", each) for page in PAGES for each in samples_of(page)]


def test_what_is_not_run_says_why() -> None:
    assert [where for where, each in every_sample() if each.not_run is not None and len(each.not_run.split()) < 4] == []


def test_most_samples_are_run() -> None:
    shown = [each for _, each in every_sample() if not each.hidden]
    assert sum(each.not_run is None for each in shown) > 0.6 * len(shown)


def test_every_mark_is_one_that_means_something() -> None:
    assert [f"{where} {mark}" for where, each in every_sample() for mark in each.marks if not MARKS.match(mark)] == []


def test_every_block_says_its_language_and_no_sample_hides_as_text() -> None:
    every = [(page, each) for page in pages(ROOT) for each in blocks(page.read_text(encoding="utf-8"))]
    hides = re.compile(r"^(\$ |hermetica |import |from \w+ import )", re.MULTILINE)
    assert [f"{page.name}:{each.line}" for page, each in every if not each.language] == []
    assert [
        f"{page.name}:{each.line}" for page, each in every if each.language == "text" and hides.search(each.text)
    ] == []


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ("```python\nassert 1 == 2\n```\n", "page.md:1: AssertionError"),
        ("```python\n# pkgs.py\nimport nowhere\n```\n", "No module named 'nowhere'"),
        (
            "```python\n# pkgs.py\nx = 1\n```\n\n```console\n$ hermetica ls ./other.py\n```\n",
            "page.md:7: $ hermetica ls",
        ),
        ("```console\n$ echo one; echo two\none\n```\n", "it printed\none\ntwo"),
        ("```console\n$ echo one\none\nand …\n```\n", "the page shows"),
        ("```console\n$ true\nerror[HM220] …\n```\n", "exit status 0"),
        ("<!-- sample: status 3 -->\n```console\n$ exit 2\n```\n", "exit status 2"),
        ("<!-- sample: not run: because it is long -->\n```console\n$ hermetica bild x\n```\n", "bild does not exist"),
        ("<!-- sample: not run: because it is long -->\n```python\nx = = 1\n```\n", "SyntaxError"),
        ("```toml\nx = \n```\n", "TOMLDecodeError"),
        ("```cobol\nx\n```\n", "nothing here runs 'cobol'"),
        ("```console\necho\n```\n", "begins with a command"),
    ],
)
def test_a_sample_that_is_wrong_fails_with_its_line(sample: str, said: str, tmp_path: Path) -> None:
    session = Session.begin(tmp_path / "page.md", tmp_path)
    samples = list(blocks(sample))
    with hm.evaluation():
        for each in samples[:-1]:
            session.run(each)
        with pytest.raises((AssertionError, pytest.fail.Exception), match=re.escape(said)):
            session.run(samples[-1])


def test_what_a_page_shows_may_leave_things_out() -> None:
    assert fits(("a … z", "...", "end"), "a b z\n1\n2\nend\n")
    assert fits(("…", "end"), "end\n")
    assert not fits(("a … z",), "a b\nc z\n")
    assert not fits(("one",), "")
