"""``hm.derivation``: the fields of a derivation as users write them.

Every field is a parameter, so that whoever misspells one, or gives it another type, is told by a type checker before
anything runs, and an editor completes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from hermetica.model import fields
from hermetica.model.derivation import Derivation, check_fields
from hermetica.model.origin import caller
from hermetica.model.outputs import Meta, OutputChecks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermetica.model.canonical import Json
    from hermetica.model.origin import Origin
    from hermetica.model.outputs import FixedOutput

_NO_META = Meta()


class NoField(TypedDict, total=False):
    """Keyword arguments of which there are none: to a type checker each is unexpected."""


def derivation(  # noqa: PLR0913 -- a parameter for each field
    *,
    name: str,
    builder: str,
    args: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
    outputs: Iterable[str] = fields.DEFAULT_OUTPUTS,
    system: str = "x86_64-linux",
    rootfs: Derivation | str | None = None,
    fixed: FixedOutput | None = None,
    structured: Mapping[str, Json] | None = None,
    pass_as_file: Iterable[str] = (),
    export_references: Mapping[str, str] | None = None,
    checks: Mapping[str, OutputChecks] | OutputChecks | None = None,
    features: Iterable[str] = (),
    meta: Meta | None = None,
    origin: Origin | None = None,
    places: Mapping[str, Origin] | None = None,
    **unknown: Unpack[NoField],
) -> Derivation:
    """A derivation; each argument is the field of ``Derivation`` of that name.

    ``builder`` is usually ``f"{package}/bin/program"``; ``rootfs`` may be a derivation; of ``outputs`` the first is the
    default; one check alone in ``checks`` holds for every output.

    Raises:
        EvaluationError: a field has no meaning; the error names it and the caller's line.
    """
    check_fields(name, unknown.keys())
    if isinstance(checks, OutputChecks):
        outputs = fields.outputs(outputs)
        checks = dict.fromkeys(outputs, checks)
    return Derivation(
        name=name,
        builder=builder,
        args=args,
        env=env or fields.EMPTY,
        outputs=outputs,
        system=system,
        rootfs=None if rootfs is None else str(rootfs),
        fixed=fixed,
        structured=structured,
        pass_as_file=pass_as_file,
        export_references=export_references or fields.EMPTY,
        checks=checks or fields.EMPTY,
        features=features,
        meta=meta or _NO_META,
        origin=origin or caller(name),
        places=places or fields.EMPTY,
    )
