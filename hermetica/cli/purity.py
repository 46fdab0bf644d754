"""``hermetica check --pure``: evaluates again in other surroundings, and finds what ids depend on besides a project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from hermetica.cli.apart.otherwise import AGAIN, AS_EVER, VARIANTS, Otherwise
from hermetica.cli.apart.outside import NoChild, start
from hermetica.cli.evaluators import no_sandbox
from hermetica.cli.status import EVALUATION, OK
from hermetica.cli.target import Kind, parse
from hermetica.cli.targets import anchored
from hermetica.cli.views.causes import cause_json, changes_of
from hermetica.errors import HermeticaError
from hermetica.model import closure, evaluation
from hermetica.model.causes import Cause, find_causes
from hermetica.model.difference import Declared
from hermetica.model.placeholder import digest_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.cli.session import Session

FORMAT: Final = "hermetica.purity/1"


@attrs.frozen(kw_only=True)
class Run:
    """One evaluation.

    Attributes:
        targets: attribute path -> what it declares.
        known: by the 32 characters of their tokens, all derivations.
    """

    targets: Mapping[str, Declared]
    known: Mapping[str, Declared]


@attrs.frozen(kw_only=True)
class Finding:
    """Something that ids depend on and their project does not declare.

    Attributes:
        what: it, in words.
        cause: what differs; None where the evaluation fails, or does not name the same.
        told: in that case, what went wrong.
        names: what references lead to, by the 32 characters that name it.
    """

    what: str
    cause: Cause | None = None
    told: str = ""
    names: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def lines(self) -> list[str]:
        """It, for people."""
        if self.cause is None:
            return [f"depends on {self.what}: {self.told}"]
        changes = list(changes_of(self.cause, self.names, _near))
        name = self.cause.derivation.name
        texts = [change.text.removeprefix(f"{name} has ") for change in changes]
        return [
            f"{name}{f' ({change.place})' if change.place else ''} depends on {self.what}: {text}"
            for change, text in zip(changes, texts, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """It, for programs."""
        found = None if self.cause is None else cause_json(self.cause, self.names)
        return {"depends_on": self.what, "cause": found, "told": self.told}


def check_purity(session: Session, texts: Sequence[str]) -> int:
    """Looks for all that ids depend on besides their project; 3 where there is anything.

    Raises:
        HermeticaError: the targets cannot be evaluated at all.
        NoSandbox: there can be no sandbox here.
    """
    targets = [anchored(text, str(Path.cwd())) for text in texts]
    by_file = all(parse(text).kind is Kind.MODULE for text in targets)
    before = _evaluated(targets, AS_EVER)
    findings: list[Finding] = []
    blamed: set[str] = set()
    for otherwise in (AGAIN, *VARIANTS):
        if otherwise.directory is not None and not by_file:
            continue  # names of sets are looked up from there
        found = _compare(before, targets, otherwise, blamed)
        findings += found
        if otherwise is AGAIN:
            blamed.update(each.cause.derivation.name for each in found if each.cause is not None)
    rows = [line for each in findings for line in each.lines()]
    document = {"format": FORMAT, "pure": not findings, "findings": [each.to_json() for each in findings]}
    count = len(before.targets)
    same = "1 derivation has the same id" if count == 1 else f"{count:,} derivations have the same ids"
    looked = f"pure: {same} in {len(VARIANTS) + 2} surroundings"
    session.console.result(document, rows or [looked])
    return EVALUATION if findings else OK


def _evaluated(targets: Sequence[str], otherwise: Otherwise) -> Run:
    try:
        apart = start(targets, otherwise=otherwise)
        try:
            apart.begin()
            with evaluation():
                chosen = apart.derivations(targets)
        finally:
            apart.close()
    except NoChild as error:
        raise no_sandbox(error) from error
    known = {
        digest_text(each.input_id): Declared.of(each) for each in closure(selected.derivation for selected in chosen)
    }
    return Run(targets={each.path: Declared.of(each.derivation) for each in chosen}, known=known)


def _compare(before: Run, targets: Sequence[str], otherwise: Otherwise, blamed: set[str]) -> list[Finding]:
    try:
        after = _evaluated(targets, otherwise)
    except HermeticaError as error:
        place = f" ({_near(error.origin)})" if error.origin else ""
        causes = [text for label, text in error.details if label == "cause"]
        return [Finding(what=otherwise.what, told=": ".join((error.message, *causes)) + place)]
    findings: list[Finding] = []
    if before.targets.keys() != after.targets.keys():
        differing = sorted(before.targets.keys() ^ after.targets.keys())
        findings.append(Finding(what=otherwise.what, told=f"whether there is {_near(differing[0])}"))
    seen: set[str] = set()
    for path in before.targets.keys() & after.targets.keys():
        first, second = before.targets[path], after.targets[path]
        if first.id == second.id:
            continue
        for cause in find_causes(
            first, second, lambda tokens: _among(before, tokens), lambda tokens: _among(after, tokens)
        ):
            name = cause.derivation.name
            if name not in blamed and cause.derivation.id not in seen:
                seen.add(cause.derivation.id)
                names = {token: each.name for run in (before, after) for token, each in run.known.items()}
                findings.append(Finding(what=otherwise.what, cause=cause, names=names))
    return sorted(findings, key=lambda each: each.lines())


def _among(run: Run, tokens: Sequence[str]) -> dict[str, Declared]:
    return {token: run.known[token] for token in tokens if token in run.known}


def _near(origin: str) -> str:
    return os.path.relpath(origin) if origin.startswith(f"{Path.cwd()}/") else origin
