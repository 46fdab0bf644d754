"""The worked example of docs/format-derivation.md, recomputed with nothing but JSON and BLAKE3."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from blake3 import blake3

PAGE = Path(__file__).parent.parent.parent / "docs" / "format-derivation.md"
BLOCK = re.compile(
    r"^context +(?P<context>.+)\nbytes +(?P<bytes>.+)\ndigest +(?P<digest>\w{64})(?:\nplaceholder +(?P<token>\S+))?$",
    re.MULTILINE,
)
ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"


def blocks() -> list[re.Match[str]]:
    return list(BLOCK.finditer(PAGE.read_text(encoding="utf-8"))) if PAGE.exists() else []


pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the tests run away from the documentation")


def test_the_example_has_a_contract_two_derivations_and_a_resolved_one() -> None:
    formats = [json.loads(block["bytes"])["format"] for block in blocks()]
    assert formats == [f"hermetica.{kind}/1" for kind in ("fixed-output", "derivation", "derivation", "resolved")]


def test_each_digest_is_that_of_the_bytes_above_it() -> None:
    for block in blocks():
        digest = blake3(block["bytes"].encode(), derive_key_context=block["context"]).hexdigest()
        assert digest == block["digest"]


def test_the_bytes_are_canonical() -> None:
    for block in blocks():
        form = json.loads(block["bytes"])
        assert json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == block["bytes"]


def test_each_placeholder_carries_the_digest_beside_it_and_stands_in_the_next_form() -> None:
    steps = blocks()
    for block, after in pairwise(steps[:3]):
        token, output = block["token"], "dev" if '"dev"' in block["bytes"] else "out"
        number = int(block["digest"][:40], 16)
        digits = "".join(ALPHABET[number >> shift & 31] for shift in range(155, -1, -5))
        assert token == f"/730159264817{digits}x{output.encode().hex()}718462951037"
        assert json.loads(after["bytes"])["inputs"] == [token]
