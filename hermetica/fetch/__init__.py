"""Fetching and unpacking, on the host: content is named by its hash, addresses are hints, archives are hostile.

Each name is imported when it is first used: a run that finds everything there needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermetica.lazy import import_on_demand

if TYPE_CHECKING:
    from hermetica.fetch.archive import (
        ArchiveError,
        ArchiveTooLarge,
        DamagedArchive,
        Limits,
        TruncatedArchive,
        UnknownArchive,
        UnsafeArchive,
    )
    from hermetica.fetch.connection import InvalidAddress
    from hermetica.fetch.download import Downloaded, DownloadFailed, HashMismatch, download
    from hermetica.fetch.hashes import UNKNOWN, HashRequired
    from hermetica.fetch.mirrors import InvalidMirrorAddress, Mirrors, NoMirror
    from hermetica.fetch.patterns import InvalidPattern, SourceOutside
    from hermetica.fetch.select import NothingSelected, Selection, SourceNotFound, UnreadableSource, select
    from hermetica.fetch.unpack import single_directory, unpack
    from hermetica.fetch.waiting import FetchCancelled, Patience
    from hermetica.fetch.writing import CannotWrite

__all__ = [
    "UNKNOWN",
    "ArchiveError",
    "ArchiveTooLarge",
    "CannotWrite",
    "DamagedArchive",
    "DownloadFailed",
    "Downloaded",
    "FetchCancelled",
    "HashMismatch",
    "HashRequired",
    "InvalidAddress",
    "InvalidMirrorAddress",
    "InvalidPattern",
    "Limits",
    "Mirrors",
    "NoMirror",
    "NothingSelected",
    "Patience",
    "Selection",
    "SourceNotFound",
    "SourceOutside",
    "TruncatedArchive",
    "UnknownArchive",
    "UnreadableSource",
    "UnsafeArchive",
    "download",
    "select",
    "single_directory",
    "unpack",
]

__getattr__ = import_on_demand(
    __name__,
    {
        "archive": (
            "ArchiveError",
            "ArchiveTooLarge",
            "DamagedArchive",
            "Limits",
            "TruncatedArchive",
            "UnknownArchive",
            "UnsafeArchive",
        ),
        "connection": ("InvalidAddress",),
        "download": ("Downloaded", "DownloadFailed", "HashMismatch", "download"),
        "hashes": ("UNKNOWN", "HashRequired"),
        "mirrors": ("InvalidMirrorAddress", "Mirrors", "NoMirror"),
        "patterns": ("InvalidPattern", "SourceOutside"),
        "select": ("NothingSelected", "Selection", "SourceNotFound", "UnreadableSource", "select"),
        "unpack": ("single_directory", "unpack"),
        "waiting": ("FetchCancelled", "Patience"),
        "writing": ("CannotWrite",),
    },
)
