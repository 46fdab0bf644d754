"""``python -m tests.campaign.recorded BASE SEED``: the run that is recorded, on a store that does not exist yet.

Several processes at a time, as in the rounds of kills, but nobody is killed. Builders run in this process instead of a
sandbox, so that what they write can be followed too; all that comes before and after is what every build does.
"""

from __future__ import annotations

import functools
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import hermetica as hm
from hermetica.realize import build as building
from hermetica.sandbox import Exit
from hermetica.sandbox import Outcome as ExitOutcome
from tests.campaign import crew
from tests.campaign.plants import PLANTS
from tests.campaign.points import put_in
from tests.campaign.promises import Journal
from tests.campaign.upkeep import export, take_in
from tests.campaign.workloads import WORKLOADS, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.sandbox import SandboxSpec

_PHASES: Final = (
    ("rows", "lock"),
    ("add-sources", "rewrite", "lock"),
    ("add-texts", "build", "lock"),
    ("roots", "collect", "add-sources"),
    ("rewrite", "delete", "hold"),
    ("build", "collect", "lock"),
    ("export", "export", "add-texts"),
    ("delete", "add-texts", "collect"),
    ("import", "export", "lock"),
)


def run_here(spec: SandboxSpec, *, log: Callable[[bytes], object], **_: Any) -> Exit:
    """What the builder would do in the sandbox, done by this process: the directory of its output, and a log."""
    out = dict(spec.env)["out"]
    place = Path(spec.store_dir) / Path(out).name
    (place / "lib").mkdir(parents=True)
    (place / "lib" / "self").write_text(f"{out} {' '.join(spec.args)}" * 20, encoding="utf-8")
    (place / "lib" / "data").write_bytes(bytes(range(256)) * 60)
    (place / "link").symlink_to(f"{out}/lib/self")
    log(b"built\n" * 10)
    return Exit(
        outcome=ExitOutcome.EXITED,
        status=0,
        duration_s=0.0,
        cpu_user_s=None,
        cpu_system_s=None,
        peak_memory_bytes=None,
        log_bytes=60,
    )


def build(place: Place) -> None:
    """Realize two derivations, one of which needs the other."""
    put_in(building, "run", run_here)
    with hm.evaluation():
        first = hm.derivation(name="library", builder="/bin/sh", args=("-c", str(place.rng.randrange(3))))
        wanted = hm.derivation(name="program", builder="/bin/sh", args=("-c", f"{first}/lib"))
    with hm.Store.open(place.root) as store, store.objects.lease() as lease:
        result = store.realize(wanted, lease=lease, jobs=2)
        place.kept([result.out])
        place.root_it(store.objects, result.out)


_WORKLOADS: Final = {**WORKLOADS, "export": export, "import": take_in, "build": build}


def main(base: Path, seed: int, plant: str | None) -> int:
    """Do everything; 0 if all processes ended well."""
    os.umask(0o022)
    crew.adopt_orphans()
    base.mkdir()
    (base / "outside").mkdir()
    fd = os.open(base, os.O_RDONLY)
    os.fsync(fd)  # the user's directory is there before we come
    os.close(fd)
    if plant:
        PLANTS[plant]()
    rng = random.Random(seed)
    for phase in _PHASES:
        pids: dict[int, str] = {}
        for number, name in enumerate(phase):
            place = Place(
                root=base / "store-root",
                outside=base / "outside",
                journal=Journal(base / "journal"),
                slot=f"p{number}",
                rng=random.Random(rng.getrandbits(32)),
            )
            work = functools.partial(_WORKLOADS[name], place)
            pid = crew.start(work, base.with_name("output"), next(iter(pids), 0))
            pids[pid] = name
        end = crew.await_end(pids, whole=False)
        if end.problems:
            print(end.problems, crew.said(base.with_name("output")), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
