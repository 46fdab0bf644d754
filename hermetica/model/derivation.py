"""Derivations: pure descriptions of a build, identified by the digest of all that they declare.

A derivation is a value. Its id covers every declared input; what describes it for people (``meta``, ``origin``) stays
outside. Inputs are found in its strings, so a dependency is declared by using it. Source: docs/format-derivation.md,
"Derivations".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.errors import EvaluationError
from hermetica.model import fields, identity
from hermetica.model.canonical import UnhashableValue, refuse
from hermetica.model.evaluation import current_evaluation
from hermetica.model.input import Input
from hermetica.model.inputs import Inputs, find_inputs
from hermetica.model.origin import Origin, caller, user_line
from hermetica.model.outputs import FixedOutput, Meta, OutputChecks
from hermetica.model.override import Edited, NotOverridable, UnknownArgument, plain
from hermetica.model.placeholder import Token, check_output_name, digest_text, is_own, token_texts
from hermetica_store.errors import InvalidStorePath
from hermetica_store.path import NAME_LENGTH_MAX, StorePath, is_valid_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from hermetica.model.canonical import Json
    from hermetica.model.evaluation import Evaluation
    from hermetica.model.override import Fields, Recipe
    from hermetica.model.source import Source
    from hermetica_store.digest import Digest

LONGEST_NAME: Final = NAME_LENGTH_MAX - 65  # leaves room for a dash and the longest name of an output


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
            origin=user_line(),
        )


_NO_META: Final = Meta()
_STRING: Final = frozenset({str})


def _origin(derivation: Derivation) -> Origin | None:
    return caller(derivation.name)


def _no_tokens() -> dict[str, str]:
    return {}


@attrs.frozen(kw_only=True, eq=False, repr=False, slots=False)
class Derivation(Input):
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
        places: name in its messages -> where the text of that name begins; of builders in Python.
        id: the digest of ``canonical``.
        input_id: what dependants hash: the content contract of a fixed output, else the id.
        canonical: the hashed bytes.
        inputs: what its strings mention.
    """

    name: str
    builder: str
    args: tuple[str, ...] = attrs.field(default=(), converter=fields.args)
    env: Mapping[str, str] = attrs.field(factory=dict[str, str], converter=fields.env)
    outputs: tuple[str, ...] = attrs.field(default=fields.DEFAULT_OUTPUTS, converter=fields.outputs)
    system: str = "x86_64-linux"
    rootfs: str | None = None
    fixed: FixedOutput | None = None
    structured: Mapping[str, Json] | None = attrs.field(default=None, converter=fields.structured)
    pass_as_file: tuple[str, ...] = attrs.field(default=(), converter=fields.pass_as_file)
    export_references: Mapping[str, str] = attrs.field(default=fields.EMPTY, converter=fields.export_references)
    checks: Mapping[str, OutputChecks] = attrs.field(default=fields.EMPTY, converter=fields.checks)
    features: tuple[str, ...] = attrs.field(default=(), converter=fields.features)
    meta: Meta = _NO_META
    origin: Origin | None = attrs.field(default=attrs.Factory(_origin, takes_self=True))
    places: Mapping[str, Origin] = attrs.field(factory=dict[str, Origin])
    id: Digest = attrs.field(init=False)
    input_id: Digest = attrs.field(init=False)
    canonical: bytes = attrs.field(init=False)
    inputs: Inputs = attrs.field(init=False)
    _tokens: dict[str, str] = attrs.field(init=False, factory=_no_tokens)
    _recipe: Recipe | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        try:
            self._check()
            members = identity.members_of(self)
            inputs = find_inputs(self, members)
            if self.rootfs is not None or self.export_references or self.checks:
                self._check_paths()
        except EvaluationError as error:
            if self.origin is not None:
                error.origin, error.via = str(self.origin), self.origin.via
            raise
        canonical = identity.canonical_bytes(members, inputs)
        own = identity.derivation_id(canonical)
        fixed = self.fixed if self.fixed is not None and self.fixed.is_known else None
        found = vars(self)
        found["id"], found["canonical"], found["inputs"] = own, canonical, inputs
        found["input_id"] = own if fixed is None else identity.contract_id(self.name, fixed)
        if self.structured is not None:  # a copy of ours, that nobody else can change
            found["structured"] = fields.structured(json.loads(canonical)["structured"])

    def _check(self) -> None:
        self._check_strings()
        if not is_valid_name(self.name) or len(self.name) > LONGEST_NAME:
            raise InvalidDerivation(
                f"not a name for a derivation: {self.name!r}",
                hint=f"use letters, digits and +-._?=, no dot first, at most {LONGEST_NAME}",
            )
        if not self.builder:
            raise InvalidDerivation(f"{self.name}: the builder is empty", hint='builder=f"{busybox}/bin/sh"')
        if "\0" in self.builder or "\0" in "".join(self.args):
            raise InvalidDerivation(
                f"{self.name}: the builder or an argument holds a NUL byte, which no program can get"
            )
        if self.fixed is not None and not isinstance(self.fixed, FixedOutput):  # pyright: ignore[reportUnnecessaryIsInstance] -- users need not run a type checker
            raise refuse(self.fixed, "fixed", "write hm.FixedOutput(...)")
        if self.outputs is not fields.DEFAULT_OUTPUTS or self.checks:
            self._check_outputs()
        if self.env or self.pass_as_file:
            self._check_variables()
        if self.export_references:
            self._check_exports()

    def _check_exports(self) -> None:
        for name, value in self.export_references.items():
            if type(name) is not str or "/" in name or "\0" in name or name in {"", ".", ".."}:
                raise InvalidDerivation(f"{self.name}: export_references takes plain file names, not {name!r}")
            if type(value) is not str:
                raise refuse(value, f"export_references.{name}", 'write f"{package}"')

    def _check_strings(self) -> None:
        if not type(self.name) is type(self.builder) is type(self.system) is str:
            for field in ("name", "builder", "system"):
                if type(value := getattr(self, field)) is not str:
                    raise refuse(value, field, "write a string")

    def _check_paths(self) -> None:
        """That what must be a path, the whole of it, is one."""
        paths = {f"export_references.{name}": text for name, text in self.export_references.items()}
        if self.rootfs is not None:
            paths["rootfs"] = self.rootfs
        for where, text in paths.items():
            if not _is_path(text):
                shown = current_evaluation().render(text)
                raise InvalidDerivation(f"{self.name}: {where} is a whole output or store path, not {shown!r}")
        for checks in self.checks.values():
            for name in sorted(checks.named()):
                if name not in self.outputs and not _is_path(name) and not is_own(name):
                    raise UnknownOutput(self, current_evaluation().render(name))

    def _check_outputs(self) -> None:
        if not self.outputs or len(set(self.outputs)) != len(self.outputs):
            raise InvalidDerivation(
                f"{self.name}: outputs are {self.outputs!r}", hint="name each once, and at least one"
            )
        for output in self.outputs:
            check_output_name(output)
        if self.fixed is not None and self.outputs != ("out",):
            raise InvalidDerivation(f"{self.name}: a fixed output is alone and called 'out', not {self.outputs!r}")
        for output, checks in self.checks.items():
            if output not in self.outputs:
                raise UnknownOutput(self, output)
            if not isinstance(checks, OutputChecks):  # pyright: ignore[reportUnnecessaryIsInstance] -- users need not run a type checker
                raise refuse(checks, f"checks.{output}", "write hm.OutputChecks(...)")

    def _check_variables(self) -> None:
        if self.pass_as_file and (absent := sorted(set(self.pass_as_file) - set(self.env))):
            raise InvalidDerivation(f"{self.name}: pass_as_file names {absent[0]!r}, which env does not have")
        if self.env and not self._has_plain_variables():
            self._check_each_variable()

    def _has_plain_variables(self) -> bool:
        """Whether nothing is wrong with any variable, told without a step of Python for each."""
        names, values = self.env.keys(), self.env.values()
        if not (_STRING.issuperset(map(type, names)) and _STRING.issuperset(map(type, values))):
            return False
        if not names.isdisjoint(self.outputs) or "" in names:
            return False
        joined = "".join(names)
        return "=" not in joined and "\0" not in joined and "\0" not in "".join(values)

    def _check_each_variable(self) -> None:
        for name, value in self.env.items():
            if type(name) is not str:
                raise UnhashableValue("env", f"the key {name!r}", "names of variables are strings")
            if name in self.outputs:
                raise InvalidDerivation(
                    f"{self.name}: env.{name} would hide the path of output {name}", hint="call the variable otherwise"
                )
            if not name or "=" in name or "\0" in name:
                raise InvalidDerivation(f"{self.name}: not a name for a variable: {name!r}")
            if type(value) is not str:
                raise refuse(value, f"env.{name}", "variables are strings; write str(...)")
            if "\0" in value:
                raise InvalidDerivation(f"{self.name}: env.{name} holds a NUL byte, which no variable can")

    def ensure_read(self) -> None:
        """Nothing: whatever was made has its fields, and they were checked. One that was told reads them now."""

    def placeholder(self, output: str = "") -> str:
        """The text that stands for the path of ``output``; of the default output where none is named.

        Raises:
            UnknownOutput: there is no such output.
        """
        output = output or self.outputs[0]
        scope = current_evaluation()
        text = self._tokens.get(output)
        return text if text in scope.tokens else self._intern(output, scope)

    def _intern(self, output: str, scope: Evaluation) -> str:
        if output not in self.outputs:
            raise UnknownOutput(self, output)
        token = Token(digest_text(self.input_id), output)
        text = self._tokens[output] = str(token)
        scope.intern(text, token, self)
        return text

    def __str__(self) -> str:
        return self.placeholder()

    def __format__(self, specification: str) -> str:
        text = self._tokens.get(specification or self.outputs[0])  # as in placeholder, with less on the way
        return text if text in current_evaluation().tokens else self.placeholder(specification)

    def __repr__(self) -> str:
        return f"<Derivation {self.name} {self.id.hex[:8]}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Derivation) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id.raw)

    def __reduce__(self) -> tuple[object, ...]:
        from hermetica.model.record import from_records, to_records  # noqa: PLC0415 -- record builds on this module

        return from_records, (to_records([self]),)

    def override(self, **arguments: object) -> Derivation:
        """What the package function that made this makes with other arguments.

        What ``override_attrs`` and overlays changed is changed again. Nothing else in the set sees the result.

        Raises:
            NotOverridable: no package set made it.
            UnknownArgument: the function takes no such argument.
        """
        if self._recipe is None:
            raise NotOverridable(
                f"{self.name} was made by no package function, so there are no arguments to override",
                hint="override_attrs replaces fields of any derivation; override takes what came out of a package set",
                origin=user_line(),
            )
        try:
            return self._recipe.again(arguments)
        except UnknownArgument as error:
            if error.argument in arguments:  # else it is of an override further in
                error.origin = user_line()
            raise

    def override_attrs(self, change: Fields | Callable[[Derivation], Fields]) -> Derivation:
        """The same derivation with other fields.

        Args:
            change: the fields, each as ``hm.derivation`` takes it; or a function that gives them for this derivation.

        Raises:
            EvaluationError: a field does not exist, or has no meaning.
        """
        return self.with_fields(change, caller(self.name))

    def with_fields(self, change: Fields | Callable[[Derivation], Fields], origin: Origin | None) -> Derivation:
        """``override_attrs`` on behalf of the line ``origin``."""
        given: dict[str, Any] = {"origin": origin, **(change(self) if callable(change) else change)}
        check_fields(self.name, given.keys())
        made = attrs.evolve(self, **plain(given, self.outputs))
        return made if self._recipe is None else made.made_by(Edited(self._recipe, change, origin))

    def made_by(self, recipe: Recipe) -> Derivation:
        """This derivation with the recipe that ``override`` goes by: another value, for others hold this one."""
        made = object.__new__(type(self))
        found = vars(made)
        found.update(vars(self))
        found["_recipe"] = recipe
        return made

    @property
    def is_overridable(self) -> bool:
        """Whether a package set made it, so that ``override`` has a function to call."""
        return self._recipe is not None

    def store_name(self, output: str) -> str:
        """What the store path of ``output`` is called."""
        return self.name if output == self.outputs[0] else f"{self.name}-{output}"

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources among the inputs, ascending by path."""
        return self.inputs.sources


FIELDS: Final = frozenset(field.name for field in attrs.fields(Derivation) if field.init)


def _is_path(text: str) -> bool:
    """Whether ``text`` is a placeholder of another derivation, or a store path, with nothing beside it."""
    if token_texts(text) == [text]:
        return not is_own(text)
    try:
        StorePath.parse(text)
    except InvalidStorePath:
        return False
    return True


def check_fields(name: str, given: AbstractSet[str]) -> None:
    """Refuses names that no field has, with the user's line.

    Raises:
        InvalidDerivation: one is no field; the error has those that are like it.
    """
    if given <= FIELDS:
        return
    from difflib import get_close_matches  # noqa: PLC0415 -- only after a typo

    wrong = min(given - FIELDS)
    close = get_close_matches(wrong, FIELDS, 3)
    raise InvalidDerivation(
        f"{name}: a derivation has no field {wrong!r}",
        details=(("fields", ", ".join(sorted(FIELDS))),),
        hint=f"did you mean {' or '.join(close)}?" if close else None,
        origin=user_line(name),
    )
