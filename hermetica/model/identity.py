"""Identity: which bytes are hashed, and under which context. Nothing else in hermetica computes an id.

A field that may be left out is left out of the form where it says nothing, so that a field or a check which a later
version adds changes no id of today. Source: docs/format-derivation.md, "Derivations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.model.canonical import Json, encode_normalised, normalise
from hermetica.model.outputs import checks_form, fixed_form
from hermetica_store.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.model.derivation import Derivation
    from hermetica.model.inputs import Inputs
    from hermetica.model.outputs import FixedOutput

FORMAT: Final = "hermetica.derivation/1"
RESOLVED_FORMAT: Final = "hermetica.resolved/1"
CONTRACT_FORMAT: Final = "hermetica.fixed-output/1"
_DERIVATION_CONTEXT: Final = "hermetica 2026-11 derivation id v1"
_RESOLVED_CONTEXT: Final = "hermetica 2026-11 resolved derivation id v1"
_CONTRACT_CONTEXT: Final = "hermetica 2026-11 fixed-output contract v1"
ALWAYS: Final = ("args", "builder", "env", "name", "outputs", "system")
EMPTY: Final[Mapping[str, Json]] = {
    "checks": {},
    "export_references": {},
    "features": (),
    "fixed": None,
    "pass_as_file": (),
    "rootfs": None,
    "structured": None,
}
HASHED: Final = (*ALWAYS, *EMPTY)
NOT_HASHED: Final = ("meta", "origin")
_FORMS: Final[Mapping[str, Callable[[Any], Json]]] = {"checks": checks_form, "fixed": fixed_form}


def form_of(derivation: Derivation) -> dict[str, Json]:
    """The hashed fields of ``derivation``, without its inputs; those that say nothing are left out.

    Raises:
        UnhashableValue: a field holds what has no canonical form.
    """
    form = _plain_form(derivation) or {field: normalise(getattr(derivation, field), field, 1) for field in ALWAYS}
    for field, empty in EMPTY.items():
        value = getattr(derivation, field)
        if value == empty:
            continue
        if field in _FORMS:
            value = _FORMS[field](value)
        if value != empty:
            form[field] = normalise(value, field, 1)
    return form


def _plain_form(derivation: Derivation) -> dict[str, Json] | None:
    """The fields that are always there, where all is ASCII: the common case; None where it is not.

    That all are strings is known from the derivation's own checks.
    """
    args, env = derivation.args, derivation.env
    texts = (derivation.builder, derivation.name, derivation.system, *derivation.outputs, *args, *env, *env.values())
    if not "".join(texts).isascii():
        return None
    return {
        "args": list(args),
        "builder": derivation.builder,
        "env": {name: env[name] for name in sorted(env)},
        "name": derivation.name,
        "outputs": list(derivation.outputs),
        "system": derivation.system,
    }


def canonical_bytes(form: Mapping[str, Json], inputs: Inputs) -> bytes:
    """The bytes that a derivation's id is the digest of."""
    whole: dict[str, Json] = {**form, "format": FORMAT}
    if inputs.tokens:
        whole["inputs"] = inputs.texts
    if inputs.sources:
        whole["sources"] = [str(source.path) for source in inputs.sources]
    return encode_normalised({key: whole[key] for key in sorted(whole)})


def derivation_id(canonical: bytes) -> Digest:
    """The id of the derivation whose canonical bytes these are."""
    return Digest.derive(_DERIVATION_CONTEXT, canonical)


def contract_bytes(name: str, fixed: FixedOutput) -> bytes:
    """What identifies a fixed output: what its content must be, whatever recipe brings it."""
    contract = {**fixed_form(fixed), "format": CONTRACT_FORMAT, "name": name}
    return encode_normalised({key: contract[key] for key in sorted(contract)})


def contract_id(name: str, fixed: FixedOutput) -> Digest:
    """The digest of ``contract_bytes``."""
    return Digest.derive(_CONTRACT_CONTEXT, contract_bytes(name, fixed))


def resolved_id(canonical: bytes) -> Digest:
    """The id of a derivation all of whose inputs are content paths."""
    return Digest.derive(_RESOLVED_CONTEXT, canonical)
