"""Fetches by plug-ins: found by name, called on the host, and believed no more than an address is.

What comes is held to the hash of the derivation by whoever registers it, as with every other fetch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

import attrs

from hermetica.entry_points import FETCHERS, EntryPoint, place_of, require, said
from hermetica.realize.errors import BuildCancelled, RealizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hermetica.model import Derivation, Resolved
    from hermetica.realize.context import RunContext


@attrs.frozen(kw_only=True)
class FetchRequest:
    """What a fetcher is to bring.

    Attributes:
        name: of the object.
        addresses: what the derivation says, in order; ``mirror://`` addresses are resolved.
        options: what the derivation adds, as JSON gives it.
        timeout_s: how long an address may say nothing.
        is_offline: whether only this machine may be asked.
        progress: to be called with the bytes that came so far, and how many there will be or None.
        is_cancelled: whether nobody waits any more; to be asked between pieces.
    """

    name: str
    addresses: tuple[str, ...]
    options: Mapping[str, Any]
    timeout_s: float
    is_offline: bool
    progress: Callable[[int, int | None], None]
    is_cancelled: Callable[[], bool]


class Fetcher(Protocol):
    """Brings a file or a directory: what an entry point of the group ``hermetica.fetchers`` leads to."""

    def __call__(self, request: FetchRequest, output: Path, /) -> object:
        """Makes ``output``, which is not there; called in a thread of the run's, several at once.

        Raises:
            Exception: it cannot be had. The text is shown to the user.
        """
        ...


class FetcherFailed(RealizeError):
    """A plug-in did not bring what it was to fetch."""

    code = "HM704"

    def __init__(self, derivation: Derivation, plugin: EntryPoint, error: Exception) -> None:
        at = place_of(error)
        super().__init__(
            derivation,
            f"{plugin} could not fetch it",
            details=(("raised", said(error)), *((("at", at),) if at else ()), *getattr(error, "details", ())),
            hint=getattr(error, "hint", None),
        )
        self.plugin = plugin


def run_fetcher(resolved: Resolved, context: RunContext, output: Path) -> None:
    """Fetches by the plug-in that the derivation names.

    Raises:
        UnknownPlugin: no installed distribution offers it.
        PluginBroken: it cannot be used.
        FetcherFailed: it raised.
        Offline: nothing but this machine may be asked, and none of the addresses is on it.
    """
    derivation, env = resolved.derivation, dict(resolved.env)
    origin = str(derivation.origin) if derivation.origin else None
    plugin = require(FETCHERS, env["fetcher"], origin=origin, about=f"{derivation.name}: ")
    fetcher = cast("Fetcher", plugin.load_callable("FUNCTION(request, output)"))
    network = context.network()
    request = FetchRequest(
        name=derivation.name,
        addresses=network.addresses(env["urls"].split("\n")),
        options=dict(resolved.structured or {}),
        timeout_s=network.patience.timeout_s,
        is_offline=network.offline,
        progress=lambda done, total: context.progress(derivation, done, total),
        is_cancelled=lambda: context.cancellation.is_cancelled,
    )
    try:
        fetcher(request, output)
    except Exception as error:
        if context.cancellation.is_cancelled:
            raise BuildCancelled(derivation, "cancelled") from error
        raise FetcherFailed(derivation, plugin, error) from error
