"""``python -m tests.campaign``: kills and power losses, and what they left. Exit status 1 if anything was lost."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from hermetica_store.remove import remove_tree
from tests.campaign.kills import Campaign, Tally
from tests.campaign.plants import PLANTS
from tests.campaign.power import PowerTally, Replay
from tests.campaign.recording import CannotRecord

CANNOT = 77  # as automake's tests say that they were skipped


def main(words: list[str]) -> int:
    """Run a campaign; its exit status."""
    options = _options(words)
    base = Path(tempfile.mkdtemp(prefix="hermetica-campaign-", dir=options.base))
    started = time.monotonic()
    try:
        lost, figures = (_power if options.mode == "power" else _kills)(options, base / "work")
    except CannotRecord as error:
        print(f"power losses cannot be replayed here: {error}", file=sys.stderr)
        return CANNOT
    finally:
        remove_tree(base)
    for line in lost:
        print(line, file=sys.stderr)
    head = {"format": "hermetica.campaign/1", "mode": options.mode, "seed": options.seed, "plant": options.plant}
    print(json.dumps({**head, **figures, "seconds": round(time.monotonic() - started, 1)}))
    return 1 if lost else 0


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("mode", nargs="?", choices=["kills", "power"], default="kills", help="what to do (kills)")
    parser.add_argument("--kills", type=int, default=100, help="rounds with a kill (100)")
    parser.add_argument("--prefixes", type=int, default=20, help="moments at which power is lost (20)")
    parser.add_argument("--seed", type=int, default=1, help="of every choice, though not of the timing (1)")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="a bug that has to be found")
    parser.add_argument("--only", metavar="NAME,...", help="of the workloads of kills just these")
    parser.add_argument("--in", dest="base", type=Path, help="where to work (a fresh directory for temporary files)")
    return parser.parse_args(words)


def _kills(options: argparse.Namespace, base: Path) -> tuple[list[str], dict[str, object]]:
    tally = Tally(seed=options.seed)
    campaign = Campaign(base=base, rng=random.Random(options.seed), tally=tally, plant=options.plant)
    if options.only:
        campaign.workloads = {name: campaign.workloads[name] for name in options.only.split(",")}
    campaign.run(options.kills)
    return tally.lost, {
        "kills": tally.kills,
        "processes_killed": tally.processes_killed,
        "at_random_moments": tally.at_timer,
        "at_named_points": sum(tally.at_points.values()),
        "points_known": len(campaign.seen),
        "points_hit": len(tally.at_points),
        "by_workload": dict(sorted(tally.by_workload.items())),
        "checks": tally.checks,
        "objects_checked": tally.objects_checked,
        "promises_checked": campaign.promises.kept,
        "stores": tally.stores,
        "stuck_sandboxes": tally.stuck_sandboxes,
        "lost": bool(tally.lost),
    }


def _power(options: argparse.Namespace, base: Path) -> tuple[list[str], dict[str, object]]:
    tally = PowerTally(seed=options.seed)
    Replay(base=base, rng=random.Random(options.seed), tally=tally, plant=options.plant).run(options.prefixes)
    return tally.lost, {
        "prefixes": tally.prefixes,
        "states": tally.states,
        "by_policy": dict(tally.by_policy),
        "recordings": tally.recordings,
        "discarded": tally.discarded,
        "steps": tally.steps,
        "syncs": tally.syncs,
        "states_with_objects": tally.with_objects,
        "objects_checked": tally.objects_checked,
        "promises_checked": tally.promises_checked,
        "lost": bool(tally.lost),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
