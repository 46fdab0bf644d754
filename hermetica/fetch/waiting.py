"""Waiting on the network so that it ends: at a time limit, at a server too slow to be of use, or when cancelled.

Python's own socket timeout cannot be interrupted from outside, and starts again with every byte. Here every wait is
cut into short ones, and between them it is asked whether to go on.
"""

from __future__ import annotations

import errno
import io
import os
import select
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FetchCancelled", "Patience", "PatientReader", "Waiting"]

_SLICE_S: Final = 0.1


class FetchCancelled(HermeticaError):
    """A download was ended from outside."""

    code = "HM124"


@attrs.frozen(kw_only=True)
class Patience:
    """How long to put up with one address.

    Attributes:
        timeout_s: without a byte, or without a connection.
        retries: further attempts after a passing failure.
        backoff_s: before the first of them; doubled before each next one.
        slow_window_s: over which the pace is judged.
        slow_bytes_per_s: below it an address counts as one that does not answer; 0 never does.
    """

    timeout_s: float = 30.0
    retries: int = 3
    backoff_s: float = 0.3
    slow_window_s: float = 30.0
    slow_bytes_per_s: float = 256.0


class Waiting:
    """Waits on behalf of one transfer."""

    def __init__(self, patience: Patience, cancelled: Callable[[], bool] | None = None) -> None:
        self.patience: Final = patience
        self._cancelled = cancelled
        self._paces: deque[tuple[float, int]] = deque()  # (when, bytes by then), over the window

    def check(self) -> None:
        """Ends the transfer if someone wants that.

        Raises:
            FetchCancelled: someone does.
        """
        if self._cancelled is not None and self._cancelled():
            raise FetchCancelled("the download was cancelled")

    def sleep(self, duration_s: float) -> None:
        """Lets time pass.

        Raises:
            FetchCancelled: meanwhile.
        """
        end = time.monotonic() + duration_s
        while True:
            self.check()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _SLICE_S))

    def until(self, descriptor: int, events: int) -> None:
        """Waits until a socket is ready.

        Raises:
            TimeoutError: it is not in time.
            FetchCancelled: meanwhile.
        """
        poll = select.poll()
        poll.register(descriptor, events)
        self.check()
        end = time.monotonic() + self.patience.timeout_s
        while not poll.poll(_SLICE_S * 1000):
            self.check()
            if time.monotonic() >= end:
                raise TimeoutError(f"nothing came for {self.patience.timeout_s:g} s")

    def pace(self, done_bytes: int) -> None:
        """Takes note of how far the transfer is.

        Raises:
            TimeoutError: it crawls.
            FetchCancelled: someone wants it ended.
        """
        self.check()
        now, window = time.monotonic(), self.patience.slow_window_s
        self._paces.append((now, done_bytes))
        while len(self._paces) > 2 and now - self._paces[1][0] >= window:
            self._paces.popleft()
        since, before = self._paces[0]
        if now - since >= window and done_bytes - before < self.patience.slow_bytes_per_s * (now - since):
            raise TimeoutError(f"slower than {self.patience.slow_bytes_per_s:g} bytes/s")

    def restart_pace(self) -> None:
        """Forgets the pace: another transfer begins."""
        self._paces.clear()

    def connect(
        self, address: tuple[str, int], _timeout: object = None, _source: object = None, **_options: object
    ) -> socket.socket:
        """A connected socket; with the signature of ``socket.create_connection``.

        Raises:
            OSError: no address of the host answers.
            FetchCancelled: meanwhile.
        """
        host, port = address
        failure: OSError | None = None
        for family, kind, protocol, _, target in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
            try:
                return self._connect(socket.socket(family, kind, protocol), target)
            except OSError as error:
                failure = error
        raise failure or OSError(f"{host} has no address")

    def _connect(self, sock: socket.socket, target: object) -> socket.socket:
        try:
            sock.setblocking(False)  # noqa: FBT003 -- its only parameter
            status = sock.connect_ex(target)  # type: ignore[arg-type]  # as getaddrinfo gave it
            if status == errno.EINPROGRESS:
                self.until(sock.fileno(), select.POLLOUT)
                status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            _check_status(status)
            sock.settimeout(self.patience.timeout_s)
        except BaseException:
            sock.close()
            raise
        return sock


def _check_status(status: int) -> None:
    if status != 0:
        raise OSError(status, os.strerror(status))


class PatientReader(io.RawIOBase):
    """Reads from a connection, and waits for it patiently."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, waiting: Waiting) -> None:
        super().__init__()
        self._raw = raw
        self._socket = sock
        self._waiting = waiting

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int | None:  # type: ignore[override]  # any buffer is a memoryview here
        """Fills the buffer with what there is, once there is something."""
        pending = getattr(self._socket, "pending", None)  # bytes that TLS has decrypted already
        if pending is None or not pending():
            self._waiting.until(self._socket.fileno(), select.POLLIN)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Closes the connection's end, too."""
        self._raw.close()
        super().close()
