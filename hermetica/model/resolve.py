"""Resolution: a derivation with every placeholder replaced by the content path it realised to.

Two derivations that differ only in how their inputs were made resolve to the same bytes, and so to the same
resolved id: that is the early cut-off, and needs no other mechanism. Source:
docs/format-derivation.md, "Resolved derivations".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.model.canonical import encode_normalised
from hermetica.model.identity import RESOLVED_FORMAT, contract_bytes, resolved_id
from hermetica.model.outputs import NO_CHECKS
from hermetica.model.placeholder import SELF, Token, substitute
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.model.derivation import Derivation
    from hermetica_store.digest import Digest

_PATH_LISTS: Final = ("allowed_references", "allowed_requisites", "disallowed_references", "disallowed_requisites")


@attrs.frozen(kw_only=True)
class Resolved:
    """A derivation whose inputs are content paths: what a builder can run and a trace is keyed by.

    Placeholders of its own outputs remain; they are replaced by scratch paths when it runs.

    Attributes:
        id: the resolved id; the contract id of a fixed output.
        canonical: the bytes that the id is the digest of.
        derivation: what it was made from.
        inputs: the store paths that the sandbox shows, ascending.
        builder: the program.
        args: its arguments.
        env: the declared environment, ascending by name.
        rootfs: the tree at ``/``, if any.
        structured: JSON for the builder, if any.
        export_references: file name -> the path whose closure is written.
        checks: by output name, as JSON objects with the fields of ``OutputChecks``.
    """

    id: Digest
    canonical: bytes = attrs.field(repr=False)
    derivation: Derivation = attrs.field(repr=False)
    inputs: tuple[StorePath, ...]
    builder: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    rootfs: StorePath | None
    structured: Mapping[str, Any] | None
    export_references: tuple[tuple[str, StorePath], ...]
    checks: Mapping[str, Mapping[str, Any]]


def resolve(derivation: Derivation, path_of: Callable[[Token], StorePath]) -> Resolved:
    """``derivation`` with the paths its inputs realised to.

    Args:
        derivation: any derivation.
        path_of: the content path of each of ``derivation.inputs.tokens``.
    """
    used = {path_of(token) for token in derivation.inputs.tokens}
    used.update(source.path for source in derivation.inputs.sources)
    inputs = tuple(sorted(used, key=lambda path: (path.digest, path.name)))

    def spell(token: Token) -> str:
        return str(token) if token.digest == SELF else str(path_of(token))

    form: dict[str, Any] = json.loads(substitute(derivation.canonical.decode(), spell))
    form.pop("sources", None)
    form["format"] = RESOLVED_FORMAT
    if inputs:
        form["inputs"] = [str(path) for path in inputs]
    form = {key: form[key] for key in sorted(form)}
    for checks in form.get("checks", {}).values():
        for name in _PATH_LISTS:
            if name in checks:
                checks[name] = sorted(set(checks[name]))
    if derivation.fixed is not None and derivation.fixed.is_known:
        digest, canonical = derivation.input_id, contract_bytes(derivation.name, derivation.fixed)
    else:
        canonical = encode_normalised(form)
        digest = resolved_id(canonical)
    return Resolved(
        id=digest,
        canonical=canonical,
        derivation=derivation,
        inputs=inputs,
        builder=form["builder"],
        args=tuple(form["args"]),
        env=tuple(form["env"].items()),
        rootfs=StorePath.parse(form["rootfs"]) if "rootfs" in form else None,
        structured=form.get("structured"),
        export_references=tuple(
            (name, StorePath.parse(text)) for name, text in form.get("export_references", {}).items()
        ),
        checks={output: {**NO_CHECKS, **checks} for output, checks in form.get("checks", {}).items()},
    )


def with_own_paths(text: str, paths: Mapping[str, str]) -> str:
    """``text`` with placeholders of the derivation's own outputs replaced.

    Args:
        text: a string of a resolved derivation.
        paths: output name -> path in the sandbox.
    """
    return substitute(text, lambda token: paths[token.output] if token.digest == SELF else str(token))
