"""What an import brings, on its way into the store: restored, named anew by its content, and published only as a whole.

Every object is unpacked into scratch and prepared like the output of a build, so its path is derived from what really
came; a claim that differs is refused. Nothing is published before everything was checked. Then groups follow each
other in order of reference, so that at no moment a registered object misses a reference.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Self

import attrs

from hermetica_store.compose import Composed
from hermetica_store.errors import StoreError
from hermetica_store.nar_reader import restore_nar
from hermetica_store.prepare import Candidate, Prepared
from hermetica_store.refusals import working_in
from hermetica_store.scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from hermetica_store.leases import Lease
    from hermetica_store.nar_reader import ByteStream
    from hermetica_store.path import StorePath
    from hermetica_store.store import ObjectStore

_GROUP: Final = 64  # published at once: each holds a descriptor for its claim
_WORKERS: Final = min(4, os.cpu_count() or 1)


class IncompleteClosure(StoreError):
    """An import that lacks an object which another one refers to, or one that was asked for."""

    code = "HM431"

    def __init__(self, where: str, missing: StorePath, needed_by: StorePath | None) -> None:
        by = () if needed_by is None else (("needed by", str(needed_by)),)
        super().__init__(
            f"{where} lacks {missing}", details=by, hint="export the whole closure, or import what is missing first"
        )
        self.missing = missing
        self.needed_by = needed_by


class ContentMismatch(StoreError, ValueError):
    """An object that is offered under a path, or with a digest, that its content does not have."""

    code = "HM432"

    def __init__(self, where: str, claimed: StorePath | str, details: tuple[tuple[str, str], ...]) -> None:
        super().__init__(f"{where} offers other content as {claimed}", details=details)
        self.claimed = claimed


@attrs.frozen(kw_only=True)
class Claim:
    """What an archive or a cache says of an object.

    Attributes:
        path: the object.
        references: what it refers to, ascending; with its own path if it mentions itself.
    """

    path: StorePath
    references: tuple[StorePath, ...]


@attrs.frozen(kw_only=True)
class Imported:
    """What an import did.

    Attributes:
        roots: the objects that were asked for, ascending.
        added: the objects that were not there before, in order of reference.
        present: how many were there already.
        size_bytes: of the regular files of what was added.
    """

    roots: tuple[StorePath, ...]
    added: tuple[StorePath, ...]
    present: int
    size_bytes: int


class Staging:
    """Objects that are being imported; what was not published is gone when it is left.

    Args:
        store: where they go.
        lease: holds them, and what they refer to.
        room: a directory of one's own on the store's file system.
        where: what to call the place they come from.
    """

    def __init__(self, store: ObjectStore, lease: Lease, room: Path, where: str) -> None:
        self._store = store
        self._lease = lease
        self._room = room
        self._where = where
        self._known: set[StorePath] = set()
        self._pending: deque[Callable[[], Prepared]] = deque()
        self._prepared: list[Prepared] = []
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="hermetica-import")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def present(self, paths: Iterable[StorePath]) -> frozenset[StorePath]:
        """Those that are in the store; from now on no collection takes them."""
        likely = [path for path in paths if self._store.has(path)]  # holding writes, and most imports find nothing
        if not likely:
            return frozenset()
        found = self._lease.hold(likely)
        self._known |= found
        return found

    def require(self, claim: Claim) -> None:
        """Refuses an object before all that it refers to is there.

        Raises:
            IncompleteClosure: something is neither in the store nor was taken before.
            ContentMismatch: two objects cannot both have one digest.
        """
        for each in claim.references:
            if each.digest == claim.path.digest and each != claim.path:
                raise ContentMismatch(self._where, claim.path, (("it would refer to", str(each)),))
        unknown = [each for each in claim.references if each not in self._known and each != claim.path]
        missing = sorted(set(unknown) - self.present(unknown)) if unknown else []
        if missing:
            raise IncompleteClosure(self._where, missing[0], claim.path)

    def take(self, claim: Claim, restore: Callable[[Path], object]) -> None:
        """Takes an object whose references are known, beside others.

        Args:
            claim: what it is said to be; checked, at the latest by `publish`.
            restore: writes it to the place given.

        Raises:
            StoreError: it, or one before it, is not what it was said to be.
        """
        place = self._place(claim)
        self._pending.append(self._pool.submit(self._restore, claim, place, restore).result)
        while len(self._pending) > 2 * _WORKERS:
            self._prepared.append(self._pending.popleft()())

    def take_nar(self, claim: Claim, stream: ByteStream) -> None:
        """Takes an object whose references are known from a stream in which the next one follows.

        Its files are hashed and searched out of the same bytes that are written: nothing is read again.

        Raises:
            StoreError: it is not what it was said to be.
        """
        place, own = self._place(claim), claim.path.digest
        scanner = Scanner([each.digest for each in claim.references if each.digest != own], tracked=[own])
        with working_in(self._store.root):
            files = restore_nar(stream, place, scanner)
        found = frozenset(each for each in claim.references if each.digest.encode() in scanner.found)
        self._prepared.append(self._prepare(claim, place, Composed(files=files, references=found)))

    def _place(self, claim: Claim) -> Path:
        self.require(claim)
        self._known.add(claim.path)
        return self._room / str(len(self._prepared) + len(self._pending))

    def publish(self) -> tuple[Prepared, ...]:
        """Makes everything objects; returns when it is durable.

        Raises:
            StoreError: nothing was published if one is not what it was said to be; otherwise a beginning of the
                import may have been, each object with all that it refers to.
        """
        while self._pending:
            self._prepared.append(self._pending.popleft()())
        commits = [
            self._store.publish(self._prepared[start : start + _GROUP], lease=self._lease)
            for start in range(0, len(self._prepared), _GROUP)
        ]
        for commit in commits:
            commit.wait()
        return tuple(self._prepared)

    def _restore(self, claim: Claim, place: Path, restore: Callable[[Path], object]) -> Prepared:
        with working_in(self._store.root):
            restore(place)
        return self._prepare(claim, place)

    def _prepare(self, claim: Claim, place: Path, composed: Composed | None = None) -> Prepared:
        candidate = Candidate(
            tree=place,
            name=claim.path.name,
            scratch_digest=claim.path.digest,
            discard_references=not claim.references,
            check_writers=False,
            composed=composed,
        )
        others = [each for each in claim.references if each != claim.path]
        (prepared,) = self._store.prepare([candidate], others)
        if prepared.path != claim.path:
            raise ContentMismatch(self._where, claim.path, (("its content makes it", str(prepared.path)),))
        if prepared.references != claim.references:
            found = " ".join(each.base for each in prepared.references) or "nothing"
            raise ContentMismatch(self._where, claim.path, (("it refers to", found),))
        return prepared
