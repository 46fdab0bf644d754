"""The one table from what went wrong to the exit status.

Keyed by the full name of a class, so that reading the table imports nothing; a class that is not in it has the status
of the nearest base that is. A test walks every error class of the installed packages and holds that each has one.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class ExitStatus(IntEnum):
    """What ``hermetica`` ends with. Source: docs/cli.md, "Exit statuses"."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    EVALUATION = 3
    ENVIRONMENT = 4
    DAMAGED = 5
    REFUSED = 6
    FAILED = 100
    TIMED_OUT = 101
    MISMATCH = 102
    NOT_REPRODUCIBLE = 104
    HOOK_FAILED = 105
    HANGUP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


OK: Final = ExitStatus.OK
INTERNAL: Final = ExitStatus.INTERNAL
USAGE: Final = ExitStatus.USAGE
EVALUATION: Final = ExitStatus.EVALUATION
ENVIRONMENT: Final = ExitStatus.ENVIRONMENT
DAMAGED: Final = ExitStatus.DAMAGED
REFUSED: Final = ExitStatus.REFUSED
FAILED: Final = ExitStatus.FAILED
TIMED_OUT: Final = ExitStatus.TIMED_OUT
MISMATCH: Final = ExitStatus.MISMATCH
NOT_REPRODUCIBLE: Final = ExitStatus.NOT_REPRODUCIBLE
HOOK_FAILED: Final = ExitStatus.HOOK_FAILED
INTERRUPTED: Final = ExitStatus.INTERRUPTED

PRIORITY: Final = (
    INTERRUPTED,
    INTERNAL,
    DAMAGED,
    REFUSED,
    ENVIRONMENT,
    EVALUATION,
    USAGE,
    MISMATCH,
    NOT_REPRODUCIBLE,
    FAILED,
    TIMED_OUT,
    HOOK_FAILED,
)

