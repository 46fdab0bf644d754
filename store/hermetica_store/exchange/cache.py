"""A binary cache in a directory, in Nix's layout: where its files are, how they are read, and how they get there whole.

Files are written below ``.tmp``, made durable together, and then renamed: the NARs first, what names them after that,
what refers to others last. One process at a time writes; it removes what a killed one left. Source:
docs/format-archive.md, "Binary caches".
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from typing import TYPE_CHECKING, Final

import attrs

from hermetica_store.errors import StoreError
from hermetica_store.exchange.narinfo import CACHE_INFO, InvalidNarInfo, NarInfo, cache_info, cache_store_dir
from hermetica_store.exchange.transfer import replacing, transferring
from hermetica_store.flush import sync_file_system
from hermetica_store.path import STORE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from hermetica_store.path import StorePath

_TEXT_MAX: Final = 1 << 24
_TEMPORARY: Final = ".tmp"
_LOCK: Final = ".lock"


class NotACache(StoreError):
    """A directory that holds no binary cache, or that of another store directory."""

    code = "HM434"

    def __init__(self, directory: Path, found: str) -> None:
        super().__init__(
            f"{directory} is no binary cache of {STORE_PREFIX}",
            details=(("found", found),),
            hint="hermetica store export --cache DIR makes one",
        )


@attrs.frozen
class CacheDirectory:
    """The files of a cache.

    Attributes:
        root: where they lie.
    """

    root: Path

    def check(self) -> None:
        """Refuses what is no cache of our objects.

        Raises:
            NotACache: it is none.
        """
        info = self.root / CACHE_INFO
        if not info.is_file():
            raise NotACache(self.root, f"no {CACHE_INFO}")
        found = cache_store_dir(self._text(info), str(info))
        if found != STORE_PREFIX:
            raise NotACache(self.root, f"StoreDir {found}")

    def narinfo_path(self, path: StorePath) -> Path:
        """Where a cache says what it has of an object."""
        return self.root / f"{path.digest}.narinfo"

    def narinfo(self, path: StorePath) -> NarInfo | None:
        """What it says of an object; None where it has it not.

        Raises:
            InvalidNarInfo: it says it of another object, or what it says makes no sense.
        """
        place = self.narinfo_path(path)
        with transferring(place):
            if not place.is_file():
                return None
        info = NarInfo.parse(self._text(place), str(place))
        if info.path != path:
            raise InvalidNarInfo(str(place), f"it is about {info.path}")
        return info

    def find(self, digest_prefix: str) -> tuple[StorePath, ...]:
        """The objects whose digests begin so, ascending."""
        return tuple(info.path for info in self.narinfos(digest_prefix))

    def narinfos(self, prefix: str = "") -> Generator[NarInfo]:
        """What it says of every object whose digest begins with ``prefix``, ascending."""
        with transferring(self.root):
            names = sorted(entry.name for entry in os.scandir(self.root) if entry.name.endswith(".narinfo"))
        for name in names:
            if not name.startswith(prefix):
                continue
            place = self.root / name
            info = NarInfo.parse(self._text(place), str(place))
            if self.narinfo_path(info.path) != place:
                raise InvalidNarInfo(str(place), f"it is about {info.path}")
            yield info

    def has_nar(self, info: NarInfo) -> bool:
        """Whether the file that a narinfo names is there, and as long as it says."""
        with contextlib.suppress(OSError):
            return (self.root / info.url).stat().st_size == info.file_size
        return False

    def _text(self, place: Path) -> str:
        with transferring(place), place.open("rb") as file:
            data = file.read(_TEXT_MAX + 1)
        if len(data) > _TEXT_MAX:
            raise InvalidNarInfo(str(place), "it is too long")
        try:
            return data.decode("ascii")
        except UnicodeDecodeError as error:
            raise InvalidNarInfo(str(place), "it is not plain ASCII") from error


class CacheWriter:
    """The one who writes to a cache now."""

    def __init__(self, cache: CacheDirectory, fd: int) -> None:
        self.cache = cache
        self.temporary = cache.root / _TEMPORARY
        self._fd = fd

    def add(self, placed: Sequence[tuple[Path, NarInfo]]) -> None:
        """Makes temporary NARs and what is said of them part of the cache, in the order given; durable on return."""
        self._sync()
        for temporary, info in placed:
            temporary.replace(self.cache.root / info.url)
        self.describe(info for _, info in placed)

    def describe(self, infos: Iterable[NarInfo]) -> None:
        """Puts what is said of objects whose NARs are there, in the order given; durable on return."""
        texts: list[tuple[Path, Path]] = []
        for info in infos:
            target = self.cache.narinfo_path(info.path)
            temporary = self.temporary / target.name
            temporary.write_text(str(info), encoding="ascii")
            texts.append((temporary, target))
        if not texts:
            return
        self._sync()
        for temporary, target in texts:
            temporary.replace(target)
        self._sync()

    def _sync(self) -> None:
        sync_file_system(self._fd)


@contextlib.contextmanager
def writing_to(cache: CacheDirectory) -> Generator[CacheWriter]:
    """Be the one who writes to a cache, made if nothing is there yet; waits for whoever else does.

    Raises:
        NotACache: something else lies there.
        CannotTransfer: the system refused.
    """
    root = cache.root
    with transferring(root):
        (root / "nar").mkdir(parents=True, exist_ok=True)
        fd = os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            writer = CacheWriter(cache, fd)
            shutil.rmtree(writer.temporary, ignore_errors=True)
            writer.temporary.mkdir()
            if not (root / CACHE_INFO).exists():
                with replacing(root / CACHE_INFO) as file:
                    file.write(cache_info().encode())
            cache.check()
            try:
                yield writer
            finally:
                shutil.rmtree(writer.temporary, ignore_errors=True)
        finally:
            os.close(fd)
