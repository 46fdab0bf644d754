"""Size: deep chains, large attributes, many dependants; and ids that no surroundings change."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import hermetica.model as hm
from hermetica.model import Derivation, derivation, evaluation

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica.model.canonical import Json

DEEP = 10_000


def chain(length: int) -> Derivation:
    last = derivation(name="d0", builder="/bin/sh")
    for index in range(1, length):
        last = derivation(name=f"d{index}", builder="/bin/sh", args=[f"{last}"])
    return last


def test_a_chain_of_ten_thousand_evaluates_closes_over_and_comes_back_from_a_pickle() -> None:
    top = chain(DEEP)
    order = hm.closure([top])
    assert [each.name for each in order] == [f"d{index}" for index in range(DEEP)]
    data = pickle.dumps(top)
    with evaluation():
        assert pickle.loads(data).id == top.id  # noqa: S301 -- our own
    assert top.id == chain(DEEP).id


def test_a_closure_visits_a_lattice_once() -> None:
    layer = [derivation(name=f"a{index}", builder="/bin/sh") for index in range(8)]
    for depth in range(30):
        layer = [
            derivation(name=f"b{depth}-{index}", builder="/bin/sh", args=[" ".join(map(str, layer))])
            for index in range(8)
        ]
    order = hm.closure(layer)
    assert len(order) == len(set(order)) == 31 * 8
    place = {each: index for index, each in enumerate(order)}
    assert all(place[used] < place[each] for each in order for _, used in each.inputs.derivations)


def test_a_build_graph_lists_a_closure_with_its_placeholders() -> None:
    zlib = derivation(name="zlib", builder="/bin/sh", outputs=("out", "dev"))
    app = derivation(name="app", builder="/bin/sh", args=[f"{zlib:dev}"])
    rows = json.loads(hm.build_graph(app))
    assert rows == [
        {"name": "zlib", "outputs": {"out": f"{zlib}", "dev": f"{zlib:dev}"}, "inputs": []},
        {"name": "app", "outputs": {"out": f"{app}"}, "inputs": [f"{zlib:dev}"]},
    ]
    graph = hm.text("graph.json", hm.build_graph(app))
    assert {each for _, each in graph.inputs.derivations} == {zlib, app}


@pytest.mark.parametrize("nested", [False, True])
def test_an_attribute_of_a_megabyte_is_one_like_any_other(nested: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    text = "0123456789abcdé\n" * (1 << 16)
    zlib = derivation(name="zlib", builder="/bin/sh")

    def make(value: str) -> Derivation:
        fields: dict[str, Any] = {"structured": {"a": [value]}} if nested else {"env": {"A": value}}
        return derivation(name="big", builder="/bin/sh", **fields)

    assert make(f"{text}{zlib}").id == make(f"{text}{zlib}").id
    assert make(f"{text}{zlib}").id != make(f"{text}{zlib} ").id
    assert [each for _, each in make(f"{text}{zlib}").inputs.derivations] == [zlib]


def test_attributes_nested_ten_thousand_deep_are_refused_and_a_hundred_are_not() -> None:
    def nested(depth: int) -> dict[str, Json]:
        value: dict[str, Json] = {}
        for _ in range(depth):
            value = {"a": value}
        return value

    app = derivation(name="app", builder="/bin/sh", structured=nested(99))
    assert hm.from_records(hm.to_records([app])).id == app.id
    with pytest.raises(hm.UnhashableValue, match="nested so deep"):
        derivation(name="app", builder="/bin/sh", structured=nested(DEEP))


PROGRAM = """
import sys
sys.path[:0] = {path!r}
import hermetica.model as hm
zlib = hm.derivation(name="zlib", builder="/bin/sh", outputs=("out", "dev"), features={{"a", "b", "c", "d"}},
                     env={{name: name for name in {{"A", "B", "C", "D", "E"}}}})
used = [hm.text(f"t{{index}}", str(index)) for index in range(20)]
app = hm.derivation(name="app", builder="/bin/sh", structured={{"all": [str(each) for each in used]}},
                    args=[f"{{zlib:dev}}"], checks=hm.OutputChecks(disallowed_references=set(map(str, used))))
print(app.id, hm.fetchurl("https://example.org/a", sha256="0" * 64).input_id)
"""


def test_ids_are_the_same_in_any_process_and_place(tmp_path: Path) -> None:
    seen: set[str] = set()
    for index, seed in enumerate(["0", "1", "random"]):
        place = tmp_path / f"cwd{index}"
        place.mkdir()
        surroundings = {
            **{key: value for key, value in os.environ.items() if key.startswith("COV")},
            "PYTHONHASHSEED": seed,
            "HOME": str(place),
            "TZ": ["UTC", "Asia/Tokyo", "America/Lima"][index],
            "LC_ALL": ["C", "C.UTF-8", "POSIX"][index],
        }
        program = place / f"pkgs{index}.py"
        program.write_text(PROGRAM.format(path=sys.path), encoding="utf-8")
        command = [sys.executable, str(program)]
        ended = subprocess.run(command, cwd=place, env=surroundings, capture_output=True, text=True, check=True)
        seen.add(ended.stdout)
    assert len(seen) == 1
