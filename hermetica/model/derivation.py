"""Derivations: pure descriptions of a build, identified by the digest of all that they declare.

A derivation is a value. Its id covers every declared input; what describes it for people (``meta``, ``origin``) stays
outside. Inputs are found in its strings, so a dependency is declared by using it. Source: docs/format.md,
"Derivations".
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import EvaluationError
from hermetica.model import identity
from hermetica.model.canonical import Json, UnhashableValue
from hermetica.model.evaluation import current_evaluation
from hermetica.model.inputs import Inputs, find_inputs
from hermetica.model.origin import Origin, caller
from hermetica.model.outputs import FixedOutput, Meta, OutputChecks
from hermetica.model.placeholder import Token, check_output_name, digest_text
from hermetica_store.path import NAME_LENGTH_MAX, is_valid_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hermetica.model.source import Source
    from hermetica_store.digest import Digest

LONGEST_OUTPUT_SUFFIX: Final = 65  # a dash and the longest name of an output


class InvalidDerivation(EvaluationError, ValueError):
    """Fields that make no derivation."""

    code = "HM207"


class UnknownOutput(EvaluationError, LookupError):
    """An output that the derivation does not have."""

    code = "HM208"

    def __init__(self, derivation: Derivation, output: str) -> None:
        super().__init__(
            f"{derivation.name} has no output {output!r}",
            details=(("outputs", ", ".join(derivation.outputs)),),
            origin=str(derivation.origin) if derivation.origin else None,
        )


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _ordered(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _freeze(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


def _freeze_optional(mapping: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if mapping is None else _freeze(mapping)


@attrs.frozen(kw_only=True, eq=False, repr=False, slots=False)
class Derivation:
    """A build, as a value: equal and hashed by id.

    Attributes:
        name: what its store paths are called.
        builder: the program to run, a path in the sandbox, or ``builtin:NAME``.
        args: its arguments.
        env: its environment, beside what the sandbox contract sets and a variable per output.
        outputs: names; the first is the default.
        system: the platform that can run the builder, such as ``x86_64-linux``.
        rootfs: a tree whose entries appear read-only at ``/``, for tools; a reference only of outputs that mention it.
        fixed: the content that the one output must have; None for an ordinary build.
        structured: JSON given to the builder in ``/build/.attrs.json``.
        pass_as_file: names of variables that reach the builder as files.
        export_references: file name in ``/build`` -> placeholder whose run-time closure is written there as JSON.
        checks: by output name.
        features: what the sandbox must offer, such as ``clock:frozen``.
        meta: what people want to know.
        origin: the line that defines it.
    """

    name: str
    builder: str
    args: tuple[str, ...] = attrs.field(default=(), converter=_ordered)
    env: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_freeze)
    outputs: tuple[str, ...] = attrs.field(default=("out",), converter=_ordered)
    system: str = "x86_64-linux"
    rootfs: str | None = None
    fixed: FixedOutput | None = None
    structured: Mapping[str, Json] | None = attrs.field(default=None, converter=_freeze_optional)
    pass_as_file: tuple[str, ...] = attrs.field(default=(), converter=_names)
    export_references: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=_freeze)
    checks: Mapping[str, OutputChecks] = attrs.field(factory=dict[str, OutputChecks], converter=_freeze)
    features: tuple[str, ...] = attrs.field(default=(), converter=_names)
    meta: Meta = attrs.field(factory=Meta)
    origin: Origin | None = attrs.field(factory=caller)
    id: Digest = attrs.field(init=False)
    canonical: bytes = attrs.field(init=False)
    inputs: Inputs = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        try:
            self._check()
            form = identity.form_of(self)
            inputs = find_inputs(form, self.outputs)
        except EvaluationError as error:
            error.origin = error.origin or (str(self.origin) if self.origin else None)
            raise
        canonical = identity.canonical_bytes(form, inputs)
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "canonical", canonical)
        object.__setattr__(self, "id", identity.derivation_id(canonical))

    def _check(self) -> None:
        longest = NAME_LENGTH_MAX - LONGEST_OUTPUT_SUFFIX
        if not is_valid_name(self.name) or len(self.name) > longest:
            raise InvalidDerivation(
                f"not a name for a derivation: {self.name!r}",
                hint=f"use letters, digits and +-._?=, no dot first, at most {longest}",
            )
        if not self.builder:
            raise InvalidDerivation(f"{self.name}: the builder is empty", hint='builder=f"{busybox}/bin/sh"')
        self._check_outputs()
        self._check_variables()
        for name in self.export_references:
            if "/" in name or name in {"", ".", ".."}:
                raise InvalidDerivation(f"{self.name}: export_references takes plain file names, not {name!r}")

    def _check_outputs(self) -> None:
        if not self.outputs or len(set(self.outputs)) != len(self.outputs):
            raise InvalidDerivation(
                f"{self.name}: outputs are {self.outputs!r}", hint="name each once, and at least one"
            )
        for output in self.outputs:
            check_output_name(output)
        if self.fixed is not None and self.outputs != ("out",):
            raise InvalidDerivation(f"{self.name}: a fixed output is alone and called 'out', not {self.outputs!r}")
        if unknown := sorted(set(self.checks) - set(self.outputs)):
            raise UnknownOutput(self, unknown[0])

    def _check_variables(self) -> None:
        if absent := sorted(set(self.pass_as_file) - set(self.env)):
            raise InvalidDerivation(f"{self.name}: pass_as_file names {absent[0]!r}, which env does not have")
        for name, value in self.env.items():
            if not name or "=" in name or "\0" in name:
                raise InvalidDerivation(f"{self.name}: not a name for a variable: {name!r}")
            if type(value) is not str:
                raise UnhashableValue(
                    f"env.{name}", f"a {type(value).__name__}", "variables are strings; write str(...)"
                )
            if "\0" in value:
                raise InvalidDerivation(f"{self.name}: env.{name} holds a NUL byte, which no variable can")

    @cached_property
    def input_id(self) -> Digest:
        """What dependants hash: the content contract of a fixed output, else the id."""
        if self.fixed is None or not self.fixed.is_known:
            return self.id
        return identity.contract_id(self.name, self.fixed)

    @cached_property
    def _token_digest(self) -> str:
        return digest_text(self.input_id)

    def placeholder(self, output: str = "") -> str:
        """The text that stands for the path of ``output``; of the default output where none is named.

        Raises:
            UnknownOutput: there is no such output.
        """
        output = output or self.outputs[0]
        if output not in self.outputs:
            raise UnknownOutput(self, output)
        current_evaluation().derivations.setdefault(self._token_digest, self)
        return str(Token(self._token_digest, output))

    def __str__(self) -> str:
        return self.placeholder()

    def __format__(self, specification: str) -> str:
        return self.placeholder(specification)

    def __repr__(self) -> str:
        return f"<Derivation {self.name} {self.id.hex[:8]}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Derivation) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[object, ...]:
        from hermetica.model.record import from_records, to_records  # noqa: PLC0415 -- record builds on this module

        return from_records, (to_records([self]),)

    def override_attrs(self, change: Callable[[Derivation], Mapping[str, Any]]) -> Derivation:
        """The same derivation with the fields that ``change`` returns."""
        return attrs.evolve(self, **{"origin": caller(), **change(self)})

    def store_name(self, output: str) -> str:
        """What the store path of ``output`` is called."""
        return self.name if output == self.outputs[0] else f"{self.name}-{output}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources among the inputs, ascending by path."""
        return self.inputs.sources


