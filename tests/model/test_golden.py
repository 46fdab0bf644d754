"""Golden vectors: the canonical bytes and ids of one derivation of every kind, pinned.

A change here changes ids: every object of every store is then realized again, and every published id is void. If that
is meant, raise the version in the format's name and run::

    HERMETICA_REGENERATE_GOLDEN=1 python -m pytest -s tests/model/test_golden.py

which rewrites the file and says what the change costs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

import hermetica.model as hm
from hermetica_store.path import StorePath

GOLDEN = Path(__file__).parent.parent / "golden" / "derivations.json"
REGENERATE = os.environ.get("HERMETICA_REGENERATE_GOLDEN") == "1"
CONTEXTS = {
    "derivation": "hermetica 2026-11 derivation id v1",
    "resolved": "hermetica 2026-11 resolved derivation id v1",
    "contract": "hermetica 2026-11 fixed-output contract v1",
}
ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz"


def fetched_trees() -> dict[str, hm.Derivation]:
    """One of every kind that fetches a tree."""
    return {
        "fixed, git": hm.fetchgit("https://example.org/r.git", rev="1c" * 20, blake3="2a" * 32),
        "fixed, git, submodules": hm.fetchgit(
            ["https://example.org/r", "https://example.net/r"], rev="1c" * 32, blake3="2a" * 32, submodules=True
        ),
        "fixed, closure of a Nix cache": hm.fetchnix(
            [f"/nix/store/{'1' * 32}-hello-2.12", f"/nix/store/{'0' * 32}-bash-5.2"],
            cache=["mirror://nix", "https://example.net/cache/"],
            trusted_keys=[f"example-1:{'A' * 43}="],
            blake3="2a" * 32,
        ),
        "fixed, image": hm.fetchoci("mirror://oci/library/debian", digest=f"sha256:{'4d' * 32}", blake3="2a" * 32),
        "fixed, image of an index": hm.fetchoci(
            ["mirror://oci/library/debian", "https://example.net/debian"],
            digest=f"sha512:{'4d' * 64}",
            platform="linux/arm64/v8",
            name="debian-12",
            blake3="2a" * 32,
        ),
    }


def kinds() -> dict[str, hm.Derivation]:
    """One derivation of every kind."""
    busybox = hm.store_path_source(f"/hermetica/store/hx{'1' * 30}-busybox-1.36.1")
    shell = f"{busybox}/bin/sh"
    plain = hm.derivation(name="hello-1.0", builder=shell, args=["-euc", "echo 'hello, world' > $out"])
    zlib = hm.derivation(
        name="zlib-1.3.1", builder=shell, outputs=("out", "dev"), env={"prefix": hm.placeholder(), "é": "\U0001f600\n"}
    )
    archive = hm.fetchurl("https://example.org/zlib-1.3.1.tar.gz", sha256="9a" * 32, size_bytes=1_512_791)
    debs = [hm.fetchurl(f"mirror://debian/pool/{name}.deb", sha256="0b" * 32) for name in ("a", "b")]
    rootfs = hm.debian_rootfs("rootfs", debs)
    checks = hm.OutputChecks(
        allowed_references=["out", f"{zlib}"], disallowed_requisites=[f"{zlib:dev}"], max_size_bytes=1 << 20
    )
    return {
        "plain": plain,
        "multi-output": zlib,
        "dependent": hm.derivation(name="app", builder=shell, env={"LDFLAGS": f"-L{zlib}/lib -I{zlib:dev}/include"}),
        "fixed, flat, sha256": archive,
        "fixed, flat, sha512": hm.fetchurl("https://example.org/a", sha512="5c" * 64),
        "fixed, flat, blake3": hm.fetchurl(["https://example.org/b", "https://example.net/b"], blake3="3d" * 32),
        **fetched_trees(),
        "fixed, unknown": hm.fetchurl("https://example.org/c", hash=hm.UNKNOWN),
        "fixed, tree": hm.derivation(
            name="vendor",
            builder=shell,
            args=["-euc", "cp -r $src $out"],
            env={"src": str(archive)},
            fixed=hm.FixedOutput(method="tree", algorithm="blake3", digest="7e" * 32),
        ),
        "unpack": hm.unpack(archive),
        "text": hm.text("app.conf", f"prefix={zlib}\n"),
        "executable text": hm.text("app.sh", f"#!{shell}\n", executable=True),
        "unpack-deb": rootfs.inputs.derivations[0][1],
        "debian-rootfs": rootfs,
        "debian-rootfs, trees": hm.debian_rootfs("rootfs", debs, trees=[hm.unpack(archive)]),
        "run": hm.run("count", "wc -l < $data > $out", tools=[zlib], data=archive, rootfs=rootfs),
        "structured": hm.derivation(
            name="structured", builder=shell, structured={"z": [1, -2, True, None], "a": {"lib": f"{zlib}", "é": {}}}
        ),
        "checks": hm.derivation(name="checked", builder=shell, checks=checks),
        "export_references": hm.derivation(name="image", builder=shell, export_references={"graph": f"{plain}"}),
        "pass_as_file": hm.derivation(name="filed", builder=shell, env={"text": "long"}, pass_as_file=["text"]),
        "rootfs, features, system": hm.derivation(
            name="tools", builder="/bin/sh", rootfs=rootfs, features=["clock:frozen"], system="aarch64-linux"
        ),
    }


def stand_in(token: hm.Token) -> StorePath:
    """The path that a golden input realised to: any will do, if it is always the same."""
    return StorePath(f"hx{token.digest[:30]}", token.output)


def vector(derivation: hm.Derivation) -> dict[str, Any]:
    resolved = hm.resolve(derivation, stand_in)
    return {
        "canonical": derivation.canonical.decode(),
        "id": derivation.id.hex,
        "input_id": derivation.input_id.hex,
        "placeholder": str(derivation),
        "resolved_canonical": resolved.canonical.decode(),
        "resolved_id": resolved.id.hex,
    }


def pinned() -> dict[str, dict[str, str]]:
    vectors: dict[str, dict[str, str]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["vectors"]
    return vectors


@pytest.mark.skipif(not REGENERATE, reason="HERMETICA_REGENERATE_GOLDEN=1 rewrites the golden vectors")
def test_regenerate_and_say_what_it_costs() -> None:
    now = {kind: vector(derivation) for kind, derivation in kinds().items()}
    before = pinned() if GOLDEN.exists() else {}
    changed = [kind for kind in before if now.get(kind) != before[kind]]
    GOLDEN.write_text(
        json.dumps({"contexts": CONTEXTS, "vectors": now}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(f"\n{len(changed)} of {len(before)} golden derivations changed: {', '.join(changed) or 'none'}.")  # noqa: T201 -- this is what the switch is for
    if changed:
        print("Every id of these kinds is void: all users realize them, and what depends on them, again.")  # noqa: T201 -- this is what the switch is for


def test_every_kind_is_pinned() -> None:
    assert list(pinned()) == list(kinds())


@pytest.mark.parametrize("kind", pinned() if GOLDEN.exists() else ())
def test_the_bytes_and_ids_are_those_pinned(kind: str) -> None:
    assert vector(kinds()[kind]) == pinned()[kind]


# What follows uses nothing of hermetica but the file: JSON and BLAKE3 are enough to recompute an id.


def keyed(context: str, text: str) -> str:
    return blake3(text.encode(), derive_key_context=CONTEXTS[context]).hexdigest()


def token_of(digest_hex: str, output: str) -> str:
    number = int(digest_hex[:40], 16)
    digits = "".join(ALPHABET[number >> shift & 31] for shift in range(155, -1, -5))
    return f"/730159264817{digits}x{output.encode().hex()}718462951037"


@pytest.mark.parametrize(
    "vector", pinned().values() if GOLDEN.exists() else (), ids=pinned() if GOLDEN.exists() else ()
)
def test_anybody_with_json_and_blake3_recomputes_the_ids(vector: dict[str, str]) -> None:
    form = json.loads(vector["canonical"])
    assert keyed("derivation", vector["canonical"]) == vector["id"]
    fixed = form.get("fixed")
    input_id = vector["id"]
    if fixed is not None and fixed["digest"] != "unknown":
        contract = {**fixed, "format": "hermetica.fixed-output/1", "name": form["name"]}
        text = json.dumps(contract, sort_keys=True, separators=(",", ":"))
        assert text == vector["resolved_canonical"]
        input_id = keyed("contract", text)
        assert vector["resolved_id"] == input_id
    else:
        assert keyed("resolved", vector["resolved_canonical"]) == vector["resolved_id"]
    assert vector["input_id"] == input_id
    assert vector["placeholder"] == token_of(input_id, form["outputs"][0])
