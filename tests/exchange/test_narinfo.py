"""What a cache says is read strictly, written as Nix writes it, and signed as Nix signs it."""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica_store import StorePath
from hermetica_store.exchange import (
    InvalidNarInfo,
    InvalidSigningKey,
    NarInfo,
    PublicKey,
    SecretKey,
    SignatureRefused,
    SigningUnavailable,
)
from hermetica_store.exchange.narinfo import cache_store_dir, nix_base32
from hermetica_store.exchange.signing import require_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

DIGESTS = st.text("0123456789abcdfghijklmnpqrsvwxyz", min_size=30, max_size=30)
NAMES = st.text("az09.+-_?=", min_size=1, max_size=9).filter(lambda name: name[0] != ".")
PATHS = st.builds(StorePath, DIGESTS.map("hx".__add__), NAMES)
HASHES = st.binary(min_size=32, max_size=32)
SIZES = st.integers(0, 10**15)
INFOS = st.builds(
    NarInfo,
    path=PATHS,
    url=st.just("nar/0abc.nar.zst"),
    compression=st.sampled_from(["zstd", "xz", "none"]),
    file_hash=st.none() | HASHES,
    file_size=st.none() | SIZES,
    nar_hash=HASHES,
    nar_size=SIZES,
    references=st.sets(PATHS, max_size=4).map(lambda paths: tuple(sorted(paths))),
    signatures=st.lists(st.from_regex(r"[a-z]{1,5}:[A-Za-z0-9+/]{4}", fullmatch=True), max_size=2).map(tuple),
)
TEXT = """\
StorePath: /hermetica/store/hx000000000000000000000000000000-x
URL: nar/0abc.nar.zst
Compression: zstd
NarHash: sha256:0000000000000000000000000000000000000000000000000000
NarSize: 120
References: 
"""  # noqa: W291 -- as Nix writes it


@given(INFOS)
def test_a_narinfo_survives_its_text(info: NarInfo) -> None:
    assert NarInfo.parse(str(info), "x") == info


def test_hashes_are_read_in_both_forms_and_fields_of_others_are_passed_over() -> None:
    info = NarInfo.parse(TEXT, "x")
    in_hex = TEXT.replace("0" * 52, "00" * 32) + "Deriver: unknown-deriver\nCA: \nSystem: x86_64-linux\n"
    assert NarInfo.parse(in_hex, "x") == info
    assert NarInfo.parse(TEXT.replace("Compression: zstd\n", ""), "x").compression == "bzip2"


BAD: Mapping[str, tuple[str, str]] = {
    "another store": ("/hermetica/store/", "/nix/store/"),
    "no marker": ("hx00", "0000"),
    "out of the cache": ("nar/0abc", "../0abc"),
    "a deeper file": ("nar/0abc", "nar/a/b"),
    "somewhere else": ("nar/0abc.nar.zst", "https://example.org/x.nar"),
    "an unknown compression": ("Compression: zstd", "Compression: lz5"),
    "another algorithm": ("sha256:", "md5:"),
    "a digit that is none": ("sha256:0", "sha256:e"),
    "too many bits": ("sha256:0", "sha256:z"),
    "a short digest": ("sha256:0", "sha256:"),
    "a negative size": ("NarSize: 120", "NarSize: -120"),
    "a padded size": ("NarSize: 120", "NarSize: 0120"),
    "an immense size": ("NarSize: 120", "NarSize: 1" + "0" * 30),
    "a missing field": ("NarSize: 120\n", ""),
    "a field twice": ("NarSize: 120\n", "NarSize: 120\nNarSize: 120\n"),
    "no field": ("NarSize: 120\n", "NarSize: 120\nhello\n"),
    "an empty line": ("NarSize: 120\n", "NarSize: 120\n\n"),
    "a reference that is none": ("References: ", "References: x"),
    "a reference twice": ("References: ", "References: " + " ".join(["hx000000000000000000000000000000-x"] * 2)),
}


@pytest.mark.parametrize("title", BAD)
def test_what_makes_no_sense_is_refused(title: str) -> None:
    old, new = BAD[title]
    assert old in TEXT
    with pytest.raises(InvalidNarInfo, match="there is not what"):
        NarInfo.parse(TEXT.replace(old, new, 1), "there")


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (
        lambda: NarInfo.parse(text, "x"),
        lambda: NarInfo.parse(TEXT + text, "x"),
        lambda: cache_store_dir(text, "x"),
    ):
        try:
            read()
        except InvalidNarInfo:
            continue


def test_base32_is_that_of_nix() -> None:
    empty = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    assert nix_base32(empty) == "0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73"


@pytest.fixture(scope="module")
def key() -> SecretKey:
    pytest.importorskip("cryptography", reason="the extra that signs is not installed")
    return SecretKey.of_seed("k-1", bytes(range(32)))


def test_a_key_survives_its_text_and_hides_its_secret(key: SecretKey) -> None:
    assert SecretKey.parse(key.export()) == key
    assert PublicKey.parse(f" {key.public}\n") == key.public
    assert str(key.public) == "k-1:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
    assert "AAEC" not in repr(key)
    assert SecretKey.generate("x") != SecretKey.generate("x")


def test_a_good_signature_is_accepted_and_any_other_refused(key: SecretKey) -> None:
    signature = key.sign(b"message")
    other = SecretKey.generate("k-1")
    stranger = SecretKey.generate("stranger")
    require_signature(b"message", [stranger.sign(b"message"), "k-1:", signature], [key.public], "x")
    require_signature(b"message", [signature], [other.public, key.public], "x")
    refused: list[tuple[bytes, list[str], str]] = [
        (b"massage", [signature], "is wrong"),
        (b"message", [], "not signed"),
        (b"message", [other.sign(b"message")], "is wrong"),
        (b"message", [stranger.sign(b"message")], "signed by stranger"),
        (b"message", [signature.replace("k-1:", "k-2:")], "signed by k-2"),
        (b"message", [signature[:-4]], "is wrong"),
        (b"message", ["k-1:\u00fc"], "is wrong"),
    ]
    for message, signatures, reason in refused:
        with pytest.raises(SignatureRefused, match=reason):
            require_signature(message, signatures, [key.public], "x")


@pytest.mark.parametrize(
    "text", ["", "k", "k:", ":AAAA", "k:!!!!", "k k:AAAA", "k:AAAA", "\u00fc:AAAA", "k:" + "A" * 86 + "==" + "A"]
)
def test_what_is_no_key_is_refused(text: str, key: SecretKey) -> None:
    assert text != key.export()
    for parse in (PublicKey.parse, SecretKey.parse):
        with pytest.raises(InvalidSigningKey):
            parse(text)


def test_halves_that_do_not_belong_together_are_no_key(key: SecretKey) -> None:
    with pytest.raises(InvalidSigningKey, match="halves"):
        SecretKey.parse(key.export().replace("AAEC", "BBEC"))
    with pytest.raises(InvalidSigningKey, match="no name"):
        SecretKey.generate("a b")


def test_without_the_extra_signatures_are_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]  # passed on as it came

    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    for act in (
        lambda: SecretKey.generate("x"),
        lambda: require_signature(b"", [], [PublicKey("x", bytes(32))], "x"),
    ):
        with pytest.raises(SigningUnavailable, match="hermetica-build\\[sign\\]"):
            act()
