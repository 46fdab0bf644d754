"""Derivations as values: what their ids cover, what they refuse, and whose line an error names."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hermetica.model as hm
from hermetica.errors import EvaluationError
from hermetica.model import Derivation, derivation, evaluation
from hermetica.model.identity import HASHED, NOT_HASHED

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = __file__
DERIVED = {"id", "input_id", "canonical", "inputs", "_recipe", "_tokens"}


def make(**more: Any) -> Derivation:
    fields: dict[str, Any] = {"name": "app", "builder": "/bin/sh", **more}
    return derivation(**fields)


def zlib(**more: Any) -> Derivation:
    return make(**{"name": "zlib", "outputs": ("out", "dev"), **more})


CHANGES: dict[str, Callable[[], Any]] = {
    "args": lambda: ("-c",),
    "builder": lambda: "/bin/bash",
    "checks": lambda: {"out": hm.OutputChecks(max_size_bytes=1)},
    "env": lambda: {"A": ""},
    "export_references": lambda: {"graph": str(zlib())},
    "features": lambda: ("clock:frozen",),
    "fixed": lambda: hm.FixedOutput(digest="0" * 64),
    "name": lambda: "app2",
    "outputs": lambda: ("dev", "out"),
    "pass_as_file": lambda: ("A",),
    "rootfs": lambda: str(zlib()),
    "structured": dict[str, Any],
    "system": lambda: "aarch64-linux",
}
BASES: dict[str, dict[str, Any]] = {"outputs": {"outputs": ("out", "dev")}, "pass_as_file": {"env": {"A": ""}}}


def test_every_field_is_hashed_or_said_not_to_be() -> None:
    fields = {field.name for field in attrs.fields(Derivation)}
    assert fields == set(HASHED) | set(NOT_HASHED) | DERIVED
    assert not set(HASHED) & set(NOT_HASHED)
    assert set(CHANGES) == set(HASHED)


@pytest.mark.parametrize("field", HASHED)
def test_the_id_changes_with_every_hashed_field(field: str) -> None:
    base = BASES.get(field, {})
    first, second = make(**base), make(**{**base, field: CHANGES[field]()})
    assert first.id != second.id
    assert first.canonical != second.canonical
    assert first != second


CHECK_CHANGES: dict[str, Any] = {
    "allowed_references": (),
    "allowed_requisites": (),
    "disallowed_references": ("out",),
    "disallowed_requisites": ("out",),
    "max_size_bytes": 0,
    "max_closure_size_bytes": 0,
    "discard_references": True,
}


def test_the_id_changes_with_every_check() -> None:
    assert set(CHECK_CHANGES) == {field.name for field in attrs.fields(hm.OutputChecks)}
    ids = {make(checks=hm.OutputChecks(**{name: value})).id for name, value in CHECK_CHANGES.items()}
    assert len({make().id, *ids}) == len(CHECK_CHANGES) + 1


def test_a_check_that_asks_nothing_is_no_check() -> None:
    assert make(checks=hm.OutputChecks()) == make()


@pytest.mark.parametrize(
    "more",
    [
        {"meta": hm.Meta(description="other", licence="MIT", maintainers=("a",))},
        {"origin": hm.Origin("other.py", 7)},
        {"origin": None},
    ],
)
def test_the_id_does_not_change_with_what_is_for_people(more: dict[str, Any]) -> None:
    first, second = make(), make(**more)
    assert (first.id, first.canonical, hash(first)) == (second.id, second.canonical, hash(second))
    assert first == second


variables = st.dictionaries(st.from_regex(r"[A-Z]{1,4}", fullmatch=True), st.text("ab\né", max_size=5), max_size=5)


@given(variables, st.randoms(use_true_random=False))
def test_the_order_of_variables_does_not_matter(env: dict[str, str], random: Any) -> None:
    items = list(env.items())
    random.shuffle(items)
    assert make(env=dict(items)) == make(env=env)


@given(st.lists(st.text("ab", max_size=3), max_size=4), st.lists(st.text("ab", max_size=3), max_size=4))
def test_arguments_are_the_same_where_they_are_equal(first: list[str], second: list[str]) -> None:
    assert (make(args=first) == make(args=second)) == (first == second)


def test_features_and_files_have_no_order() -> None:
    env = {"A": "", "B": ""}
    first = make(features={"x", "y"}, pass_as_file=["B", "A", "A"], env=env)
    assert first == make(features=["y", "x"], pass_as_file=("A", "B"), env=env)


def test_inputs_are_found_wherever_a_string_may_stand() -> None:
    used = [derivation(name=f"d{index}", builder="/bin/sh") for index in range(8)]
    app = make(
        builder=f"{used[0]}/bin/sh",
        args=[f"-I{used[1]}"],
        env={"A": f"{used[2]}:{used[3]}"},
        structured={"deep": [{"x": str(used[4])}]},
        rootfs=used[5],
        export_references={"graph": str(used[6])},
        checks={"out": hm.OutputChecks(disallowed_references=(str(used[7]),))},
    )
    assert {each.name for _, each in app.inputs.derivations} == {each.name for each in used}
    assert list(app.inputs.texts) == sorted(str(each) for each in used)
    assert [str(token) for token in app.inputs.tokens] == list(app.inputs.texts)


def test_an_output_is_an_input_of_its_own() -> None:
    library = zlib()
    app = make(env={"A": f"{library:dev}/include"})
    assert [token.output for token in app.inputs.tokens] == ["dev"]
    assert make(env={"A": f"{library}/include"}).id != app.id


def test_a_source_is_an_input_by_its_content_and_not_by_its_place() -> None:
    path = hm.store_path_source(f"/hermetica/store/hx{'a' * 30}-src").path
    first = make(args=[str(hm.Source(path=path, root="/home/a", files=("x",)))])
    second = make(args=[str(hm.Source(path=path, root="/home/b"))])
    assert first == second
    assert first.sources[0].root == "/home/a"
    assert f'"sources":["{path}"]'.encode() in first.canonical


def test_structured_attributes_cannot_be_changed_from_outside() -> None:
    flags = ["-O2"]
    app = make(structured={"flags": flags})
    flags.append("-g")
    assert app.structured == {"flags": ["-O2"]}


def test_overriding_attributes_gives_another_derivation_at_the_line_of_the_override() -> None:
    first = make(env={"A": "1", "B": "2"})
    second = first.override_attrs(lambda d: {"env": {**d.env, "A": "3"}})
    assert dict(second.env) == {"A": "3", "B": "2"}
    assert second == make(env={"A": "3", "B": "2"})
    assert first.origin is not None
    assert second.origin is not None
    assert first.origin.file == second.origin.file == HERE
    assert first.origin.line != second.origin.line


def test_names_of_objects_tell_outputs_apart() -> None:
    assert [zlib().store_name(output) for output in ("out", "dev")] == ["zlib", "zlib-dev"]


def test_a_derivation_is_no_path_of_this_machine() -> None:
    with pytest.raises(TypeError):
        open(make())  # type: ignore[call-overload]  # noqa: SIM115, PTH123 -- what must not work


# fixed outputs

URLS = ("https://a.example/zlib.tar.gz", "https://b.example/other/zlib.tar.gz")


@given(st.lists(st.sampled_from(URLS), min_size=1, max_size=2), st.none() | st.integers(0, 9))
def test_another_address_leaves_everything_downstream_as_it_is(urls: list[str], size_bytes: int | None) -> None:
    ids: set[object] = set()
    for where in (urls, [URLS[0]]):
        with evaluation():
            archive = hm.fetchurl(where, sha256="0" * 64, size_bytes=size_bytes)
            app = make(args=[str(hm.unpack(archive, name="zlib"))])
            ids.add((archive.input_id, app.id, app.inputs.texts))
    assert len(ids) == 1


def test_another_address_is_another_recipe_for_the_same_content() -> None:
    first, second = (hm.fetchurl(url, sha256="0" * 64) for url in URLS)
    assert first.id != second.id
    assert first.input_id == second.input_id
    assert str(first) == str(second)


@pytest.mark.parametrize(
    "other",
    [
        {"sha256": "1" * 64},
        {"sha512": "0" * 128},
        {"blake3": "0" * 64},
        {"sha256": "0" * 64, "name": "other"},
        {"hash": hm.UNKNOWN},
    ],
)
def test_another_content_is_another_input(other: dict[str, str]) -> None:
    assert hm.fetchurl(URLS[0], sha256="0" * 64).input_id != hm.fetchurl(URLS[0], **other).input_id  # type: ignore[arg-type]  # what is tried


def test_a_flat_hash_and_a_tree_digest_of_equal_digits_are_different_contents() -> None:
    flat, tree = (
        make(fixed=hm.FixedOutput(method=method, algorithm="blake3", digest="0" * 64)) for method in ("flat", "tree")
    )
    assert flat.input_id != tree.input_id


def test_a_content_that_nobody_knows_yet_is_identified_by_its_recipe() -> None:
    unknown = hm.fetchurl(URLS[0], hash=hm.UNKNOWN)
    assert unknown.input_id == unknown.id


# pickling


def test_a_pickle_is_the_same_derivation_with_all_it_needs() -> None:
    library = zlib()
    app = make(env={"A": f"{library:dev}"}, meta=hm.Meta(description="d", maintainers=("a",)))
    data = pickle.dumps(app)
    with evaluation():
        copy = pickle.loads(data)  # noqa: S301 -- our own
        again = make(args=[f"{copy}"])
    assert copy == app
    assert (copy.meta, copy.origin, dict(copy.env)) == (app.meta, app.origin, dict(app.env))
    assert [each for _, each in copy.inputs.derivations] == [library]
    assert again == make(args=[f"{app}"])


# what is refused


def raise_in_user_code(code: str) -> EvaluationError:
    """Runs the lines of a user's file; the error that its second line must cause."""
    source = f"import hermetica.model as hm\n{code}\n"
    names: dict[str, Any] = {"__name__": "pkgs", "make": make}
    with pytest.raises(EvaluationError) as caught:
        exec(compile(source, "/home/me/pkgs.py", "exec"), names)  # noqa: S102 -- a user's module
    return caught.value


