"""Which hosts could be reached: a mirror that is dead for one file is asked last for the next."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermetica.fetch.mirrors import Mirrors
    from hermetica.fetch.waiting import Patience

__all__ = ["Network", "Reach"]


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


class Reach:
    """Remembers hosts that gave no answer, for as long as one run lasts. Thread-safe."""

    def __init__(self) -> None:
        self._silent: set[str] = set()
        self._lock = threading.Lock()

    def order(self, urls: Iterable[str]) -> tuple[str, ...]:
        """The addresses, each once, as given; those of hosts that gave no answer come last."""
        with self._lock:
            return tuple(sorted(dict.fromkeys(urls), key=lambda url: _host(url) in self._silent))

    def note(self, url: str, *, answered: bool) -> None:
        """Takes note of whether the host of an address gave an answer, be it a refusal."""
        with self._lock:
            if answered:
                self._silent.discard(_host(url))
            else:
                self._silent.add(_host(url))


@attrs.frozen(kw_only=True)
class Network:
    """What fetching needs to know of the network.

    Attributes:
        mirrors: resolves ``mirror://`` addresses.
        patience: how long to wait for an address.
        reach: which hosts answered so far.
    """

    mirrors: Mirrors
    patience: Patience
    reach: Reach = attrs.field(factory=Reach)
