"""Real builds as a workload: in the sandbox, by the library and by the command line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import hermetica as hm
from hermetica.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.campaign.workloads import Place

_LIBRARY: Final = (
    'mkdir -p $out/lib && echo "$out $VARIANT" > $out/lib/self && ln -s $out/lib/self $out/link && echo built'
)
_PROGRAM: Final = 'mkdir -p $out/bin $doc && echo "$LIBRARY/lib" > $out/bin/program && echo "see $out" > $doc/readme'
_MODULE: Final = """
import hermetica as hm
from tests.campaign.builds import chain
first = chain(hm.source("tools", name="busybox"), 0)
second = chain(hm.source("tools", name="busybox"), 1)
"""


def missing() -> list[str]:
    """Which programs are needed and not there."""
    return [program for program in ("bwrap", "busybox") if shutil.which(program) is None]


def make_tools(outside: Path) -> Path:
    """A directory with ``bin/sh``, a static shell, and beside it a module of derivations."""
    tools = outside / "tools"
    if not tools.exists():
        (tools / "bin").mkdir(parents=True)
        shutil.copy(shutil.which("busybox") or "busybox", tools / "bin" / "busybox")
        (tools / "bin" / "sh").symlink_to("busybox")
        (outside / "pkgs.py").write_text(_MODULE)
    return tools


def chain(busybox: hm.Source, variant: int) -> hm.Derivation:
    """A derivation of two outputs that needs another, which mentions itself."""

    def shell(name: str, script: str, **fields: str) -> hm.Derivation:
        outputs = ("out", "doc") if "$doc" in script else ("out",)
        return hm.derivation(name=name, builder=f"{busybox}/bin/sh", args=("-euc", script), env=fields, outputs=outputs)

    library = shell("library", _LIBRARY, VARIANT=str(variant))
    return shell("program", _PROGRAM, LIBRARY=str(library))


def build(place: Place) -> None:
    """Build by the library; what is returned is durable."""
    with hm.evaluation():
        wanted = chain(hm.source(str(place.outside / "tools"), name="busybox"), place.rng.randrange(3))
    with hm.Store.open(place.root) as store:
        result = store.realize(wanted, jobs=2)
        paths = list(result.outputs.values())
        place.kept(paths)
        with store.objects.lease() as lease:
            if lease.hold(paths) == frozenset(paths):
                place.root_it(store.objects, result["doc"])


def command(place: Place) -> None:
    """Build by the command line, with a link; its success says that the result is kept."""
    os.chdir(place.outside)
    os.environ["HERMETICA_STORE"] = os.fspath(place.root)
    link = Path.cwd() / f"link-{place.slot}-result"
    key = f"root link:{link}"
    place.journal.write("forget", key)
    name = place.rng.choice(["first", "second"])
    status = main(["build", f"./pkgs.py:{name}", "-o", link.name])
    if status:
        place.complain(f"hermetica build ended with {status}")
        return
    place.journal.did(key, link.readlink().name)


def collect(place: Place) -> None:
    """Collect by the command line."""
    place.journal.write("collects")
    os.environ["HERMETICA_STORE"] = os.fspath(place.root)
    status = main(["gc"])
    if status:
        place.complain(f"hermetica gc ended with {status}")


WORKLOADS: Final[dict[str, Callable[[Place], None]]] = {
    "build": build,
    "build-command": command,
    "collect-command": collect,
}
