"""The corpus and a short, seeded campaign over every target: no input breaks a promise."""

from __future__ import annotations

import pytest

from tests.fuzz.corpus import inputs
from tests.fuzz.mutate import campaign
from tests.fuzz.targets import TARGETS

SECONDS = 0.5
every_target = pytest.mark.parametrize("name", TARGETS)


@every_target
def test_every_input_of_the_corpus_keeps_the_promises(name: str) -> None:
    corpus = inputs(name)
    assert corpus
    for data in corpus.values():
        TARGETS[name].check(data)


@every_target
def test_mutations_of_the_corpus_keep_the_promises(name: str) -> None:
    running = campaign(TARGETS[name], list(inputs(name).values()), seed=1)
    found = running.run(seconds=SECONDS)
    assert found is None, f"{found!r}"
    assert running.fed


def test_a_campaign_feeds_the_same_again() -> None:
    fed: list[list[bytes]] = []
    for _ in range(2):
        running = campaign(TARGETS["canonical"], [b"{}", b"[1,2]"], seed=7)
        running.run(seconds=60, inputs_max=50)
        fed.append(running.pool)
    assert fed[0] == fed[1]


def test_a_reader_that_crashes_is_caught() -> None:
    from tests.fuzz.target import Target

    def crash(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError("a defect")

    found = campaign(Target("crash", crash), [b"harmless"], seed=0).run(seconds=30)
    assert found is not None
    assert b"\xff" in found.data
    assert isinstance(found.error, KeyError)
