"""What a derivation promises about its outputs: fixed content, and checks on what they may refer to and weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import attrs

from hermetica.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterable

Method = Literal["flat", "tree"]
Algorithm = Literal["sha256", "sha512", "blake3"]

DIGEST_DIGITS: Final = {"sha256": 64, "sha512": 128, "blake3": 64}
UNKNOWN: Final = "unknown"


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
            )
        if self.method == "tree" and self.algorithm != "blake3":
            raise InvalidHash(f"a tree digest is BLAKE3, not {self.algorithm}", hint='write blake3="…"')
        if self.is_known and (len(self.digest) != digits or set(self.digest) - set("0123456789abcdef")):
            raise InvalidHash(
                f"not a {self.algorithm} hash: {self.digest!r}",
                hint=f"write {digits} lower-case hexadecimal digits, or hash=hm.UNKNOWN to be told",
            )

    @property
    def is_known(self) -> bool:
        """Whether the content is fixed by now."""
        return self.digest != UNKNOWN


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _optional_names(values: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if values is None else _names(values)


@attrs.frozen(kw_only=True)
class OutputChecks:
    """Conditions on an output; each is a reason to fail the build.

    References are named by placeholder, by store path, or by the name of an output of the same derivation.

    Attributes:
        allowed_references: the only objects the output may mention; an empty tuple forbids even itself.
        allowed_requisites: the only objects its closure may hold.
        disallowed_references: objects it may not mention.
        disallowed_requisites: objects its closure may not hold.
        max_size_bytes: of the output itself.
        max_closure_size_bytes: of the output and all it refers to.
        discard_references: register the output without references, whatever it mentions.
    """

    allowed_references: tuple[str, ...] | None = attrs.field(default=None, converter=_optional_names)
    allowed_requisites: tuple[str, ...] | None = attrs.field(default=None, converter=_optional_names)
    disallowed_references: tuple[str, ...] = attrs.field(default=(), converter=_names)
    disallowed_requisites: tuple[str, ...] = attrs.field(default=(), converter=_names)
    max_size_bytes: int | None = None
    max_closure_size_bytes: int | None = None
    discard_references: bool = False


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
