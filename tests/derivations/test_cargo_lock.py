"""The crates that ``Cargo.lock`` names, as values, and the pins that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica_derivations.builders.cargo_lock import (
    CargoLockError,
    Crate,
    CrateMismatch,
    MissingCrate,
    parse_cargo_lock,
    pinned,
)
from hermetica_derivations.builders.rust import mk_crate

if TYPE_CHECKING:
    from collections.abc import Callable

A, B = "a" * 64, "b" * 64


def entry(name: str, version: str, checksum: str = "", source: str = "registry+https://index.test/") -> str:
    lines = [f'name = "{name}"', f'version = "{version}"']
    lines += [f'source = "{source}"'] if source else []
    lines += [f'checksum = "{checksum}"'] if checksum else []
    return "\n".join(["[[package]]", *lines, ""])


def lock(*entries: str, version: object = 3) -> str:
    return "\n".join([f"version = {version}", *entries])


def pin(name: str, version: str, checksum: str = A, kind: str = "crate") -> hm.Pin:
    return hm.Pin(
        kind=kind,
        name=name,
        version=version,
        algorithm="sha256",
        hash=checksum,
        addresses=(f"mirror://crates/{name}/{name}-{version}.crate",),
    )


def test_crates_of_a_registry_are_named_ascending_and_members_of_the_workspace_are_not() -> None:
    text = lock(entry("me", "0.1.0", source=""), entry("b", "2.0.0", B), entry("a", "1.0.0", A), entry("a", "0.9.0", B))
    assert parse_cargo_lock(text, "lock", newest=3) == (
        Crate(name="a", version="0.9.0", checksum=B),
        Crate(name="a", version="1.0.0", checksum=A),
        Crate(name="b", version="2.0.0", checksum=B),
    )


def test_a_crate_of_a_sparse_index_is_one_too() -> None:
    text = lock(entry("a", "1.0.0+build.1", A, source="sparse+https://index.test/"))
    assert [each.directory for each in parse_cargo_lock(text, "lock", newest=3)] == ["a-1.0.0+build.1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "lock is no TOML"),
        (lock(version=4), "lock has version 4, and the cargo that builds reads those up to 3"),
        (lock(version='"x"'), "lock has version 'x'"),
        ("package = 3", "package is no list"),
        ("package = [3]", "a package is no table"),
        (lock(entry("../a", "1.0.0", A)), "no name that could be one: '../a'"),
        (lock(entry("a", "1.0.0 /etc", A)), "no version that could be one"),
        (lock(entry("a", "1.0.0")), "a 1.0.0 has no checksum"),
        (lock(entry("a", "1.0.0", "A" * 64)), "a 1.0.0 has no checksum"),
        (lock(entry("a", "1.0.0", source="git+https://r.test/a#1")), r"comes from git\+https://r.test/a#1"),
    ],
)
def test_a_lock_that_cannot_be_built_from_is_refused(text: str, says: str) -> None:
    with pytest.raises(CargoLockError, match=says):
        parse_cargo_lock(text, "lock", newest=3)


def test_a_later_cargo_reads_later_locks() -> None:
    assert parse_cargo_lock(lock(entry("a", "1.0.0", A), version=4), "lock", newest=4)[0].name == "a"


def test_each_crate_gets_the_pin_of_its_version_and_others_are_passed_over() -> None:
    crates = parse_cargo_lock(lock(entry("a", "1.0.0", A), entry("a", "2.0.0", B)), "lock", newest=3)
    pins = [pin("a", "2.0.0", B), pin("a", "1.0.0"), pin("z", "1.0.0"), pin("a", "1.0.0", B, kind="url")]
    assert [(crate.version, found.hash) for crate, found in pinned(crates, pins, "lock")] == [
        ("1.0.0", A),
        ("2.0.0", B),
    ]


def in_words(raising: Callable[[], object], kind: type[hm.HermeticaError]) -> hm.HermeticaError:
    with pytest.raises(kind) as caught:
        raising()
    return caught.value


def test_crates_without_a_pin_are_all_named_before_anything_is_built() -> None:
    text = lock(entry("a", "1.0.0", A), entry("b", "2.0.0", B), entry("c", "3.0.0", B))
    pins = [pin("a", "1.0.0"), pin("b", "1.9.0", B)]
    error = in_words(lambda: mk_crate(name="x", src=hm.text("x", ""), cargo_lock=text, pins=pins), MissingCrate)
    assert str(error).startswith("x: Cargo.lock names 2 crates that no pin has")
    assert error.details == (("b", "2.0.0"), ("c", "3.0.0"))


def test_a_pin_with_other_content_than_the_lock_says_is_refused() -> None:
    crates = parse_cargo_lock(lock(entry("a", "1.0.0", A)), "lock", newest=3)
    error = in_words(lambda: pinned(crates, [pin("a", "1.0.0", B)], "lock"), CrateMismatch)
    assert error.details == (("lock", f"sha256 {A}"), ("pin", f"sha256 {B}"))


def test_the_builder_is_told_where_each_crate_lies_and_what_its_archive_is() -> None:
    text = lock(entry("a", "1.0.0", A), entry("b", "2.0.0", B))
    made = mk_crate(name="x", src=hm.text("x", ""), cargo_lock=text, pins=[pin("a", "1.0.0"), pin("b", "2.0.0", B)])
    told = [line.split()[:2] for line in made.env["crates"].splitlines()]
    assert told == [["a-1.0.0", A], ["b-2.0.0", B]]
    assert mk_crate(name="x", src=hm.text("x", "")).env["crates"] == ""


def test_a_crate_as_registries_have_it_is_unpacked_first() -> None:
    packed = pin("a", "1.0.0").fetch()
    assert mk_crate(name="a-1.0.0", src=packed).env["src"] == str(hm.unpack(packed, name="a-1.0.0"))
