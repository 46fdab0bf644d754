"""The names of the index's own tables, and the version of what they hold, for whoever must not import more than that.

Source: docs/format-store.md, "Tables".
"""

from __future__ import annotations

SCHEMA_VERSION = "2"
VERSION_KEY = b"schema"

META = b"meta"
OBJECTS = b"objects"
USED = b"used"
NARS = b"nars"
MANIFESTS = b"manifests"
REFERRERS = b"referrers"
OWNED = b"owned"
ROOTS = b"roots"
LEASES = b"leases"
STATS = b"stats"
ORIGINS = b"origins"
NEEDED = b"needed"
