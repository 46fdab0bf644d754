"""Placeholders: found wherever plain text carries them, refused wherever text damaged them."""

from __future__ import annotations

import json
import os.path
import re
import shlex
import string
import textwrap
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from hermetica.model import (
    Derivation,
    InvalidOutputName,
    MangledPlaceholder,
    Token,
    UnknownOutput,
    UnknownPlaceholder,
    derivation,
    evaluation,
    placeholder,
)
from hermetica.model.placeholder import SELF, digest_text, is_whole, scan, substitute
from hermetica_store.digest import ALPHABET, Digest, base32

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.model import Evaluation

output_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,63}", fullmatch=True)
digests = st.text(ALPHABET, min_size=32, max_size=32)
tokens = st.builds(Token, digests, output_names)
plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda text: is_whole(text, 0))
NOTICED = 10  # digits of a head or a tail that make a piece noticed


@given(st.lists(st.tuples(plain, tokens)), plain)
def test_a_scan_finds_exactly_what_was_put_in(parts: list[tuple[str, Token]], end: str) -> None:
    text = "".join(f"{before}{token}" for before, token in parts) + end
    assert scan(text, "here") == [token for _, token in parts]


@given(st.lists(st.tuples(plain, tokens)), plain)
def test_substitution_replaces_tokens_and_nothing_else(parts: list[tuple[str, Token]], end: str) -> None:
    text = "".join(f"{before}{token}" for before, token in parts) + end
    expected = "".join(f"{before}<{token.output}>" for before, token in parts) + end
    assert substitute(text, lambda token: f"<{token.output}>") == expected


CARRIERS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps({"a": [text]}),
    "json, decoded": lambda text: str(json.loads(json.dumps(text))),
    "a shell word": shlex.quote,
    "a shell line": lambda text: shlex.join(["cp", text, "it's"]),
    "a path": lambda text: os.path.join("ignored", text, "lib", "x.so"),  # noqa: PTH118 -- what users write
    "a normalised path": lambda text: os.path.normpath(f"{text}/lib/../bin"),
    "a pure path": lambda text: str(PurePosixPath("a") / text / "bin"),
    "a wrapped paragraph": lambda text: textwrap.fill(f"some words and {text} and more words", break_long_words=False),
    "a dedented text": lambda text: textwrap.dedent(f"\n    a {text}\n    b"),
    "an address": lambda text: f"file://{quote(text)}",
    "an address, unquoted": lambda text: unquote(quote(text, safe="")),
    "lower case": str.lower,
    "case folded": str.casefold,
    "a template": lambda text: string.Template("$a/x").substitute(a=text),
    "a format": lambda text: f"{text:>200}",
    "a percent format": lambda text: "%s/bin" % text,  # noqa: UP031 -- what users write
    "a regular expression": re.escape,
    "a list of words": lambda text: " ".join(f"-I{text} -L{text}".split()[:1]),
    "bytes and back": lambda text: text.encode("ascii").decode("latin-1"),
}


@pytest.mark.parametrize("carry", CARRIERS.values(), ids=CARRIERS.keys())
@given(token=tokens)
def test_a_placeholder_survives_what_carries_text(carry: Callable[[str], str], token: Token) -> None:
    assert scan(carry(str(token)), "here") == [token]


@given(tokens, st.data(), plain, plain)
def test_a_placeholder_cut_anywhere_is_refused(token: Token, data: st.DataObject, before: str, after: str) -> None:
    text = str(token)
    cut = data.draw(st.integers(1, len(text) - 1))
    for piece, has_mark in ((text[:cut], cut > NOTICED), (text[cut:], len(text) - cut >= NOTICED)):
        if has_mark:
            with pytest.raises(MangledPlaceholder):
                scan(f"{before}{piece}{after}", "here")


@given(tokens, st.data())
def test_a_placeholder_broken_by_anything_in_its_middle_is_refused(token: Token, data: st.DataObject) -> None:
    text = str(token)
    cut = data.draw(st.integers(1, len(text) - 1))
    wedge = data.draw(st.sampled_from(["\n", " ", "\\\n", '"', "-", "é"]))
    with pytest.raises(MangledPlaceholder):
        scan(f"{text[:cut]}{wedge}{text[cut:]}", "here")


@given(tokens, st.integers(0, 200))
def test_a_slice_is_whole_or_refused_where_it_keeps_an_end(token: Token, start: int) -> None:
    text = f"cc -I{token}/include"
    piece = text[start % len(text) :]
    if str(token) in piece:
        assert scan(piece, "here") == [token]
    elif len(piece) >= NOTICED + len("/include"):
        with pytest.raises(MangledPlaceholder):
            scan(piece, "here")


