"""A tree of tools that needs no network: the host's static busybox in a Debian package of our own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import hermetica as hm
from hermetica_derivations.stdenv import Environment, mk_derivation
from tests.fetch.debian_archive import Content, Link, deb_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ``.deb`` with busybox and a link for every applet."""
    busybox = shutil.which("busybox")
    assert busybox is not None
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    files: dict[str, Content] = {f"./usr/bin/{applet}": Link("busybox") for applet in listed}
    files["./usr/bin/busybox"] = Path(busybox).read_bytes()
    deb = tmp_path_factory.mktemp("tools") / "tools.deb"
    deb.write_bytes(deb_of(files, modes={"./usr/bin/busybox": 0o755}, compression=""))
    return deb


@attrs.frozen
class Bench:
    """A store, and the generic builder on busybox."""

    store: hm.Store
    environment: Environment

    def make(self, **settings: Any) -> hm.Derivation:
        """A derivation of the generic builder, without tools that busybox lacks."""
        defaults: dict[str, Any] = {"name": "probe", "environment": self.environment, "do_strip": False}
        return mk_derivation(**{**defaults, **settings})

    def build(self, derivation: hm.Derivation) -> dict[str, Path]:
        """Where its outputs are on disk."""
        made = self.store.realize(derivation)
        return {output: self.store.objects.on_disk(made[output]) for output in derivation.outputs}

    def log(self, derivation: hm.Derivation) -> str:
        """What its builder writes."""
        written: list[str] = []
        self.store.realize(derivation, on_event=lambda event: written.append(getattr(event, "text", "")))
        return "\n".join(written)


@pytest.fixture
def bench(tmp_path: Path, tools: Path) -> Iterator[Bench]:
    with hm.Store.open(tmp_path / "store") as store:
        rootfs = hm.debian_rootfs("tools", [hm.source(tools)])
        yield Bench(store, Environment(rootfs=rootfs, compiler=hm.text("cc", ""), fixup=None))
