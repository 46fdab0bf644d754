"""Resolution: recipes whose inputs realised to equal content are one; that is the early cut-off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hermetica.model as hm
from hermetica.model import Derivation, derivation, resolve, with_own_paths
from hermetica.model.canonical import decode
from hermetica.model.outputs import NO_CHECKS
from hermetica_store.digest import ALPHABET
from hermetica_store.path import StorePath


def path(character: str, name: str = "x") -> StorePath:
    return StorePath(f"hx{character * 30}", name)


def library(comment: str = "", **more: Any) -> Derivation:
    return derivation(name="zlib", builder="/bin/sh", args=["-c", comment], outputs=("out", "dev"), **more)


def user(zlib: Derivation, **more: Any) -> Derivation:
    fields: dict[str, Any] = {
        "builder": f"{zlib}/bin/sh",
        "args": [f"-I{zlib:dev}"],
        "env": {"A": f"{zlib}:{zlib}"},
        "structured": {"deep": [f"{zlib}"]},
        "rootfs": zlib,
        "export_references": {"graph": f"{zlib}"},
    }
    return derivation(name="app", **{**fields, **more})


def paths(token: hm.Token) -> StorePath:
    return path("1", f"zlib-{token.output}")


def test_recipes_whose_inputs_have_equal_content_are_one() -> None:
    first, second = user(library("# old")), user(library("# new"))
    assert first.id != second.id
    assert resolve(first, paths).id == resolve(second, paths).id
    assert resolve(first, paths).canonical == resolve(second, paths).canonical


def test_other_content_is_another_resolved_id() -> None:
    app = user(library())
    assert resolve(app, paths).id != resolve(app, lambda token: path("2", f"zlib-{token.output}")).id


def test_a_source_and_a_derivation_of_equal_content_are_one_input() -> None:
    source = hm.store_path_source(path("1", "zlib-out"))
    by_path = derivation(name="app", builder=f"{source}/bin/sh")
    by_recipe = derivation(name="app", builder=f"{library()}/bin/sh")
    assert resolve(by_path, paths).id == resolve(by_recipe, paths).id


def test_two_inputs_of_equal_content_are_one_input() -> None:
    app = derivation(name="app", builder="/bin/sh", args=[f"{library('1')} {library('2')}"])
    assert resolve(app, paths).inputs == (path("1", "zlib-out"),)


names = st.text("abc", min_size=1, max_size=4)
recipes = st.lists(names, min_size=2, max_size=5, unique=True)


@given(recipes, recipes, st.dictionaries(names, st.text(ALPHABET, min_size=30, max_size=30)))
def test_what_was_not_realised_differently_resolves_the_same(
    first: list[str], second: list[str], known: dict[str, str]
) -> None:
    """The order in which inputs sort depends on their ids; nothing resolved may."""
    count = min(len(first), len(second))
    content = [StorePath(f"hx{known.get(str(index), str(index) * 30)}", "x") for index in range(count)]

    def resolved(comments: list[str]) -> hm.Resolved:
        used = [library(comment) for comment in comments[:count]]
        by_token = {str(hm.Token(each.placeholder()[13:45], "out")): content[i] for i, each in enumerate(used)}
        app = derivation(
            name="app",
            builder="/bin/sh",
            args=[str(each) for each in used],
            checks=hm.OutputChecks(disallowed_references=[str(each) for each in used]),
        )
        return resolve(app, lambda token: by_token[str(token)])

    assert resolved(first).id == resolved(second).id


def test_checks_are_sorted_after_their_paths_are_known() -> None:
    used = [library(str(index)) for index in range(6)]
    content = {each.placeholder()[13:45]: path("543210"[index]) for index, each in enumerate(used)}
    app = derivation(
        name="app", builder="/bin/sh", checks=hm.OutputChecks(allowed_references=["out", *map(str, used), str(used[0])])
    )
    listed = resolve(app, lambda token: content[token.digest]).checks["out"]["allowed_references"]
    assert listed == [*(str(path(character)) for character in "012345"), "out"]


def test_resolved_checks_have_every_field() -> None:
    app = derivation(name="app", builder="/bin/sh", checks=hm.OutputChecks(max_size_bytes=5))
    assert resolve(app, paths).checks == {"out": {**NO_CHECKS, "max_size_bytes": 5}}


def test_every_part_shows_content_paths() -> None:
    resolved = resolve(user(library()), paths)
    out, dev = path("1", "zlib-out"), path("1", "zlib-dev")
    assert resolved.builder == f"{out}/bin/sh"
    assert resolved.args == (f"-I{dev}",)
    assert resolved.env == (("A", f"{out}:{out}"),)
    assert resolved.structured == {"deep": [str(out)]}
    assert resolved.rootfs == out
    assert resolved.export_references == (("graph", out),)
    assert resolved.inputs == (dev, out)


def test_the_resolved_form_names_its_format_and_no_sources() -> None:
    source = hm.store_path_source(path("2", "src"))
    form = json.loads(resolve(user(library(), args=[str(source)]), paths).canonical)
    assert form["format"] == "hermetica.resolved/1"
    assert form["inputs"] == [str(path("1", "zlib-out")), str(path("2", "src"))]
    assert list(form) == sorted(form)
    assert "sources" not in form


def test_a_derivation_and_its_resolved_form_never_share_an_id() -> None:
    app = derivation(name="app", builder="/bin/sh")
    assert resolve(app, paths).id != app.id


def test_own_placeholders_stay_until_a_scratch_path_is_known() -> None:
    app = derivation(
        name="app", builder="/bin/sh", outputs=("out", "dev"), args=[hm.placeholder("dev"), f"{library()}"]
    )
    own, other = resolve(app, paths).args
    assert own == hm.placeholder("dev")
    assert with_own_paths(f"a {own} {other}", {"dev": "/there"}) == f"a /there {path('1', 'zlib-out')}"


def test_own_placeholders_do_not_tell_recipes_apart() -> None:
    first, second = (user(library(comment), env={"prefix": hm.placeholder()}) for comment in "ab")
    assert resolve(first, paths).id == resolve(second, paths).id


@pytest.mark.parametrize("comment", ["a", "b"])
def test_a_fixed_output_resolves_to_its_contract_whatever_its_recipe(comment: str) -> None:
    fixed = hm.FixedOutput(method="tree", algorithm="blake3", digest="0" * 64)
    vendor = derivation(name="vendor", builder=f"{library(comment)}/bin/sh", fixed=fixed)
    resolved = resolve(vendor, paths)
    assert resolved.id == vendor.input_id
    assert json.loads(resolved.canonical)["format"] == "hermetica.fixed-output/1"


spelled = st.sampled_from(
    [
        '"format":"hermetica.derivation/1"',
        "format",
        "hermetica.derivation/1",
        'x","sources":["y"],"z',
        '"inputs":[',
        '"name":',
        "sources",
        "]",
        "ä\n\\",
    ]
)


@given(
    st.lists(spelled, max_size=3),
    st.dictionaries(st.sampled_from(["format", "name", "inputs", "sources", "ä", "A"]), spelled),
    st.lists(st.sampled_from(["format", "A"]), max_size=2, unique=True),
    st.lists(st.sampled_from(["zlib", "source"]), max_size=2, unique=True),
)
def test_whatever_a_recipe_spells_its_form_has_its_members_once(
    args: list[str], env: dict[str, str], as_files: list[str], more: list[str]
) -> None:
    source = hm.store_path_source(path("2", "source"))
    inputs = {"zlib": (f"{library()}", path("1", "zlib-out")), "source": (f"{source}", path("2", "source"))}
    app = derivation(
        name="app",
        builder="/bin/sh",
        args=[*args, *(inputs[each][0] for each in more)],
        env=env,
        pass_as_file=[each for each in as_files if each in env],
    )
    expected = json.loads(app.canonical.decode().replace(f"{library()}", str(path("1", "zlib-out"))))
    expected.pop("sources", None)
    expected["format"] = "hermetica.resolved/1"
    expected.pop("inputs", None)
    if more:
        expected["inputs"] = sorted(str(inputs[each][1]) for each in more)
    assert decode(resolve(app, paths).canonical) == expected
