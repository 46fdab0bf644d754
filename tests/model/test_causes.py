"""Why a derivation is another than it was: down to what was changed, and how much follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

import hermetica.model as hm
from hermetica.model import Derivation, Source, derivation, evaluation
from hermetica.model.causes import count_dependants, find_causes
from hermetica.model.difference import Declared
from hermetica.model.placeholder import digest_text
from hermetica_store.digest import Digest
from hermetica_store.path import store_path

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from hermetica.model.causes import Cause

DEEP = 3000


def make(name: str, **env: object) -> Derivation:
    return derivation(name=name, builder="/bin/sh", env={key: str(value) for key, value in env.items()})


def kept(*roots: Derivation) -> Callable[[Sequence[str]], Mapping[str, Declared]]:
    """What a store would know that has realized these."""
    known = {digest_text(each.input_id): Declared.of(each) for each in hm.closure(roots)}
    return lambda tokens: {token: known[token] for token in tokens if token in known}


def causes(before: Derivation, after: Derivation) -> list[Cause]:
    return find_causes(Declared.of(before), Declared.of(after), kept(before), kept(after))


def told(found: Sequence[Cause]) -> list[tuple[str, list[str], list[str]]]:
    return [
        (each.derivation.name, [change.field for change in each.fields], [step.name for step in each.path])
        for each in found
    ]


def chain(flags: str, length: int) -> Derivation:
    last = make("d0", CFLAGS=flags)
    for index in range(1, length):
        last = make(f"d{index}", below=last)
    return last


def test_a_change_far_below_is_found_and_with_it_the_way_to_it() -> None:
    found = causes(chain("-O2", 4), chain("-O3", 4))
    assert told(found) == [("d0", ["env.CFLAGS"], ["d3", "d2", "d1", "d0"])]
    assert (found[0].fields[0].before, found[0].fields[0].after) == ('"-O2"', '"-O3"')


def test_depth_costs_no_recursion() -> None:
    assert len(causes(chain("-O2", DEEP), chain("-O3", DEEP))[0].path) == DEEP


def test_what_several_use_is_told_once_and_by_the_shortest_way() -> None:
    def top(flags: str) -> Derivation:
        low = make("low", CFLAGS=flags)
        middle = make("middle", low=low)
        return make("top", middle=middle, low=low)

    assert told(causes(top("-O2"), top("-O3"))) == [("low", ["env.CFLAGS"], ["top", "low"])]


def test_changes_in_several_places_are_all_told_nearest_first() -> None:
    def top(number: int) -> Derivation:
        return make("top", own=number, low=make("low", low=number, lowest=make("lowest", lowest=number)))

    assert [name for name, _, _ in told(causes(top(1), top(2)))] == ["top", "low", "lowest"]


def test_another_version_of_an_input_is_followed_and_another_input_is_a_change_of_its_user() -> None:
    newer = causes(make("app", z=make("zlib-1.3")), make("app", z=make("zlib-1.3.1")))
    assert told(newer) == [("zlib-1.3.1", ["name"], ["app", "zlib-1.3.1"])]
    other = causes(make("app", z=make("zlib-1.3")), make("app", z=make("miniz-3.0", A="1")))
    assert told(other) == [("app", ["env.z"], ["app"])]
    assert (other[0].fields[0].before, other[0].fields[0].after) == ('"${zlib-1.3}"', '"${miniz-3.0}"')


def test_an_input_whose_former_self_is_not_kept_is_named_all_the_same() -> None:
    before, after = make("app", z=make("zlib", A=1)), make("app", z=make("zlib", A=2))
    found = find_causes(Declared.of(before), Declared.of(after), lambda _: {}, kept(after))
    assert told(found) == [("zlib", [], ["app", "zlib"])]
    assert found[0].before is None


def test_sources_are_told_with_where_they_are_used() -> None:
    def src(content: str) -> Source:
        return Source(path=store_path("src", Digest.of(content.encode())), root="/home/me/src")

    def top(content: str) -> Derivation:
        return make("top", low=make("low", files=src(content)))

    (found,) = causes(top("a"), top("b"))
    assert (found.derivation.name, found.fields) == ("low", ())
    assert [(each.place, each.before, each.after) for each in found.sources] == [
        ("env.files", src("a").path, src("b").path)
    ]


def test_a_fixed_output_is_followed_by_what_its_content_must_be() -> None:
    def top(digit: str, url: str) -> Derivation:
        return make("top", src=hm.fetchurl(url, sha256=digit * 64, name="a.tar"))

    assert told(causes(top("1", "https://x.example/a"), top("2", "https://x.example/a"))) == [
        ("a.tar", ["fixed.digest"], ["top", "a.tar"])
    ]
    assert causes(top("1", "https://x.example/a"), top("1", "https://y.example/a")) == []


@given(st.randoms(use_true_random=False), st.integers(1, 20))
def test_dependants_are_those_that_reach_it(pick: random.Random, count: int) -> None:
    with evaluation():
        made: list[Derivation] = []
        for number in range(count):
            used = pick.sample(made, min(len(made), pick.randrange(4)))
            made.append(make(f"d{number}", **{f"i{key}": each for key, each in enumerate(used)}))
        roots = [frozenset(each.id for each in pick.sample(made, pick.randrange(1, 1 + min(3, count)))) for _ in "abc"]

        def reaches(derivation: Derivation, wanted: Any) -> bool:
            below = {each.id for each in hm.closure([derivation])} - {derivation.id}
            return derivation.id not in wanted and bool(below & wanted)

        naive = [sum(reaches(each, wanted) for each in made) for wanted in roots]
        assert count_dependants(hm.closure(made), roots) == naive
