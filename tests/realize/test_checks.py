"""Output checks: allowed and disallowed references and requisites, and sizes, as their names say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.model import OutputChecks, placeholder
from hermetica.model.outputs import NO_CHECKS
from hermetica.realize.checks import CheckedOutput, Offence, offences
from hermetica_store.path import StorePath


def path(name: str) -> StorePath:
    return StorePath(f"hx{name[0] * 30}", name)


OUT, DEV, LIBC, ZLIB, GCC = map(path, ("1out", "2dev", "3libc", "4zlib", "5gcc"))
OUTPUTS = {"out": OUT, "dev": DEV}
CHECKED = CheckedOutput(
    path=OUT, size_bytes=100, references=frozenset({OUT, ZLIB}), closure={OUT: 100, ZLIB: 20, LIBC: 3}
)


def check(checked: CheckedOutput = CHECKED, **fields: Any) -> list[Offence]:
    return list(offences("out", checked, {**NO_CHECKS, **fields}, OUTPUTS, LookupError))


def offence(name: str, *offenders: StorePath) -> list[Offence]:
    return [Offence(output="out", check=name, offenders=tuple(map(str, offenders)))]


def test_without_checks_nothing_is_refused() -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"allowed_references": []}, offence("allowed_references", OUT, ZLIB)),
        ({"allowed_references": ["out"]}, offence("allowed_references", ZLIB)),
        ({"allowed_references": [placeholder("out"), str(ZLIB)]}, []),
        ({"allowed_references": [str(ZLIB)]}, offence("allowed_references", OUT)),
        ({"allowed_references": ["out", str(ZLIB), str(GCC)]}, []),
        ({"allowed_requisites": []}, offence("allowed_requisites", LIBC, ZLIB)),
        ({"allowed_requisites": [str(ZLIB)]}, offence("allowed_requisites", LIBC)),
        ({"allowed_requisites": [str(ZLIB), str(LIBC)]}, []),
        ({"disallowed_references": [str(GCC), "dev"]}, []),
        ({"disallowed_references": [str(LIBC)]}, []),
        ({"disallowed_references": [str(ZLIB)]}, offence("disallowed_references", ZLIB)),
        ({"disallowed_references": ["out"]}, offence("disallowed_references", OUT)),
        ({"disallowed_requisites": [str(LIBC), str(GCC)]}, offence("disallowed_requisites", LIBC)),
        ({"disallowed_requisites": ["out"]}, []),
        ({"max_size_bytes": 100}, []),
        ({"max_closure_size_bytes": 123}, []),
    ],
)
def test_a_check_means_what_its_name_says(fields: dict[str, Any], expected: list[Offence]) -> None:
    assert check(**fields) == expected


def test_an_empty_list_permits_an_output_without_references() -> None:
    leaf = CheckedOutput(path=OUT, size_bytes=1, references=frozenset(), closure={OUT: 1})
    assert check(leaf, allowed_references=[], allowed_requisites=[]) == []


def test_sizes_beyond_their_limits_are_told_with_both_numbers() -> None:
    (alone,) = check(max_size_bytes=99)
    (together,) = check(max_closure_size_bytes=122)
    assert (alone.check, alone.offenders) == ("max_size_bytes", ("100 bytes, at most 99",))
    assert (together.check, together.offenders) == ("max_closure_size_bytes", ("123 bytes, at most 122",))


def test_every_broken_check_is_listed() -> None:
    broken = check(allowed_references=[], disallowed_requisites=[str(LIBC)], max_size_bytes=0)
    assert [each.check for each in broken] == ["allowed_references", "disallowed_requisites", "max_size_bytes"]


def test_a_name_that_is_neither_path_nor_output_is_refused() -> None:
    with pytest.raises(LookupError, match="lib"):
        check(allowed_references=["lib"])


objects = st.sets(st.sampled_from([OUT, DEV, LIBC, ZLIB, GCC]))


@given(objects, objects, objects)
def test_references_and_requisites_are_set_differences(
    references: set[StorePath], deeper: set[StorePath], named: set[StorePath]
) -> None:
    closure = references | deeper | {OUT}
    checked = CheckedOutput(path=OUT, size_bytes=0, references=frozenset(references), closure=dict.fromkeys(closure, 0))
    texts = [str(each) for each in named]
    found = {
        each.check: set(each.offenders)
        for each in check(
            checked,
            allowed_references=texts,
            allowed_requisites=texts,
            disallowed_references=texts,
            disallowed_requisites=texts,
        )
    }
    expected = {
        "allowed_references": references - named,
        "allowed_requisites": closure - named - {OUT},
        "disallowed_references": references & named,
        "disallowed_requisites": (closure & named) - {OUT},
    }
    assert found == {name: set(map(str, paths)) for name, paths in expected.items() if paths}


def test_the_fields_looked_at_are_those_that_can_be_declared() -> None:
    assert check(**{name: value for name, value in NO_CHECKS.items() if hasattr(OutputChecks(), name)}) == []
