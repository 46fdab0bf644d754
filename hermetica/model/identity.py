"""Identity: which bytes are hashed, and under which context. Nothing else in hermetica computes an id.

A field that may be left out is left out of the form where it says nothing, so that a field or a check which a later
version adds changes no id of today. Source: docs/format-derivation.md, "Derivations".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.model.canonical import Json, encode_normalised, normalise, quote, text_of_normalised
from hermetica.model.outputs import checks_form, fixed_form
from hermetica_store.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hermetica.model.derivation import Derivation
    from hermetica.model.inputs import Inputs
    from hermetica.model.outputs import FixedOutput

FORMAT: Final = "hermetica.derivation/1"
RESOLVED_FORMAT: Final = "hermetica.resolved/1"
FORMAT_MEMBER: Final = f'"format":"{FORMAT}"'
BETWEEN: Final = '","'
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
NOT_HASHED: Final = ("meta", "origin", "places")
_FORMS: Final[Mapping[str, Callable[[Any], Json]]] = {"checks": checks_form, "fixed": fixed_form}


def members_of(derivation: Derivation) -> list[str]:
    """The hashed fields of ``derivation``, without its inputs: members of its form, ``"name":value`` as canonical text.

    Those that say nothing are left out.

    Raises:
        UnhashableValue: a field holds what has no canonical form.
    """
    members = _plain_members(derivation)
    values = vars(derivation)
    if not "".join(members).isascii():
        members = [_member(field, values[field]) for field in ALWAYS]
    for field, empty in EMPTY.items():
        value = values[field]
        if value is None or (not value and empty is not None):
            continue
        if field in _FORMS:
            value = _FORMS[field](value)
        if value != empty:
            members.append(_member(field, value))
    return members


def _member(field: str, value: object) -> str:
    return f'"{field}":{text_of_normalised(normalise(value, field, 1))}'


def _plain_members(derivation: Derivation) -> list[str]:
    """The fields that are always there, right where all is ASCII: the common case, at a fifth of the cost.

    That all are strings is known from the derivation's own checks.
    """
    env = derivation.env
    variables = ",".join([f"{quote(name)}:{quote(env[name])}" for name in sorted(env)])
    return [
        f'"args":[{",".join(map(quote, derivation.args))}]',
        f'"builder":{quote(derivation.builder)}',
        f'"env":{{{variables}}}',
        f'"name":{quote(derivation.name)}',
        f'"outputs":[{",".join(map(quote, derivation.outputs))}]',
        f'"system":{quote(derivation.system)}',
    ]


def canonical_bytes(members: Iterable[str], inputs: Inputs) -> bytes:
    """The bytes that a derivation's id is the digest of."""
    whole = [*members, FORMAT_MEMBER]
    if inputs.texts:
        whole.append(f'"inputs":["{BETWEEN.join(inputs.texts)}"]')  # tokens and paths have nothing to escape
    if inputs.sources:
        whole.append(f'"sources":["{BETWEEN.join([str(source.path) for source in inputs.sources])}"]')
    whole.sort()  # as their keys: the quote that ends a key is less than any character of one
    return f"{{{','.join(whole)}}}".encode()


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
