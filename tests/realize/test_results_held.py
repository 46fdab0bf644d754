"""What a run gives back stays while the caller holds it, and a collection beside the run breaks nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize import RunFinished
from tests.behaviours.conftest import TOOLS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sandbox


def greeting() -> hm.Derivation:
    shell = hm.source(TOOLS, name="busybox")
    return hm.derivation(name="greeting", builder=f"{shell}/bin/sh", args=("-euc", "echo hello > $out"))


def collect_at_the_end(store: hm.Store, event: hm.Event) -> None:
    if isinstance(event, RunFinished):
        store.objects.collect()


@pytest.mark.parametrize("times", [1, 2])
def test_a_result_stays_for_the_lease_of_the_caller(tmp_path: Path, times: int) -> None:
    with hm.evaluation(), hm.Store.open(tmp_path / "store-root") as store:
        with store.objects.lease() as lease:
            result = [store.realize(greeting(), lease=lease) for _ in range(times)][-1]
            store.objects.collect()
            assert store.on_disk(result.out).read_text() == "hello\n"
        store.objects.collect()
        assert not store.objects.has(result.out)


def test_a_result_that_is_collected_at_once_is_a_result_still(tmp_path: Path) -> None:
    with hm.evaluation(), hm.Store.open(tmp_path / "store-root") as store:
        for _ in range(2):
            result = store.realize(greeting(), on_event=lambda event: collect_at_the_end(store, event))
            assert result.references == ()
            assert not store.objects.has(result.out)
