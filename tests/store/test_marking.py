"""What a collection may take, held to an oracle that is too slow and too simple to be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from hermetica_store.marking import Facts, Limits, alive, condemned, referrers_first

if TYPE_CHECKING:
    from collections.abc import Mapping


@st.composite
def graphs(draw: st.DrawFn) -> dict[bytes, Facts]:
    """Objects that refer to earlier ones and perhaps to themselves."""
    names = [b"%02d" % number for number in range(draw(st.integers(0, 12)))]
    objects: dict[bytes, Facts] = {}
    for number, name in enumerate(names):
        references = draw(st.sets(st.sampled_from(names[: number + 1])))
        objects[name] = Facts(
            size_bytes=draw(st.integers(0, 100)), used_ms=draw(st.integers(0, 20)), references=tuple(sorted(references))
        )
    shuffled = draw(st.permutations(names))
    return {name: objects[name] for name in shuffled}


def reaches(objects: Mapping[bytes, Facts], start: bytes, goal: bytes) -> bool:
    """Whether there is a path, by trying them all."""
    return start == goal or any(reaches(objects, each, goal) for each in objects[start].references if each != start)


@given(graphs(), st.data())
def test_alive_is_what_some_start_reaches(objects: dict[bytes, Facts], data: st.DataObject) -> None:
    starts = data.draw(st.sets(st.sampled_from([*objects, b"absent"])))
    expected = {goal for goal in objects if any(reaches(objects, start, goal) for start in starts if start in objects)}
    assert alive(starts, objects) == expected


@given(graphs(), graphs())
def test_what_things_were_built_from_is_alive_where_that_is_asked_for(
    objects: dict[bytes, Facts], others: dict[bytes, Facts]
) -> None:
    built_from = {base: others[base].references for base in others}
    both = {
        base: Facts(size_bytes=0, used_ms=0, references=(*facts.references, *built_from.get(base, ())))
        for base, facts in objects.items()
    }
    starts = sorted(objects)[:2]
    assert alive(starts, objects, built_from) == alive(starts, both) >= alive(starts, objects)


@given(graphs(), st.integers(0, 300))
def test_no_more_is_freed_than_it_takes(objects: dict[bytes, Facts], wanted_bytes: int) -> None:
    chosen = condemned(objects, (), Limits(max_freed_bytes=wanted_bytes))
    sizes = [objects[base].size_bytes for base in chosen]
    assert sum(sizes[:-1]) < wanted_bytes or not chosen
    assert sum(sizes) >= wanted_bytes or len(chosen) == len(objects)
    assert chosen == condemned(objects, (), Limits())[: len(chosen)]


@given(graphs())
def test_referrers_go_first_and_everything_goes(objects: dict[bytes, Facts]) -> None:
    order = referrers_first(objects)
    assert sorted(order) == sorted(objects)
    place = {base: number for number, base in enumerate(order)}
    for base, facts in objects.items():
        assert all(place[base] <= place[reference] for reference in facts.references)


@given(graphs(), st.data())
def test_what_is_condemned_is_dead_and_leaves_no_reference_behind(
    objects: dict[bytes, Facts], data: st.DataObject
) -> None:
    living = alive(data.draw(st.sets(st.sampled_from([*objects, b"absent"]))), objects)
    limits = Limits(
        max_bytes=data.draw(st.none() | st.integers(0, 800)),
        unused_since_ms=data.draw(st.none() | st.integers(0, 21)),
    )
    chosen = condemned(objects, living, limits)
    assert len(set(chosen)) == len(chosen)
    assert not set(chosen) & living
    left = set(objects)
    for base in chosen:
        left.remove(base)
        assert not any(base in objects[other].references for other in left)


@given(graphs(), st.data())
def test_without_limits_everything_dead_goes(objects: dict[bytes, Facts], data: st.DataObject) -> None:
    living = alive(data.draw(st.sets(st.sampled_from([*objects, b"absent"]))), objects)
    assert set(condemned(objects, living, Limits())) == set(objects) - living


@given(graphs(), st.integers(0, 800))
def test_a_size_limit_takes_no_more_than_it_must(objects: dict[bytes, Facts], max_bytes: int) -> None:
    chosen = condemned(objects, (), Limits(max_bytes=max_bytes))
    left = sum(facts.size_bytes for base, facts in objects.items() if base not in chosen)
    assert left <= max_bytes
    if chosen:
        assert left + objects[chosen[-1]].size_bytes > max_bytes


@given(graphs(), st.integers(0, 21))
def test_an_age_limit_spares_what_was_used_and_what_that_refers_to(objects: dict[bytes, Facts], since_ms: int) -> None:
    chosen = set(condemned(objects, (), Limits(unused_since_ms=since_ms)))
    recent = {base for base, facts in objects.items() if facts.used_ms >= since_ms}
    assert chosen == set(objects) - alive(recent, objects)


@given(graphs())
def test_the_least_recently_used_go_first(objects: dict[bytes, Facts]) -> None:
    def used(base: bytes) -> int:
        return max(facts.used_ms for other, facts in objects.items() if reaches(objects, other, base))

    chosen = condemned(objects, (), Limits())
    assert [used(base) for base in chosen] == sorted(used(base) for base in chosen)
