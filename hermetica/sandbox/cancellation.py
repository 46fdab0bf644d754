"""One switch that ends any number of builds, from any thread."""

from __future__ import annotations

import os
import threading
import weakref


class Cancellation:
    """A switch that is off until `cancel` and on ever after; waiting code polls its descriptor."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._cancelled = threading.Event()
        weakref.finalize(self, os.close, self._fd)

    def cancel(self) -> None:
        """Turn it on; again is no error."""
        if not self._cancelled.is_set():
            self._cancelled.set()
            os.eventfd_write(self._fd, 1)

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def fileno(self) -> int:
        """The descriptor that becomes readable at `cancel` and stays so; not to be read or closed."""
        return self._fd
