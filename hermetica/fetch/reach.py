"""Which hosts could be reached: a mirror that is dead for one file is asked last for the next."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from hermetica.errors import HermeticaError
from hermetica.fetch.connection import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hermetica.fetch.mirrors import Mirrors
    from hermetica.fetch.waiting import Patience

__all__ = ["Network", "Offline", "Reach"]


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


class Offline(HermeticaError):
    """Something would have to be fetched, and nothing may be."""

    code = "HM141"

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(
            f"{urls[0]} is not in the store, and the network may not be asked",
            details=tuple(("address", shown(url)) for url in urls),
            hint="hermetica prefetch brings what a lock pins; or leave out --offline and HERMETICA_OFFLINE",
        )


@attrs.frozen(kw_only=True)
class Network:
    """What fetching needs to know of the network.

    Attributes:
        mirrors: resolves ``mirror://`` addresses.
        patience: how long to wait for an address.
        reach: which hosts answered so far.
        offline: whether nothing may be asked.
        stores: roots of other stores of this machine that may have what no address gives.
    """

    mirrors: Mirrors
    patience: Patience
    reach: Reach = attrs.field(factory=Reach)
    offline: bool = False
    stores: tuple[Path, ...] = ()

    def addresses(self, urls: Sequence[str]) -> tuple[str, ...]:
        """Where to look for what is at these addresses, logical or plain.

        Raises:
            Offline: none of them is a file of this machine, and nothing else may be asked.
            NoMirror: none of them resolves.
        """
        if not self.offline:
            return self.mirrors.resolve_all(urls)
        local = tuple(url for url in urls if url.lower().startswith("file:"))
        if not local:
            raise Offline(urls)
        return local
