"""Fetching and unpacking, on the host: content is named by its hash, addresses are hints, archives are hostile."""

from __future__ import annotations

from hermetica.fetch.download import Downloaded, DownloadFailed, HashMismatch, download
from hermetica.fetch.hashes import UNKNOWN, HashRequired
from hermetica.fetch.waiting import FetchCancelled, Patience

__all__ = [
    "UNKNOWN",
    "DownloadFailed",
    "Downloaded",
    "FetchCancelled",
    "HashMismatch",
    "HashRequired",
    "Patience",
    "download",
]
