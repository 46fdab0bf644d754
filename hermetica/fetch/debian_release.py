"""What a signed ``Release`` file says: of which suite it is, until when it holds, and the hash of every index.

Pure; who signed it is checked where it is fetched.
Source: the repository format (wiki.debian.org/DebianRepository/Format).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.debian_control import MalformedControl, parse_stanza

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENTRY: Final = re.compile(r"\s*([0-9a-f]{64})\s+([0-9]+)\s+(\S+)\s*")
COMPRESSIONS: Final = (".xz", ".gz", "")  # in the order in which they are worth fetching


class UntrustedIndex(HermeticaError):
    """Package indices whose origin or age cannot be relied on."""

    code = "HM427"


@attrs.frozen(kw_only=True)
class Index:
    """One file that a release lists.

    Attributes:
        path: below the release's directory, such as ``main/binary-amd64/Packages.xz``.
        sha256: hexadecimal.
        size_bytes: its length.
    """

    path: str
    sha256: str
    size_bytes: int

    @property
    def path_by_hash(self) -> str:
        """Where the same bytes lie under their hash, so that a mirror that is being updated has them still."""
        return f"{self.path.rpartition('/')[0]}/by-hash/SHA256/{self.sha256}"


@attrs.frozen(kw_only=True)
class Release:
    """A release of a suite.

    Attributes:
        names: by which it may be asked for: suite and code name.
        valid_until: when it stops to hold; None where it says nothing.
        is_by_hash: whether the mirror keeps indices under their hashes.
        indices: by path.
    """

    names: frozenset[str]
    valid_until: datetime | None
    is_by_hash: bool
    indices: Mapping[str, Index]

    @classmethod
    def parse(cls, text: str) -> Release:
        """The release that a text, its signature taken off, describes.

        Raises:
            MalformedControl: it describes none.
        """
        fields = parse_stanza(text.strip("\n"))
        until = fields.get("valid-until")
        try:
            valid_until = parsedate_to_datetime(until) if until else None
        except (ValueError, OverflowError) as error:
            raise MalformedControl(f"not a date: Valid-Until {until!r}") from error
        if valid_until is not None and valid_until.tzinfo is None:
            valid_until = valid_until.replace(tzinfo=UTC)
        entries = (_parse_entry(line) for line in fields.get("sha256", "").splitlines() if line.strip())
        return cls(
            names=frozenset(fields[key] for key in ("suite", "codename") if key in fields),
            valid_until=valid_until,
            is_by_hash=fields.get("acquire-by-hash") == "yes",
            indices={entry.path: entry for entry in entries},
        )

    def check(self, suite: str, now: datetime) -> None:
        """Refuses a release of another suite, or one that no longer holds.

        Raises:
            UntrustedIndex: it is one of these.
        """
        if suite.partition("/")[0] not in self.names and suite not in self.names:
            raise UntrustedIndex(f"the mirror's {suite} calls itself {', '.join(sorted(self.names)) or 'nothing'}")
        if self.valid_until is not None and now > self.valid_until:
            raise UntrustedIndex(
                f"the mirror's {suite} was valid until {self.valid_until:%Y-%m-%d %H:%M} UTC",
                hint="take a mirror that is kept up to date; see that this machine's clock is right",
            )

    def find(self, path: str) -> tuple[Index, ...]:
        """The compressed and plain forms of one index, best first.

        Raises:
            UntrustedIndex: the release vouches for none.
        """
        found = tuple(self.indices[path + ending] for ending in COMPRESSIONS if path + ending in self.indices)
        if not found:
            raise UntrustedIndex(f"the release lists no {path}")
        return found


def _parse_entry(line: str) -> Index:
    match = _ENTRY.fullmatch(line)
    if match is None:
        raise MalformedControl(f"not an entry of a Release: {line!r}")
    return Index(path=match[3], sha256=match[1], size_bytes=int(match[2]))
