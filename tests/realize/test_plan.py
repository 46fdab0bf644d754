"""The plan, held to a naive oracle on random graphs: what is there is used, and nothing below it matters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hermetica.model as hm
from hermetica.model import Derivation, derivation, evaluation
from hermetica.realize.plan import Work, make_plan, work_of
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermetica_store.digest import Digest

Key = tuple["Digest", str]
PATH = StorePath(f"hx{'1' * 30}", "x")


class Known:
    """A store that has the outputs in ``present``, and remembers what it was asked."""

    def __init__(self, present: set[Key]) -> None:
        self.present = present
        self.asked: list[Key] = []

    def look_up(self, keys: Sequence[Key]) -> list[StorePath | None]:
        self.asked += keys
        return [PATH if key in self.present else None for key in keys]


@pytest.fixture(autouse=True)
def scope() -> Iterator[None]:
    with evaluation():
        yield


def key(each: Derivation, output: str = "out") -> Key:
    return each.input_id, output


@st.composite
def graphs(draw: st.DrawFn) -> list[Derivation]:
    made: list[Derivation] = []
    for index in range(draw(st.integers(1, 10))):
        used = draw(st.lists(st.sampled_from([(d, o) for d in made for o in d.outputs]), max_size=4)) if made else []
        outputs = draw(st.sampled_from([("out",), ("out", "dev")]))
        text = " ".join(each.placeholder(output) for each, output in used)
        made.append(derivation(name=f"d{index}", builder="/bin/sh", args=[text], outputs=outputs))
    return made


def oracle(roots: list[Derivation], present: set[Key]) -> tuple[set[Digest], set[Key], set[Key]]:
    """The derivations to make, the outputs to reuse, and all outputs looked at; by recursion, as one would say it."""
    make: set[Digest] = set()
    reuse: set[Key] = set()
    seen: set[Key] = set()

    def need(each: Derivation, output: str) -> None:
        seen.add(key(each, output))
        if key(each, output) in present:
            reuse.add(key(each, output))
            return
        make.add(each.id)
        for token, used in each.inputs.derivations:
            need(used, token.output)

    for root in roots:
        for output in root.outputs:
            need(root, output)
    return make, reuse, seen


@given(st.data())
@settings(deadline=None)
def test_a_plan_is_what_a_naive_oracle_says(data: st.DataObject) -> None:
    with evaluation():
        graph = data.draw(graphs())
        roots = data.draw(st.lists(st.sampled_from(graph), max_size=4))
        keys = [key(each, output) for each in graph for output in each.outputs]
        store = Known(data.draw(st.sets(st.sampled_from(keys))))
        plan = make_plan(roots, store.look_up)
    make, reuse, seen = oracle(roots, store.present)
    order = [step.derivation.id for step in plan.steps]
    assert set(order) == make
    assert len(order) == len(make)
    assert set(plan.reused) == reuse
    assert len(store.asked) == len(set(store.asked))
    assert set(store.asked) == seen  # nothing below what is there is looked at
    place = {each: index for index, each in enumerate(order)}
    for step in plan.steps:
        assert all(
            place[used.id] < place[step.derivation.id]
            for _, used in step.derivation.inputs.derivations
            if used.id in place
        )


def make(name: str, *used: str, outputs: tuple[str, ...] = ("out",)) -> Derivation:
    return derivation(name=name, builder="/bin/sh", args=used, outputs=outputs)


def why(roots: list[Derivation], *present: Key) -> dict[str, str]:
    plan = make_plan(roots, Known(set(present)).look_up)
    return {step.derivation.name: step.why for step in plan.steps}


def test_each_step_says_why_it_is_there() -> None:
    zlib = make("zlib")
    app = make("app", f"{zlib}")
    assert why([app]) == {
        "zlib": "nothing with these inputs is in the store",
        "app": "its input zlib is not there yet; once it is, equal content would be reused",
    }
    assert why([app], key(zlib)) == {"app": "nothing with these inputs is in the store"}
    assert why([app], key(app)) == {}


def test_a_lost_output_is_named_and_one_that_nobody_wants_is_not() -> None:
    zlib = make("zlib", outputs=("doc", "out", "dev"))
    app = make("app", f"{zlib:out} {zlib:dev}")
    assert why([app], key(zlib, "out"))["zlib"] == "its output dev is not in the store"


def test_only_the_wanted_output_of_an_input_must_be_there() -> None:
    zlib = make("zlib", outputs=("out", "dev"))
    plan = make_plan([make("app", f"{zlib:dev}")], Known({key(zlib, "dev")}).look_up)
    assert [step.derivation.name for step in plan.steps] == ["app"]
    assert list(plan.reused) == [key(zlib, "dev")]


@pytest.mark.parametrize("swap", [False, True])
def test_of_two_recipes_for_one_content_one_is_made_and_before_all_that_use_it(swap: bool) -> None:  # noqa: FBT001 -- a parameter
    first, second = (hm.fetchurl(f"https://{host}/a.tar", sha256="0" * 64) for host in ("a", "b"))
    app = make("app", f"{first}")
    roots = [app, second, first] if swap else [second, app]
    plan = make_plan(roots, Known(set()).look_up)
    assert [step.derivation.name for step in plan.steps] == ["a.tar", "app"]


def test_kinds_of_work_are_told_apart_and_fetches_weighed() -> None:
    archive = hm.fetchurl("https://a/a.tar", sha256="0" * 64, size_bytes=1000)
    other = hm.fetchurl("https://a/b.tar", sha256="1" * 64)
    app = make("app", f"{hm.unpack(archive)}", f"{other}")
    plan = make_plan([app], Known(set()).look_up)
    assert {kind: len(plan.of(kind)) for kind in Work} == {Work.BUILD: 1, Work.BUILTIN: 1, Work.FETCH: 2}
    assert plan.fetch_bytes == 1000
    assert work_of(app) is Work.BUILD


def test_the_json_of_a_plan_is_json() -> None:
    plan = make_plan(
        [make("app", str(hm.fetchurl("https://a/a.tar", sha256="0" * 64, size_bytes=7)))], Known(set()).look_up
    )
    form = json.loads(json.dumps(plan.to_json()))
    assert form["format"] == "hermetica.plan/1"
    assert [(step["name"], step["work"], step["size_bytes"]) for step in form["steps"]] == [
        ("a.tar", "fetch", 7),
        ("app", "build", None),
    ]
    assert all(step["origin"].startswith(__file__) for step in form["steps"])


def test_a_chain_of_ten_thousand_is_planned() -> None:
    last = make("d0")
    for index in range(1, 10_000):
        last = make(f"d{index}", f"{last}")
    plan = make_plan([last], Known(set()).look_up)
    assert [step.derivation.name for step in plan.steps] == [f"d{index}" for index in range(10_000)]
