"""Tries the sandbox for real and says what it found: for ``hermetica doctor``."""

from __future__ import annotations

import platform
import tempfile
from pathlib import Path

import attrs

from hermetica.sandbox.errors import BuilderNotFound, SandboxError, SandboxUnavailable
from hermetica.sandbox.facts import gather
from hermetica.sandbox.locate import find_bwrap
from hermetica.sandbox.refusal import Facts, standing
from hermetica.sandbox.run import run
from hermetica.sandbox.spec import SandboxSpec

_ABSENT = "/nonexistent"


@attrs.frozen(kw_only=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: what was looked at.
        ok: whether it is as it should be.
        text: what was found; the cause, if it is not ok.
        remedy: how to mend it; empty if it is ok.
        kind: the class of refusal, the value of a `RefusalKind`; empty if it is ok.
    """

    what: str
    ok: bool
    text: str
    remedy: str = ""
    kind: str = ""


@attrs.frozen
class Diagnosis:
    """All findings; the last one is a trial run, and decides."""

    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether sandboxes can be made here."""
        return self.findings[-1].ok


def _refused(what: str, error: SandboxUnavailable) -> Finding:
    return Finding(what=what, ok=False, text=error.cause, remedy=error.remedy, kind=error.kind)


def trial() -> SandboxError | None:
    """Make a sandbox around a program that does not exist: the error, unless it is that one."""
    with tempfile.TemporaryDirectory(prefix="hermetica-probe-") as scratch:
        store, build = Path(scratch, "store"), Path(scratch, "build")
        store.mkdir()
        build.mkdir()
        spec = SandboxSpec(builder=_ABSENT, store_dir=str(store), build_dir=str(build))
        try:
            run(spec, log=bytearray().extend, timeout_s=30)
        except BuilderNotFound:
            return None
        except SandboxError as error:
            return error
    return SandboxUnavailable("the trial run did not end", "run hermetica doctor again when the machine is less busy")


def _program(facts: Facts, bwrap: str) -> Finding:
    version = ".".join(map(str, facts.version)) or "of unknown version"
    return Finding(what="bubblewrap", ok=True, text=f"{bwrap} {version}")


def probe() -> Diagnosis:
    """Look at the host, then try."""
    try:
        bwrap = find_bwrap()
    except SandboxUnavailable as error:
        return Diagnosis((_refused("bubblewrap", error),))
    facts = gather(bwrap)
    findings = [Finding(what="machine", ok=True, text=platform.machine()), _program(facts, bwrap)]
    findings += (
        Finding(what="host", ok=False, text=found.cause, remedy=found.remedy, kind=found.kind.value)
        for found in standing(facts)
    )
    return Diagnosis((*findings, _trial_finding(trial())))


def _trial_finding(refusal: SandboxError | None) -> Finding:
    if refusal is None:
        return Finding(what="trial sandbox", ok=True, text="works")
    if isinstance(refusal, SandboxUnavailable):
        return _refused("trial sandbox", refusal)
    remedy = refusal.hint or "hermetica doctor has no advice on this"
    return Finding(what="trial sandbox", ok=False, text=refusal.message, remedy=remedy, kind="unknown")
