"""A repair that is killed at a step of its own leaves a store that the next repair makes whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.measuring import unmeasured
from tests.store.test_dedup import LARGE, publish
from tests.store.test_repair import opened, state

if TYPE_CHECKING:
    from pathlib import Path

    from hermetica_store import ObjectStore, StorePath

REPAIR = """
import json, sys
from pathlib import Path
from tests.campaign.points import Moment, Points, put_in
moment = json.loads(sys.argv[2])
points = Points(kill=None if moment is None else Moment(*moment))
points.install()
from hermetica_store import ObjectStore, repair
put_in(repair, "swap", points._wrapped("swap", repair.swap))
put_in(repair, "sync_file_system", points._wrapped("syncfs", repair.sync_file_system))
with ObjectStore.open(Path(sys.argv[1])) as store:
    report = store.repair()
print(json.dumps(points.reached))
"""
FILES = {"bin/large": LARGE, "data": b"data", "deep/x": b"x"}
KILLS = int(os.environ.get("HERMETICA_REPAIR_KILLS", "8"))


def run(root: Path, moment: tuple[str, int] | None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", REPAIR, str(root), json.dumps(moment)]
    return subprocess.run(command, env=unmeasured(), capture_output=True, text=True, check=False)


def damage(store: ObjectStore, paths: list[StorePath]) -> None:
    (opened(store.on_disk(paths[0]) / "deep") / "x").unlink()
    (opened(store.on_disk(paths[1])) / "new").write_text("new")


def test_a_repair_may_be_killed_at_any_step(object_store: ObjectStore) -> None:
    store = object_store
    paths = [publish(store, name, FILES) for name in ("first", "second")]
    publish(store, "whole", FILES)
    good = [state(store.on_disk(path)) for path in paths]
    damage(store, paths)
    ended = run(store.root, None)
    assert ended.returncode == 0, ended.stderr
    reached: dict[str, int] = json.loads(ended.stdout)
    moments = [(name, count) for name, times in reached.items() for count in range(1, times + 1)]
    assert any(name.startswith("swap@") for name, _ in moments)
    if len(moments) > KILLS:
        moments = random.Random(0).sample(moments, KILLS)
    killed = 0
    for moment in moments:
        damage(store, paths)
        ended = run(store.root, moment)
        killed += ended.returncode == -signal.SIGKILL
        assert ended.returncode in {0, -signal.SIGKILL}, (moment, ended.stderr)
        assert all(os.path.lexists(store.on_disk(path)) for path in paths), moment  # never neither
        report = store.repair()
        assert report.unrepaired == (), moment
        assert [state(store.on_disk(path)) for path in paths] == good, moment
        assert {problem.kind for problem in store.verify(paths).problems} == set(), moment
        store.purge_quarantine()
    print(f"{killed} kills at {len(moments)} steps, none lost")
    assert killed >= len(moments) * 3 // 4
