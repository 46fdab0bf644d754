"""What a derivation promises about its outputs: fixed content, and checks on what they may refer to and weigh."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from hermetica.errors import EvaluationError
from hermetica.model.fields import sorted_names
from hermetica.model.origin import user_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Method = Literal["flat", "tree"]
Algorithm = Literal["sha256", "sha512", "blake3"]

DIGEST_DIGITS: Final = {"sha256": 64, "sha512": 128, "blake3": 64}
UNKNOWN: Final = "unknown"
_HEX: Final = frozenset("0123456789abcdef")


class InvalidHash(EvaluationError, ValueError):
    """A declared hash that cannot be one."""

    code = "HM205"


@attrs.frozen(kw_only=True)
class FixedOutput:
    """The content an output must have: its identity, whatever recipe produces it.

    Attributes:
        method: ``flat``, the output is one file and the hash that of its bytes; ``tree``, the hash is a BLAKE3
            tree digest.
        algorithm: of the hash.
        digest: lower-case hexadecimal; ``UNKNOWN`` fails the build and says what it got.
    """

    method: Method = "flat"
    algorithm: Algorithm = "sha256"
    digest: str

    def __attrs_post_init__(self) -> None:
        digits = DIGEST_DIGITS.get(self.algorithm)
        if self.method not in {"flat", "tree"} or digits is None:
            raise InvalidHash(
                f"no fixed output of method {self.method!r} and algorithm {self.algorithm!r}",
                hint="methods: flat, tree; algorithms: sha256, sha512, blake3",
                origin=user_line(),
            )
        if self.method == "tree" and self.algorithm != "blake3":
            raise InvalidHash(
                f"a tree digest is BLAKE3, not {self.algorithm}", hint='write algorithm="blake3"', origin=user_line()
            )
        if type(self.digest) is not str or (self.is_known and not _is_hex(self.digest, digits)):
            raise InvalidHash(
                f"not a {self.algorithm} hash: {self.digest!r}",
                hint=f"write {digits} lower-case hexadecimal digits, or hash=hm.UNKNOWN to be told",
                origin=user_line(),
            )

    @property
    def is_known(self) -> bool:
        """Whether the content is fixed by now."""
        return self.digest != UNKNOWN


def _is_hex(text: str, digits: int) -> bool:
    return len(text) == digits and not set(text) - _HEX


def fixed_form(fixed: FixedOutput) -> dict[str, str]:
    """A fixed output as it is hashed."""
    return {"algorithm": fixed.algorithm, "digest": fixed.digest, "method": fixed.method}


def _references(values: Iterable[str]) -> tuple[str, ...]:
    return sorted_names(values, "the references of a check")


def _optional_references(values: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if values is None else _references(values)


@attrs.frozen(kw_only=True)
class OutputChecks:
    """Conditions on an output; each is a reason to fail the build.

    References are named by placeholder (``hm.placeholder`` for the derivation's own), by store path, or by the name of
    an output of the same derivation.

    Attributes:
        allowed_references: the only objects the output may mention; an empty tuple forbids even itself.
        allowed_requisites: the only objects its closure may hold.
        disallowed_references: objects it may not mention.
        disallowed_requisites: objects its closure may not hold.
        max_size_bytes: of the output itself.
        max_closure_size_bytes: of the output and all it refers to.
        discard_references: register the output without references, whatever it mentions.
    """

    allowed_references: tuple[str, ...] | None = attrs.field(default=None, converter=_optional_references)
    allowed_requisites: tuple[str, ...] | None = attrs.field(default=None, converter=_optional_references)
    disallowed_references: tuple[str, ...] = attrs.field(default=(), converter=_references)
    disallowed_requisites: tuple[str, ...] = attrs.field(default=(), converter=_references)
    max_size_bytes: int | None = None
    max_closure_size_bytes: int | None = None
    discard_references: bool = False

    def named(self) -> set[str]:
        """Every reference that a check names."""
        allowed = (*(self.allowed_references or ()), *(self.allowed_requisites or ()))
        return {*allowed, *self.disallowed_references, *self.disallowed_requisites}


NO_CHECKS: Final[Mapping[str, Any]] = MappingProxyType(attrs.asdict(OutputChecks()))


def checks_form(checks: Mapping[str, OutputChecks]) -> dict[str, Any]:
    """Checks as they are hashed: what does not differ from no check at all is left out."""
    form = {
        output: {name: value for name, value in attrs.asdict(each).items() if value != NO_CHECKS[name]}
        for output, each in checks.items()
    }
    return {output: each for output, each in form.items() if each}


@attrs.frozen(kw_only=True)
class Meta:
    """What people and inventories want to know of a derivation; no part of its id.

    Attributes:
        description: one line.
        homepage: a URL.
        licence: an SPDX expression.
        purl: a package URL.
        supplier: who made the software.
        maintainers: who keeps the recipe.
    """

    description: str = ""
    homepage: str = ""
    licence: str = ""
    purl: str = ""
    supplier: str = ""
    maintainers: tuple[str, ...] = ()
