"""Carries out a small study, in a process that may be killed: ``carry.py ROOM DIRECTORY``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import hermetica as hm
from hermetica.study.carrying import Carrier
from tests.study.conftest import SCRIPTS, scripted, tools
from tests.study.test_carrying import study

if __name__ == "__main__":
    room, name = Path(sys.argv[1]), sys.argv[2]
    place = room / "tools"
    chosen = {each: SCRIPTS[each] for each in ("two", "pair", "picky")}
    with hm.evaluation(), hm.Store.open(room / "store") as store:
        made = scripted(place if place.exists() else tools(place), chosen)
        Carrier(study=study(*made), store=store).run(made, room / name)
