"""Targets as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.cli.target import Kind, object_in_path, parse

DIGEST = "hx" + "0123456789abcdfghijklmnpqrsvwx"


@pytest.mark.parametrize(
    ("text", "kind", "place", "attribute", "outputs"),
    [
        ("./pkgs.py:zlib", Kind.MODULE, "./pkgs.py", "zlib", ()),
        ("./pkgs.py:zlib^dev,out", Kind.MODULE, "./pkgs.py", "zlib", ("dev", "out")),
        ("./pkgs.py:zlib^*", Kind.MODULE, "./pkgs.py", "zlib", ("*",)),
        ("./pkgs.py", Kind.MODULE, "./pkgs.py", "", ()),
        ("my.pkgs:a.b.*", Kind.MODULE, "my.pkgs", "a.b.*", ()),
        ("dir:with/pkgs.py:zlib", Kind.MODULE, "dir:with/pkgs.py", "zlib", ()),
        ("set#a.b*^dev", Kind.SET, "set", "a.b*", ("dev",)),
        ("set#", Kind.SET, "set", "", ()),
        ("./a#b.py:zlib", Kind.MODULE, "./a#b.py", "zlib", ()),
        ("hx0a", Kind.OBJECT, "hx0a", "", ()),
        (f"{DIGEST}-zlib-1.3", Kind.OBJECT, f"{DIGEST}-zlib-1.3", "", ()),
        (f"/hermetica/store/{DIGEST}-zlib/include", Kind.OBJECT, f"{DIGEST}-zlib", "", ()),
        ("0123abcd", Kind.DERIVATION, "0123abcd", "", ()),
    ],
)
def test_what_a_target_names_is_seen_from_its_text(
    text: str, kind: Kind, place: str, attribute: str, outputs: tuple[str, ...]
) -> None:
    target = parse(text)
    assert (target.kind, target.place, target.attribute, target.outputs) == (kind, place, attribute, outputs)


@given(st.text())
def test_any_text_is_a_target(text: str) -> None:
    assert parse(text).text == text


def test_a_path_into_a_store_names_its_object() -> None:
    assert object_in_path(f"/somewhere/store/{DIGEST}-zlib/lib/libz.so") == f"{DIGEST}-zlib"
    assert object_in_path(f"/somewhere/store/{DIGEST}-zlib") == f"{DIGEST}-zlib"
    assert object_in_path("/somewhere/else") is None
