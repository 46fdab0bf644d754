"""Studies that are taken to another machine: told, refused, and gone on with where that is wished for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from hermetica.study.carrying import Carrier
from hermetica.study.declaration import Budget
from hermetica.study.host import host_facts
from hermetica.study.log import NAME, read_log
from hermetica.study.machines import OtherMachine, machines_of, require_machine, unlike
from hermetica.study.results import results_of
from hermetica.study.summary import summary_lines
from hermetica.study.tables import TRIALS, csv, trial_rows
from tests.study.test_carrying import study

if TYPE_CHECKING:
    from pathlib import Path

    import hermetica as hm

HOST = {
    "hermetica": "1",
    "sandbox_contract": 7,
    "system": "x86_64-linux",
    "kernel": "6.1.0",
    "processor": "A",
    "processors": 2,
    "memory_bytes": 8 << 30,
    "distribution": "Debian 12",
}
KINDS = ("study-started", "trial")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, []),
        ({"hermetica": "2", "distribution": "Debian 13", "memory_bytes": (8 << 30) - (64 << 20)}, []),
        ({"kernel": "6.18.1"}, [("kernel", "6.1.0 there, 6.18.1 here")]),
        ({"sandbox_contract": 8}, [("sandbox contract", "7 there, 8 here")]),
        (
            {"processors": 4, "memory_bytes": 16 << 30},
            [
                ("processors", "2 there, 4 here"),
                ("memory bytes", "8589934592 there, 17179869184 here"),
            ],
        ),
    ],
)
def test_machines_differ_in_what_a_build_or_a_race_can_hang_on(
    changed: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    found = unlike(HOST, {**HOST, **changed})
    assert found == told
    events = [{"kind": kind, "host": host} for host in (HOST, {**HOST, **changed}, HOST) for kind in KINDS]
    assert len(machines_of(events)) == (2 if told else 1)


def taken_elsewhere(directory: Path) -> bytes:
    """Makes a log one that another machine wrote; what it is then."""
    events = read_log(directory)
    for event in events:
        if event["kind"] == "study-started":
            event["host"] = {**event["host"], "kernel": "5.4.0-other", "processors": 96}
    data = "".join(json.dumps(event) + "\n" for event in events).encode()
    (directory / NAME).write_bytes(data)
    return data


@pytest.mark.sandbox
def test_a_log_of_another_machine_is_gone_on_with_only_on_purpose(
    store: hm.Store, targets: dict[str, hm.Derivation], tmp_path: Path
) -> None:
    chosen = {"two": targets["two"]}
    Carrier(study=study("two", budget=Budget(builds=4)), store=store).run(chosen, tmp_path)
    log = taken_elsewhere(tmp_path)
    carrier = Carrier(study=study("two"), store=store)
    with pytest.raises(OtherMachine, match="not made on this machine") as caught:
        carrier.run(chosen, tmp_path)
    assert caught.value.code == "HM696"
    facts = host_facts()
    assert dict(caught.value.details) == {
        "kernel": f"5.4.0-other there, {facts['kernel']} here",
        "processors": f"96 there, {facts['processors']} here",
    }
    assert "--mix-machines" in (caught.value.hint or "")
    assert (tmp_path / NAME).read_bytes() == log
    attrs.evolve(carrier, mix_machines=True).run(chosen, tmp_path)
    carrier.run(chosen, tmp_path)  # this machine is one of the log's by now
    events = read_log(tmp_path)
    results = results_of(events)
    assert (results["machines"], len(results["hosts"])) == (2, 2)
    assert any("builds of 2 machines count alike" in line for line in summary_lines(results))
    rows = trial_rows(events)
    assert [each["host"] for each in rows] == [1] * 4 + [2] * (len(rows) - 4)
    assert csv(TRIALS, rows).splitlines()[0].endswith(",host")


def test_a_log_without_builds_belongs_to_no_machine() -> None:
    elsewhere, trial = {"kind": "study-started", "host": {**HOST, "kernel": "5.4"}}, {"kind": "trial"}
    require_machine([elsewhere], HOST, "small.study")
    require_machine([elsewhere, {"kind": "study-started", "host": HOST}, trial], HOST, "small.study")
    with pytest.raises(OtherMachine):
        require_machine([elsewhere, trial, {"kind": "study-started", "host": HOST}], HOST, "small.study")
