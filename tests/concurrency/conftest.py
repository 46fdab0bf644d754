"""No test leaves a process behind, whatever it ends of."""

from __future__ import annotations

from tests.store.conftest import no_process_left

__all__ = ["no_process_left"]
