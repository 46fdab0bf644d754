"""``python -m tests.campaign``: kills and power losses, and what they left. Exit status 1 if anything was lost."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.campaign.kills import Campaign, Tally
from tests.campaign.plants import PLANTS


def main(words: list[str]) -> int:
    """Run a campaign; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="rounds with a kill (100)")
    parser.add_argument("--seed", type=int, default=1, help="of every choice (1)")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="a bug that has to be found")
    parser.add_argument("--in", dest="base", type=Path, help="where to work (a fresh directory for temporary files)")
    options = parser.parse_args(words)
    base = Path(tempfile.mkdtemp(prefix="hermetica-campaign-", dir=options.base))
    started = time.monotonic()
    tally = Tally(seed=options.seed)
    campaign = Campaign(base=base / "work", rng=random.Random(options.seed), tally=tally, plant=options.plant)
    try:
        campaign.run(options.kills)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    for line in tally.lost:
        print(line, file=sys.stderr)
    print(json.dumps(summary(campaign, time.monotonic() - started)))
    return 1 if tally.lost else 0


def summary(campaign: Campaign, took_s: float) -> dict[str, object]:
    """The figures, for people and machines."""
    tally = campaign.tally
    return {
        "format": "hermetica.campaign/1",
        "seed": tally.seed,
        "plant": campaign.plant,
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
        "lost": len(tally.lost),
        "seconds": round(took_s, 1),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
