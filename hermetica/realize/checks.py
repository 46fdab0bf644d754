"""The checks that a derivation declares on its outputs, decided without touching the store.

Source: docs/format-derivation.md, "Output checks"; the names and meanings are those of Nix's ``outputChecks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from hermetica.model import with_own_paths
from hermetica_store.path import STORE_PREFIX, StorePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


@attrs.frozen(kw_only=True)
class Offence:
    """One check that an output breaks.

    Attributes:
        output: which output.
        check: the name of the check.
        offenders: what breaks it, ascending: paths, or a size and its limit.
    """

    output: str
    check: str
    offenders: tuple[str, ...]


@attrs.frozen(kw_only=True)
class CheckedOutput:
    """What the checks look at.

    Attributes:
        path: the output's own path.
        size_bytes: of it alone.
        references: the objects that it mentions, itself included where it does.
        closure: all it needs at run time, itself included, with the size of each.
    """

    path: StorePath
    size_bytes: int
    references: frozenset[StorePath]
    closure: Mapping[StorePath, int]


def _paths(
    names: Iterable[str], outputs: Mapping[str, StorePath], refuse: Callable[[str], Exception]
) -> set[StorePath]:
    found: set[StorePath] = set()
    texts = {output: str(path) for output, path in outputs.items()}
    for name in (with_own_paths(text, texts) for text in names):
        if name.startswith(STORE_PREFIX):
            found.add(StorePath.parse(name))
        elif name in outputs:
            found.add(outputs[name])
        else:
            raise refuse(name)
    return found


def _texts(paths: Iterable[StorePath]) -> tuple[str, ...]:
    return tuple(str(path) for path in sorted(paths))


def offences(
    output: str,
    checked: CheckedOutput,
    checks: Mapping[str, Any],
    outputs: Mapping[str, StorePath],
    refuse: Callable[[str], Exception],
) -> Iterator[Offence]:
    """What ``checked`` breaks.

    Args:
        output: its name.
        checked: what is known of it.
        checks: the fields of ``OutputChecks``, paths resolved.
        outputs: the paths of all outputs of the derivation, by name.
        refuse: makes the error for a name that is neither a store path nor an output.
    """
    requisites = set(checked.closure) - {checked.path}  # a closure holds its root without that being a choice
    for check, actual in (("references", set(checked.references)), ("requisites", requisites)):
        allowed = checks[f"allowed_{check}"]
        if allowed is not None and (beyond := actual - _paths(allowed, outputs, refuse)):
            yield Offence(output=output, check=f"allowed_{check}", offenders=_texts(beyond))
        if forbidden := actual & _paths(checks[f"disallowed_{check}"], outputs, refuse):
            yield Offence(output=output, check=f"disallowed_{check}", offenders=_texts(forbidden))
    sizes = (("max_size_bytes", checked.size_bytes), ("max_closure_size_bytes", sum(checked.closure.values())))
    for check, size in sizes:
        limit = checks[check]
        if limit is not None and size > limit:
            yield Offence(output=output, check=check, offenders=(f"{size:,} bytes, at most {limit:,}",))
