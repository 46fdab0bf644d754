"""Crates, built with the pinned rustc and cargo. Fetches 220 MB, so it runs where HERMETICA_TEST_LONG=1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_derivations import toolchain
from hermetica_derivations.builders import rust
from tests.derivations.closures import in_closure
from tests.derivations.rust_project import ALONE, GREETING, USER, lock, pack, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("HERMETICA_TEST_LONG") != "1", reason="fetches 220 MB; set HERMETICA_TEST_LONG=1"
    ),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[hm.Store]:
    with hm.Store.open(tmp_path_factory.mktemp("rust") / "store") as store:
        yield store


def failing(store: hm.Store, drv: hm.Derivation) -> str:
    """What a builder that fails says at the end."""
    with pytest.raises(hm.HermeticaError) as caught:
        store.realize(drv)
    return str(getattr(caught.value, "log_tail", ""))


def test_a_crate_with_a_dependency_runs_from_its_closure_alone_and_is_the_same_again(
    store: hm.Store, tmp_path: Path
) -> None:
    pin = pack(tmp_path / "greeting-1.0.3.crate", GREETING)
    src = write(tmp_path / "user", USER)
    drv = rust.mk_crate(name="user-0.2.0", src=src, outputs=("out", "check"), cargo_lock=lock(pin), pins=[pin])
    made = store.realize(drv)
    said = in_closure(store, drv, "user").decode()
    assert said == "Hello, 42 of a build script\nunwound\n"
    runtime = store.realize(toolchain.glibc_runtime)["out"]
    assert set(store.objects.closure([made["out"]])) == {made["out"], runtime}
    assert b"/build/" not in (store.objects.on_disk(made["out"]) / "bin/user").read_bytes()
    assert store.objects.on_disk(made["check"]).read_text().splitlines() == [
        "status: 0",
        "ignored nobody_runs_this",
        "ok src/lib.rs - twice (line 4)",
        "ok twice_two_is_four",
    ]
    assert store.realize(drv, check=True).outcome == "reproduced"


def test_a_crate_without_a_lock_needs_none_where_it_needs_no_other(store: hm.Store, tmp_path: Path) -> None:
    drv = rust.mk_crate(name="alone-0.1.0", src=write(tmp_path / "alone", ALONE))
    assert in_closure(store, drv, "alone", "x") == b"alone 2\n"


def test_what_a_build_cannot_do_is_said_in_words(store: hm.Store, tmp_path: Path) -> None:
    pin = pack(tmp_path / "greeting-1.0.3.crate", GREETING)
    locked = write(tmp_path / "locked", {**ALONE, "Cargo.lock": "version = 3\n"})
    other = rust.mk_crate(name="other", src=locked, cargo_lock=lock(pin), pins=[pin])
    assert "The source has another Cargo.lock than the recipe" in failing(store, other)
    library = rust.mk_crate(name="library", src=write(tmp_path / "library", GREETING))
    assert "This crate has no program." in failing(store, library)
    unlocked = rust.mk_crate(name="unlocked", src=write(tmp_path / "unlocked", USER))
    assert "no matching package named `greeting` found" in failing(store, unlocked)
