"""Identity: which bytes are hashed, and under which context. Nothing else in hermetica computes an id.

Source: docs/format.md, "Derivation ids".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from hermetica.model.canonical import Json, encode_normalised, normalise
from hermetica_store.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica.model.derivation import Derivation
    from hermetica.model.inputs import Inputs
    from hermetica.model.outputs import FixedOutput

FORMAT: Final = "hermetica.derivation/1"
RESOLVED_FORMAT: Final = "hermetica.resolved/1"
CONTRACT_FORMAT: Final = "hermetica.fixed-output/1"
_DERIVATION_CONTEXT: Final = "hermetica 2026-11 derivation id v1"
_RESOLVED_CONTEXT: Final = "hermetica 2026-11 resolved derivation id v1"
_CONTRACT_CONTEXT: Final = "hermetica 2026-11 fixed-output contract v1"
HASHED: Final = (
    "args",
    "builder",
    "checks",
    "env",
    "export_references",
    "features",
    "fixed",
    "name",
    "outputs",
    "pass_as_file",
    "rootfs",
    "structured",
    "system",
)
NOT_HASHED: Final = ("meta", "origin")


def form_of(derivation: Derivation) -> dict[str, Json]:
    """The hashed fields of ``derivation`` in canonical order, without its inputs.

    Raises:
        UnhashableValue: a field holds what has no canonical form.
    """
    form: dict[str, Json] = {}
    for field in HASHED:
        value = getattr(derivation, field)
        if field == "checks":
            value = {output: attrs.asdict(checks) for output, checks in value.items()}
        elif field == "fixed":
            value = None if value is None else attrs.asdict(value)
        form[field] = normalise(value, field)
    return form


def canonical_bytes(form: Mapping[str, Json], inputs: Inputs) -> bytes:
    """The bytes that a derivation's id is the digest of."""
    whole: dict[str, Json] = {
        **form,
        "format": FORMAT,
        "inputs": [str(token) for token in inputs.tokens],
        "sources": [str(source.path) for source in inputs.sources],
    }
    return encode_normalised({key: whole[key] for key in sorted(whole)})


def derivation_id(canonical: bytes) -> Digest:
    """The id of the derivation whose canonical bytes these are."""
    return Digest.derive(_DERIVATION_CONTEXT, canonical)


def contract_id(name: str, fixed: FixedOutput) -> Digest:
    """The id of a fixed output: by what its content must be, whatever recipe brings it."""
    contract = {
        "algorithm": fixed.algorithm,
        "digest": fixed.digest,
        "format": CONTRACT_FORMAT,
        "method": fixed.method,
        "name": name,
    }
    return Digest.derive(_CONTRACT_CONTEXT, encode_normalised(contract))


def resolved_id(canonical: bytes) -> Digest:
    """The id of a derivation all of whose inputs are content paths."""
    return Digest.derive(_RESOLVED_CONTEXT, canonical)
