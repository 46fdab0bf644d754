"""Resolution: a derivation with every placeholder replaced by the content path it realised to.

Two derivations that differ only in how their inputs were made resolve to the same bytes, and so to the same
resolved id: that is the early cut-off, and needs no other mechanism. Source:
docs/format-derivation.md, "Resolved derivations".
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.model.canonical import NotCanonical, text_of_normalised
from hermetica.model.identity import BETWEEN, FORMAT_MEMBER, RESOLVED_FORMAT, contract_bytes, resolved_id
from hermetica.model.outputs import NO_CHECKS
from hermetica.model.placeholder import SELF, Token, substitute
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hermetica.model.derivation import Derivation
    from hermetica.model.inputs import Inputs
    from hermetica_store.digest import Digest

_BY_DIGEST: Final = attrgetter("digest", "name")
_RESOLVED_MEMBER: Final = f'"format":"{RESOLVED_FORMAT}"'
_NAME_MEMBER: Final = '"name":'
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


@attrs.frozen
class ResolvedForm:
    """The form of a resolved derivation, as canonical text: all that is needed to look whether it was built before.

    Attributes:
        id: the resolved id; the contract id of a fixed output.
        text: of the form.
        inputs: the store paths that it mentions, ascending.
        derivation: what it was made from.
    """

    id: Digest
    text: str = attrs.field(repr=False)
    inputs: tuple[StorePath, ...]
    derivation: Derivation = attrs.field(repr=False)

    def read(self) -> Resolved:
        """The resolved derivation, as a builder needs it.

        Raises:
            InvalidRecord: it was told by another process, and is none.
        """
        form, derivation = json.loads(self.text), self.derivation
        derivation.ensure_read()
        contract = None if derivation.fixed is None or not derivation.fixed.is_known else derivation.fixed
        return Resolved(
            id=self.id,
            canonical=self.text.encode() if contract is None else contract_bytes(derivation.name, contract),
            derivation=derivation,
            inputs=self.inputs,
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


def resolved_form(derivation: Derivation, path_of: Callable[[Token], StorePath]) -> ResolvedForm:
    """The form of ``derivation`` with the paths its inputs realised to.

    Args:
        derivation: any derivation.
        path_of: the content path of each of ``derivation.inputs.tokens``.
    """
    stated = derivation.inputs
    paths = {text: path_of(token) for text, (token, _) in zip(stated.texts, stated.derivations, strict=True)}
    inputs = tuple(sorted({*paths.values(), *(source.path for source in stated.sources)}, key=_BY_DIGEST))
    text = derivation.canonical.decode()
    text = _with_inputs(text, stated, inputs) if derivation.structured is None else _with_inputs_slowly(text, inputs)
    for token_text, path in paths.items():
        text = text.replace(token_text, str(path))
    if derivation.checks:
        text = _with_sorted_paths(text)
    is_contract = derivation.fixed is not None and derivation.fixed.is_known
    digest = derivation.input_id if is_contract else resolved_id(text.encode())
    return ResolvedForm(digest, text, inputs, derivation)


def resolve(derivation: Derivation, path_of: Callable[[Token], StorePath]) -> Resolved:
    """``derivation`` with the paths its inputs realised to.

    Args:
        derivation: any derivation.
        path_of: the content path of each of ``derivation.inputs.tokens``.
    """
    return resolved_form(derivation, path_of).read()


def _with_inputs(text: str, stated: Inputs, inputs: Sequence[StorePath]) -> str:
    """A form without structured attributes as that of a resolved derivation, without reading it.

    Members are in order. Of what users name, all that has members comes before ``format``, and within strings a quote
    has a backslash before it: so what is looked for here is found in its place alone. What goes is what is known to
    stand there, to the last byte: whatever resolves to the form of a derivation is a form itself.

    Raises:
        NotCanonical: the form says something else of its inputs.
    """
    sources = _member("sources", [source.path for source in stated.sources])
    before, found, after = text.rpartition(f"{FORMAT_MEMBER}{_member('inputs', stated.texts)},{_NAME_MEMBER}")
    head, is_there, tail = after.partition(sources) if sources else (after, found, "")
    if not (found and is_there):
        raise NotCanonical(f"no form of a derivation: {text[:40]!r}")
    return f"{before}{_RESOLVED_MEMBER}{_member('inputs', inputs)},{_NAME_MEMBER}{head}{tail}"


def _member(name: str, texts: Sequence[object]) -> str:
    """A list of texts that have nothing to escape; nothing where there are none."""
    return f',"{name}":["{BETWEEN.join(map(str, texts))}"]' if texts else ""


def _with_inputs_slowly(text: str, inputs: Sequence[StorePath]) -> str:
    """The same of any form."""
    form: dict[str, Any] = json.loads(text)
    form.pop("sources", None)
    form["format"] = RESOLVED_FORMAT
    if inputs:
        form["inputs"] = [str(path) for path in inputs]
    return text_of_normalised({key: form[key] for key in sorted(form)})


def _with_sorted_paths(text: str) -> str:
    """A form whose checks list paths where they listed placeholders: ascending, each once."""
    form: dict[str, Any] = json.loads(text)
    for checks in form.get("checks", {}).values():
        for name in _PATH_LISTS:
            if name in checks:
                checks[name] = sorted(set(checks[name]))
    return text_of_normalised(form)


def with_own_paths(text: str, paths: Mapping[str, str]) -> str:
    """``text`` with placeholders of the derivation's own outputs replaced.

    Args:
        text: a string of a resolved derivation.
        paths: output name -> path in the sandbox.
    """
    return substitute(text, lambda token: paths[token.output] if token.digest == SELF else str(token))
