"""Hermetica inside of a program, with types: a store, a plan, a run with its events; and the same with asyncio."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import hermetica as hm
from pkgs import pkgs

if TYPE_CHECKING:
    from pathlib import Path


def tell(event: hm.Event) -> None:
    """Takes the events of a run."""
    sys.stderr.write(f"{event.kind} {event.to_json()}\n")


def build(root: Path) -> dict[str, str]:
    """Realizes several packages; failures are in the result."""
    with hm.Store.open(root) as store:
        plan: hm.Plan = store.plan([pkgs.zlib, pkgs.page])
        sys.stderr.write(f"{plan}\n")
        results: hm.Realizations = store.realize_all([pkgs.zlib, pkgs.page], keep_going=True, jobs=2, on_event=tell)
        return {each.derivation.name: str(each.out) for each in results if each.outputs}


async def build_soon(root: Path, seconds: float) -> hm.StorePath:
    """Realizes one package, unless that takes too long."""
    async with hm.aio.open_store(root) as store, asyncio.timeout(seconds):
        made: hm.Realization = await store.realize(pkgs.zlib, cores=1, on_event=tell)
        return made["dev"]
