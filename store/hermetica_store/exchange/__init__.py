"""Taking objects out of a store and into another: archives, and binary caches that stock Nix reads.

An archive is one stream with a whole closure; a binary cache is a directory that grows. Either is read with the same
distrust: an object gets the path that follows from its content, and nothing is registered before all was checked.
"""

from __future__ import annotations

from hermetica_store.exchange.archive import Exported, export_archive, import_archive
from hermetica_store.exchange.cache import CacheDirectory, NotACache
from hermetica_store.exchange.cache_export import export_cache
from hermetica_store.exchange.cache_import import import_cache, restore_compressed
from hermetica_store.exchange.narinfo import InvalidNarInfo, NarFacts, NarInfo, cache_store_dir
from hermetica_store.exchange.serialise import ObjectDamaged
from hermetica_store.exchange.signing import (
    InvalidSigningKey,
    PublicKey,
    SecretKey,
    SignatureRefused,
    SigningUnavailable,
    require_signature,
)
from hermetica_store.exchange.staging import ContentMismatch, Imported, IncompleteClosure
from hermetica_store.exchange.streams import LEVEL, LEVEL_MAX, InvalidArchive
from hermetica_store.exchange.transfer import CannotTransfer, replacing, transferring

__all__ = [
    "LEVEL",
    "LEVEL_MAX",
    "CacheDirectory",
    "CannotTransfer",
    "ContentMismatch",
    "Exported",
    "Imported",
    "IncompleteClosure",
    "InvalidArchive",
    "InvalidNarInfo",
    "InvalidSigningKey",
    "NarFacts",
    "NarInfo",
    "NotACache",
    "ObjectDamaged",
    "PublicKey",
    "SecretKey",
    "SignatureRefused",
    "SigningUnavailable",
    "cache_store_dir",
    "export_archive",
    "export_cache",
    "import_archive",
    "import_cache",
    "replacing",
    "require_signature",
    "restore_compressed",
    "transferring",
]
