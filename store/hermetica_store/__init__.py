"""The content-addressed store: trees become objects named by their content, whole and unchangeable.

``ObjectStore`` is the whole of it. Each name is imported when it is first used (PEP 562), so that the pure modules
cost nothing more.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from hermetica_store.adding import SourceChanged
    from hermetica_store.claims import ClaimCancelled
    from hermetica_store.codec import ObjectInfo
    from hermetica_store.collect import Collected, InUse, Policy
    from hermetica_store.compose import Composed, DamagedPart, Part
    from hermetica_store.digest import Digest
    from hermetica_store.errors import HermeticaError, InvalidDigest, InvalidStorePath, StoreError
    from hermetica_store.faults import (
        DiskFailed,
        IndexDamaged,
        InvalidKey,
        LocksUnavailable,
        NotAStore,
        NotRegistered,
        OutOfMemory,
        StoreBusy,
        StoreFull,
        StoreNotWritable,
        StoreOutOfFiles,
        StoreReadOnly,
        StoreUnavailable,
        StoreVersionMismatch,
        SystemRefusal,
        TooManyLinks,
        TooManyOpenFiles,
        TooManyProcesses,
    )
    from hermetica_store.features import Features
    from hermetica_store.layers import InLowerStore, LowerUnavailable
    from hermetica_store.leases import Lease
    from hermetica_store.logs import LogWriter
    from hermetica_store.nar import NarDigest, nar_chunks, nar_digest
    from hermetica_store.path import STORE_PREFIX, StorePath, store_path
    from hermetica_store.prepare import Candidate, OutputCycle, Prepared
    from hermetica_store.quarantine import NotQuarantined, Quarantined
    from hermetica_store.reading import SpecialFile, TreeChanged, TreeError
    from hermetica_store.repair import CannotSupply, Repaired, RepairReport, Unrepaired
    from hermetica_store.room import LowDisk
    from hermetica_store.roots import Root
    from hermetica_store.schema import Row, Table
    from hermetica_store.scratch import Scratch
    from hermetica_store.selection import InvalidSelection
    from hermetica_store.statistics import Statistics
    from hermetica_store.store import ObjectStore
    from hermetica_store.tree import UnrepresentableName
    from hermetica_store.trees import SourceDigest, StatCache, hash_tree
    from hermetica_store.usage import ObjectUsage, Usage
    from hermetica_store.verify import Problem, VerifyReport
    from hermetica_store.writer import Commit

_HOMES = {
    "adding": ("SourceChanged",),
    "claims": ("ClaimCancelled",),
    "codec": ("ObjectInfo",),
    "collect": ("Collected", "InUse", "Policy"),
    "compose": ("Composed", "DamagedPart", "Part"),
    "digest": ("Digest",),
    "errors": ("HermeticaError", "InvalidDigest", "InvalidStorePath", "StoreError"),
    "faults": (
        *("IndexDamaged", "InvalidKey", "NotAStore", "NotRegistered", "StoreBusy", "StoreFull", "StoreNotWritable"),
        *("StoreUnavailable", "StoreVersionMismatch", "DiskFailed", "LocksUnavailable", "OutOfMemory"),
        *("StoreOutOfFiles", "StoreReadOnly", "SystemRefusal", "TooManyLinks", "TooManyOpenFiles"),
        "TooManyProcesses",
    ),
    "features": ("Features",),
    "layers": ("InLowerStore", "LowerUnavailable"),
    "leases": ("Lease",),
    "logs": ("LogWriter",),
    "nar": ("NarDigest", "nar_chunks", "nar_digest"),
    "path": ("STORE_PREFIX", "StorePath", "store_path"),
    "prepare": ("Candidate", "OutputCycle", "Prepared"),
    "quarantine": ("NotQuarantined", "Quarantined"),
    "reading": ("SpecialFile", "TreeChanged", "TreeError"),
    "repair": ("CannotSupply", "RepairReport", "Repaired", "Unrepaired"),
    "room": ("LowDisk",),
    "roots": ("Root",),
    "schema": ("Row", "Table"),
    "scratch": ("Scratch",),
    "selection": ("InvalidSelection",),
    "statistics": ("Statistics",),
    "store": ("ObjectStore",),
    "tree": ("UnrepresentableName",),
    "trees": ("SourceDigest", "StatCache", "hash_tree"),
    "usage": ("ObjectUsage", "Usage"),
    "verify": ("Problem", "VerifyReport"),
    "writer": ("Commit",),
}

__all__ = [
    "STORE_PREFIX",
    "Candidate",
    "CannotSupply",
    "ClaimCancelled",
    "Collected",
    "Commit",
    "Composed",
    "DamagedPart",
    "Digest",
    "DiskFailed",
    "Features",
    "HermeticaError",
    "InLowerStore",
    "InUse",
    "IndexDamaged",
    "InvalidDigest",
    "InvalidKey",
    "InvalidSelection",
    "InvalidStorePath",
    "Lease",
    "LocksUnavailable",
    "LogWriter",
    "LowDisk",
    "LowerUnavailable",
    "NarDigest",
    "NotAStore",
    "NotQuarantined",
    "NotRegistered",
    "ObjectInfo",
    "ObjectStore",
    "ObjectUsage",
    "OutOfMemory",
    "OutputCycle",
    "Part",
    "Policy",
    "Prepared",
    "Problem",
    "Quarantined",
    "RepairReport",
    "Repaired",
    "Root",
    "Row",
    "Scratch",
    "SourceChanged",
    "SourceDigest",
    "SpecialFile",
    "StatCache",
    "Statistics",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "StoreNotWritable",
    "StoreOutOfFiles",
    "StorePath",
    "StoreReadOnly",
    "StoreUnavailable",
    "StoreVersionMismatch",
    "SystemRefusal",
    "Table",
    "TooManyLinks",
    "TooManyOpenFiles",
    "TooManyProcesses",
    "TreeChanged",
    "TreeError",
    "Unrepaired",
    "UnrepresentableName",
    "Usage",
    "VerifyReport",
    "hash_tree",
    "nar_chunks",
    "nar_digest",
    "store_path",
]


def __getattr__(name: str) -> object:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None or name not in __all__:
        raise AttributeError(f"module 'hermetica_store' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- part of being lazy

    value: object = getattr(import_module(f"hermetica_store.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