DAMAGES: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "title": str.title,
    "swapcase": str.swapcase,
    "without slash": lambda text: text.replace("/", ""),
    "quoted slash": lambda text: quote(text, safe=""),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@given(token=tokens)
def test_a_damaged_placeholder_is_refused(damage: Callable[[str], str], token: Token) -> None:
    with pytest.raises(MangledPlaceholder):
        scan(damage(f"x {token}"), "here")


@given(tokens, st.integers(15, 60))
def test_a_paragraph_that_breaks_long_words_is_refused(token: Token, width: int) -> None:
    with pytest.raises(MangledPlaceholder):
        scan(textwrap.fill(f"see {token}/bin", width), "here")


def make(name: str = "zlib", **more: Any) -> Derivation:
    return derivation(name=name, builder="/bin/sh", **more)


def test_a_repr_in_a_string_is_refused() -> None:
    with pytest.raises(MangledPlaceholder, match=r"args\[1\]"):
        make("app", args=["-c", f"{make()!r}/bin"])


def test_pieces_in_two_fields_do_not_make_a_whole() -> None:
    text = str(make())
    with pytest.raises(MangledPlaceholder, match=r"args\[0\]"):
        make("app", args=[text[:30], text[30:]])
    with pytest.raises(MangledPlaceholder, match=r"env\.A"):
        make("app", args=["x"], env={"A": text[:-1], "B": "y"})


def test_the_error_shows_the_text_and_the_way_out() -> None:
    with pytest.raises(MangledPlaceholder) as caught:
        make("app", env={"CC": f"gcc {str(make())[:20]} -O2"})
    assert caught.value.code == "HM203"
    assert str(caught.value).startswith("env.CC: a reference to a derivation was cut, re-cased or repr()-ed")
    assert "gcc /7301592648" in str(caught.value)
    assert caught.value.hint is not None


def test_a_placeholder_of_another_evaluation_is_unknown() -> None:
    with evaluation():
        stranger = f"{make()}/bin"
    with pytest.raises(UnknownPlaceholder, match=r"env\.PATH: placeholder \w{8}… belongs to no derivation") as caught:
        make("app", env={"PATH": stranger})
    assert caught.value.code == "HM206"


def test_a_derivation_may_be_used_in_a_later_evaluation_through_itself() -> None:
    zlib = make()
    with evaluation():
        assert [used.name for _, used in make("app", env={"Z": f"{zlib}"}).inputs.derivations] == ["zlib"]


def test_a_store_path_that_nothing_declared_is_unknown() -> None:
    with pytest.raises(UnknownPlaceholder, match=r"args\[0\]: the store path hx0000"):
        make("app", args=[f"/hermetica/store/hx{'0' * 30}-x"])


def test_a_hand_made_placeholder_for_an_output_that_is_not_there_is_refused() -> None:
    forged = str(Token(digest_text(make().id), "dev"))
    str(make())
    with pytest.raises(UnknownOutput, match="zlib has no output 'dev'"):
        make("app", args=[forged])


def test_a_placeholder_in_a_key_is_refused() -> None:
    for field, value in (("structured", {"a": [{str(make()): 1}]}), ("env", {str(make()): "x"})):
        with pytest.raises(TypeError, match="a placeholder in a key"):
            make("app", **{field: value})


def test_own_outputs_are_named_without_knowing_the_id() -> None:
    app = make("app", outputs=("out", "dev"), args=[placeholder("dev")])
    assert app.inputs.derivations == ()
    assert scan(app.args[0], "") == [Token(SELF, "dev")]


def test_an_own_output_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"args\[0\]: hm.placeholder\('doc'\) names no output"):
        make("app", args=[placeholder("doc")])


@pytest.mark.parametrize("name", ["", "a-b", "1a", "a" * 65, "a/b", "ä", "a\n", "out "])
def test_an_illegal_name_of_an_output_is_refused(name: str) -> None:
    with pytest.raises(InvalidOutputName):
        placeholder(name)
    with pytest.raises(InvalidOutputName):
        make(outputs=(name,))


@given(st.binary())
def test_the_digest_in_a_token_is_the_first_160_bits_in_base32(data: bytes) -> None:
    digest = Digest(blake3(data).digest())
    assert digest_text(digest) == base32(int.from_bytes(digest.raw[:20], "big"), 32)


def test_errors_speak_of_derivations_by_name(scope: Evaluation) -> None:
    zlib = make(outputs=("out", "dev"))
    assert scope.render(f"-I{zlib:dev}/include {placeholder()}") == "-I${zlib.dev}/include ${this.out}"