D = 'hm.derivation(name="app", builder="/bin/sh", '
REFUSED = [
    ("HM201", D + "args=[1])", "args[0]: an int"),
    ("HM201", D + "args='-c')", "args: a str"),
    ("HM201", D + "args={'a', 'b'})", "args: a set"),
    ("HM201", D + "args=5)", "args: an int"),
    ("HM201", D + "args=[hm.text('a', 'b')])", "args[0]: a Derivation"),
    ("HM201", D + "outputs='out')", "outputs: a str"),
    ("HM201", D + "outputs={'out', 'dev'})", "outputs: a set"),
    ("HM201", D + "env={'A': 1})", "env.A: an int"),
    ("HM201", D + "env={1: 'A'})", "env: the key 1"),
    ("HM201", D + "env=['A'])", "env: a list"),
    ("HM201", D + "env={'A': '\\ud800'})", "env.A: a lone surrogate"),
    ("HM201", D + "structured={'a': 1.5})", "structured.a: a float"),
    ("HM201", D + "structured={'a': {1}})", "structured.a: a set"),
    ("HM201", D + "structured=[1])", "structured: a list"),
    ("HM201", D + "features='kvm')", "features: a str"),
    ("HM201", D + "export_references={'a': 1})", "export_references.a: an int"),
    ("HM201", D + "checks={'out': 1})", "checks.out: an int"),
    ("HM201", D + "checks={'out': {'max_size_bytes': 1}})", "checks.out: a dict"),
    ("HM201", D + "checks=hm.OutputChecks(max_size_bytes=1.5))", "checks.out.max_size_bytes: a float"),
    ("HM201", D + "fixed='0'*64)", "fixed: a str"),
    ("HM201", D + "system=None)", "system: a NoneType"),
    ("HM201", "hm.OutputChecks(allowed_references='out')", "the references of a check: a str"),
    ("HM201", "hm.derivation(name=1, builder='/bin/sh')", "name: an int"),
    ("HM201", "hm.derivation(name='a', builder=None)", "builder: a NoneType"),
    ("HM203", D + "args=[str(hm.text('a', 'b'))[:-2]])", "args[0]: a reference"),
    ("HM204", "hm.placeholder('a-b')", "not a name for an output"),
    ("HM204", D + "outputs=['a-b'])", "not a name for an output"),
    ("HM205", "hm.fetchurl('https://a/b', sha256='ab')", "not a sha256 hash"),
    ("HM205", f"hm.fetchurl('https://a/b', sha256='{'A' * 64}')", "not a sha256 hash"),
    ("HM205", "hm.FixedOutput(algorithm='md5', digest='0'*32)", "no fixed output of method"),
    ("HM205", "hm.FixedOutput(method='tree', digest='0'*64)", "a tree digest is BLAKE3"),
    ("HM205", "hm.FixedOutput(digest=5)", "not a sha256 hash: 5"),
    ("HM206", D + f"args=['/hermetica/store/hx{'0' * 30}-x'])", "is not declared in this evaluation"),
    ("HM207", D + "fields=1)", "a derivation has no field 'fields'"),
    ("HM207", D + "evn={})", "fix  did you mean env"),
    ("HM207", D + "id=1)", "a derivation has no field 'id'"),
    ("HM207", "hm.derivation(name='.app', builder='/bin/sh')", "not a name for a derivation"),
    ("HM207", "hm.derivation(name='a/b', builder='/bin/sh')", "not a name for a derivation"),
    ("HM207", f"hm.derivation(name='{'a' * 147}', builder='/bin/sh')", "not a name for a derivation"),
    ("HM207", "hm.derivation(name='app', builder='')", "the builder is empty"),
    ("HM207", D + "args=['\\0'])", "NUL"),
    ("HM207", D + "env={'A': '\\0'})", "NUL"),
    ("HM207", D + "env={'A=B': ''})", "not a name for a variable"),
    ("HM207", D + "env={'': ''})", "not a name for a variable"),
    ("HM207", D + "env={'out': ''})", "would hide the path of output out"),
    ("HM207", D + "outputs=())", "outputs are ()"),
    ("HM207", D + "outputs=('out', 'out'))", "outputs are ('out', 'out')"),
    ("HM207", D + "outputs=('lib',), fixed=hm.FixedOutput(digest='0'*64))", "a fixed output is alone"),
    ("HM207", D + "pass_as_file=['A'])", "pass_as_file names 'A'"),
    ("HM207", D + "export_references={'a/b': ''})", "plain file names"),
    ("HM207", D + "export_references={'..': ''})", "plain file names"),
    ("HM207", D + "export_references={1: ''})", "plain file names"),
    ("HM207", D + "export_references={'a': 'b'})", "export_references.a is a whole output"),
    ("HM207", D + "export_references={'a': hm.placeholder()})", "not '${this.out}'"),
    ("HM207", D + "rootfs=str(hm.text('a', 'b')) + '/x')", "not '${a.out}/x'"),
    ("HM207", D + "args=[hm.placeholder('dev')])", "names no output"),
    ("HM207", "hm.run('count', 'wc')", "no shell"),
    ("HM208", "f\"{hm.text('a', 'b'):dev}\"", "a has no output 'dev'"),
    ("HM208", D + "checks={'dev': hm.OutputChecks()})", "app has no output 'dev'"),
    ("HM208", D + "checks=hm.OutputChecks(allowed_references=['dev']))", "app has no output 'dev'"),
    ("HM210", "hm.fetchurl('https://a/b')", "needs exactly one hash"),
    ("HM210", f"hm.fetchurl('https://a/b', sha256='{'0' * 64}', blake3='{'0' * 64}')", "needs exactly one hash"),
    ("HM210", f"hm.fetchurl('https://a/b', sha256='{'0' * 64}', hash=hm.UNKNOWN)", "needs exactly one hash"),
    ("HM210", f"hm.fetchurl('https://a/b', hash='{'0' * 64}')", "takes hm.UNKNOWN alone"),
    ("HM210", f"hm.fetchurl([], sha256='{'0' * 64}')", "needs exactly one hash"),
    ("HM210", f"hm.fetchgit('https://a/b', rev='{'0' * 40}')", "needs exactly one hash"),
    ("HM210", f"hm.fetchgit('https://a/b', rev='{'0' * 40}', hash='{'0' * 64}')", "needs exactly one hash"),
    ("HM217", f"hm.fetchgit('https://a/b', rev='main', blake3='{'0' * 64}')", "not the whole id of a commit: 'main'"),
]


@pytest.mark.parametrize(
    ("code", "line", "text"), REFUSED, ids=[f"{index} {case[0]} {case[2]}" for index, case in enumerate(REFUSED)]
)
def test_a_mistake_is_refused_at_the_users_own_line(code: str, line: str, text: str) -> None:
    error = raise_in_user_code(line)
    assert (error.code, error.origin) == (code, "/home/me/pkgs.py:2")
    assert text in str(error)


def test_an_unknown_output_lists_those_there_are() -> None:
    with pytest.raises(hm.UnknownOutput) as caught:
        f"{zlib():lib}"
    assert caught.value.details == (("outputs", "out, dev"),)


def test_checks_may_name_outputs_own_placeholders_and_inputs() -> None:
    library = zlib()
    checks = hm.OutputChecks(allowed_references=["out", hm.placeholder("out"), str(library), f"{library:dev}"])
    assert len(make(checks=checks).inputs.texts) == 2