def derivation(
    *,
    name: str,
    builder: str,
    args: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
    outputs: Iterable[str] = ("out",),
    rootfs: Derivation | str | None = None,
    checks: Mapping[str, OutputChecks] | OutputChecks | None = None,
    **fields: Any,
) -> Derivation:
    """A derivation; every field of ``Derivation`` may be given.

    Args:
        name: what its store paths are called.
        builder: the program to run, usually ``f"{package}/bin/program"``.
        args: its arguments.
        env: its environment.
        outputs: the names of its outputs, default first.
        rootfs: a derivation, or a text, whose tree appears at ``/``.
        checks: by output name; one alone holds for every output.
        fields: the other fields of ``Derivation``.

    Raises:
        EvaluationError: a field has no meaning; the error names it and the caller's line.
    """
    if isinstance(checks, OutputChecks):
        checks = dict.fromkeys(outputs, checks)
    known = attrs.fields_dict(Derivation)
    for field in fields:
        if field not in known or not known[field].init:
            raise InvalidDerivation(
                f"{name}: a derivation has no field {field!r}",
                details=(("fields", ", ".join(key for key, value in known.items() if value.init)),),
                origin=str(caller()),
            )
    return Derivation(
        name=name,
        builder=builder,
        args=args,
        env=env or {},
        outputs=outputs,
        rootfs=None if rootfs is None else str(rootfs),
        checks=checks or {},
        **fields,
    )