TABLE: Final = {
    "hermetica_store.errors.HermeticaError": INTERNAL,
    "hermetica_store.errors.StoreError": ENVIRONMENT,
    "hermetica_store.errors.InvalidStorePath": USAGE,
    "hermetica_store.errors.InvalidDigest": USAGE,
    "hermetica_store.collect.InUse": USAGE,
    "hermetica_store.layers.InLowerStore": USAGE,
    "hermetica_store.adding.SourceChanged": FAILED,
    "hermetica_store.exchange.cache.NotACache": USAGE,
    "hermetica_store.exchange.narinfo.InvalidNarInfo": REFUSED,
    "hermetica_store.exchange.serialise.ObjectDamaged": DAMAGED,
    "hermetica_store.exchange.signing.InvalidSigningKey": USAGE,
    "hermetica_store.exchange.signing.SignatureRefused": REFUSED,
    "hermetica_store.exchange.staging.ContentMismatch": REFUSED,
    "hermetica_store.exchange.staging.IncompleteClosure": REFUSED,
    "hermetica_store.exchange.streams.InvalidArchive": REFUSED,
    "hermetica_store.faults.IndexDamaged": DAMAGED,
    "hermetica_store.faults.InvalidKey": INTERNAL,
    "hermetica_store.faults.NotRegistered": USAGE,
    "hermetica_store.ingest.TreeTooLarge": FAILED,
    "hermetica_store.claims.ClaimCancelled": INTERRUPTED,
    "hermetica_store.nar_reader.InvalidNar": REFUSED,
    "hermetica_store.prepare.OutputCycle": FAILED,
    "hermetica_store.quarantine.NotQuarantined": USAGE,
    "hermetica_store.reading.SpecialFile": FAILED,
    "hermetica_store.reading.TreeChanged": FAILED,
    "hermetica_store.reading.TreeError": FAILED,
    "hermetica_store.repair.CannotSupply": DAMAGED,
    "hermetica_store.selection.InvalidSelection": EVALUATION,
    "hermetica_store.tree.UnrepresentableName": FAILED,
    "hermetica.entry_points.PluginBroken": ENVIRONMENT,
    "hermetica.entry_points.PluginClash": ENVIRONMENT,
    "hermetica.entry_points.PluginFailed": ENVIRONMENT,
    "hermetica.entry_points.UnknownPlugin": ENVIRONMENT,
    "hermetica.errors.EvaluationError": EVALUATION,
    "hermetica.config.settings.ConfigError": ENVIRONMENT,
    "hermetica.cli.report.UsageError": USAGE,
    "hermetica.cli.report.InternalError": INTERNAL,
    "hermetica.cli.expressions.InvalidExpression": USAGE,
    "hermetica.cli.fixing.project.CannotRewrite": ENVIRONMENT,
    "hermetica.cli.fixing.rounds.FixTakenBack": EVALUATION,
    "hermetica.cli.fixing.rounds.StillWrong": MISMATCH,
    "hermetica.cli.links.LinkInTheWay": USAGE,
    "hermetica.cli.templates.InvalidTemplate": ENVIRONMENT,
    "hermetica.cli.templates.ProjectInTheWay": USAGE,
    "hermetica.cli.modules.ModuleFailed": EVALUATION,
    "hermetica.cli.sets.InvalidSets": EVALUATION,
    "hermetica.cli.apart.project.InvalidEvaluation": EVALUATION,
    "hermetica.cli.apart.outside.EvaluationLost": EVALUATION,
    "hermetica.pep517.InvalidBackend": EVALUATION,
    "hermetica.pep517.NoDistribution": EVALUATION,
    "hermetica.cli.evaluators.NoSandbox": ENVIRONMENT,
    "hermetica.cli.targets.UnknownTarget": USAGE,
    "hermetica.cli.targets.NotADerivation": USAGE,
    "hermetica.realize.errors.RealizeError": FAILED,
    "hermetica.realize.errors.BuildTimedOut": TIMED_OUT,
    "hermetica.realize.errors.BuildCancelled": INTERRUPTED,
    "hermetica.realize.errors.FixedOutputMismatch": MISMATCH,
    "hermetica.realize.errors.NotReproducible": NOT_REPRODUCIBLE,
    "hermetica.realize.errors.NothingToBuild": USAGE,
    "hermetica.realize.errors.NothingToCheck": USAGE,
    "hermetica.realize.errors.NotRealizable": EVALUATION,
    "hermetica.realize.errors.HookFailed": HOOK_FAILED,
    "hermetica.realize.errors.UnsupportedSystem": ENVIRONMENT,
    "hermetica.realize.errors.UnknownBuiltin": EVALUATION,
    "hermetica.realize.event_forms.NotAnEvent": USAGE,
    "hermetica.realize.event_forms.RecordedError": FAILED,
    "hermetica.realize.kept.NotKept": USAGE,
    "hermetica.realize.tracing.TracerMissing": ENVIRONMENT,
    "hermetica.realize.entering.NothingToEnter": USAGE,
    "hermetica.report.recording.NotARecording": USAGE,
    "hermetica.study.declaration.InvalidStudy": USAGE,
    "hermetica.study.carrying.NothingVaried": ENVIRONMENT,
    "hermetica.study.log.LogDamaged": USAGE,
    "hermetica.study.log.LogNotWritten": ENVIRONMENT,
    "hermetica.study.log.NoLog": USAGE,
    "hermetica.study.log.StudyRunning": ENVIRONMENT,
    "hermetica.study.machines.OtherMachine": USAGE,
    "hermetica.study.parquet.ParquetMissing": ENVIRONMENT,
    "hermetica.sandbox.errors.SandboxError": ENVIRONMENT,
    "hermetica.sandbox.errors.ArgumentsTooLong": FAILED,
    "hermetica.sandbox.errors.BuilderNotFound": FAILED,
    "hermetica.sandbox.errors.InvalidSandboxSpec": EVALUATION,
    "hermetica.sandbox.errors.MountSourceMissing": DAMAGED,
    "hermetica.fetch.archive.ArchiveError": FAILED,
    "hermetica.fetch.clone.LargeFileStorage": EVALUATION,
    "hermetica.fetch.connection.InvalidAddress": EVALUATION,
    "hermetica.fetch.debian_control.MalformedControl": REFUSED,
    "hermetica.fetch.debian_release.UntrustedIndex": REFUSED,
    "hermetica.fetch.debian_resolve.UnresolvedPackages": USAGE,
    "hermetica.fetch.debian_version.InvalidDebianVersion": REFUSED,
    "hermetica.fetch.download.DownloadFailed": ENVIRONMENT,
    "hermetica.fetch.download.HashMismatch": MISMATCH,
    "hermetica.fetch.git_program.GitFailed": ENVIRONMENT,
    "hermetica.fetch.hashes.HashRequired": EVALUATION,
    "hermetica.fetch.oci_manifest.ImageRefused": EVALUATION,
    "hermetica.fetch.oci_name.InvalidImageName": EVALUATION,
    "hermetica.fetch.reach.Offline": ENVIRONMENT,
    "hermetica.fetch.locking.foreign.ForeignLockError": EVALUATION,
    "hermetica.fetch.locking.go.GoSumMismatch": MISMATCH,
    "hermetica.fetch.locking.request.LockOutdated": EVALUATION,
    "hermetica.fetch.locking.target.PackagingMissing": ENVIRONMENT,
    "hermetica.fetch.lock_pin.LockError": ENVIRONMENT,
    "hermetica.fetch.mirrors.InvalidMirrorAddress": EVALUATION,
    "hermetica.fetch.mirrors.NoMirror": ENVIRONMENT,
    "hermetica.fetch.rootfs_merge.PackageConflict": FAILED,
    "hermetica.fetch.rootfs_merge.MalformedPackage": FAILED,
    "hermetica.fetch.waiting.FetchCancelled": INTERRUPTED,
    "hermetica.fetch.writing.CannotWrite": ENVIRONMENT,
}


def entry_of(kind: type[BaseException]) -> tuple[str, int]:
    """The table's entry that decides for a class: (full name of the class or its nearest base there, status)."""
    for base in kind.__mro__:
        name = f"{base.__module__}.{base.__qualname__}"
        if name in TABLE:
            return name, TABLE[name]
    return "", INTERNAL


def status_of(error: BaseException) -> int:
    """The exit status of an error."""
    return entry_of(type(error))[1]


def status_name(status: int) -> str:
    """The name of an exit status, such as ``not-reproducible``; its number where it has none."""
    try:
        return ExitStatus(status).name.lower().replace("_", "-")
    except ValueError:
        return str(status)


def combine(statuses: Iterable[int]) -> int:
    """The status of several failures: the first in ``PRIORITY`` that is among them; 0 where none is.

    What says that hermetica, the store or the machine is at fault comes before what says that a build is: repair that
    first. Among builds, a wrong hash (the world changed) comes before a failure, a failure before a timeout. A hook
    that failed comes last: nothing is lost.
    """
    found = set(statuses) - {OK}
    return next((status for status in PRIORITY if status in found), max(found, default=OK))
