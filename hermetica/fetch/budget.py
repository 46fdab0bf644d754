"""What an archive may still unpack to: bombs end when it is used up, and not when the disk is full."""

from __future__ import annotations

from typing import Final

from hermetica.fetch.archive import ArchiveTooLarge, Limits

__all__ = ["Budget"]


class Budget:
    """Counts what one archive unpacks to.

    Attributes:
        limits: what it may come to.
        packed_bytes: of the archive itself.
    """

    def __init__(self, limits: Limits, packed_bytes: int) -> None:
        self.limits: Final = limits
        self.packed_bytes: Final = packed_bytes
        self._most: Final = self._most_bytes()
        self._streamed = 0
        self._declared = 0
        self._entries = 0

    def _most_bytes(self) -> int:
        dense = max(self.limits.ratio_floor_bytes, self.packed_bytes * self.limits.ratio)
        return min(self.limits.total_bytes, dense)

    def stream(self, size_bytes: int) -> None:
        """So many bytes came out of a decompressor.

        Raises:
            ArchiveTooLarge: they are too many.
        """
        self._streamed += size_bytes
        if self._streamed > self._most:
            raise self._too_large(self._streamed)

    def declare(self, size_bytes: int, member: bytes | None) -> None:
        """A member says it has so many bytes; holes and further names of a file count.

        Raises:
            ArchiveTooLarge: they are too many.
        """
        self._declared += size_bytes
        if self._declared > self._most:
            raise self._too_large(self._declared, member)

    def enter(self, member: bytes | None) -> None:
        """There is one more entry.

        Raises:
            ArchiveTooLarge: they are too many.
        """
        self._entries += 1
        if self._entries > self.limits.entries:
            raise ArchiveTooLarge(f"more than {self.limits.entries:,} entries", member=member)

    def _too_large(self, size_bytes: int, member: bytes | None = None) -> ArchiveTooLarge:
        if size_bytes > self.limits.total_bytes:
            return ArchiveTooLarge(f"unpacks to more than {self.limits.total_bytes:,} bytes", member=member)
        return ArchiveTooLarge(
            f"unpacks to more than {self.limits.ratio} times its {self.packed_bytes:,} bytes", member=member
        )
