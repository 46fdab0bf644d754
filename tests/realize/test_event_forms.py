"""The forms of events: a schema made from the classes that holds for what is written, which is read back as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hermetica.realize import NotAnEvent, error_json, event_schema, read_event
from hermetica.realize.event_forms import RecordedError
from hermetica.realize.event_lines import event_line
from hermetica.realize.events import DerivationFinished, Event
from tests.realize.test_events import SAMPLES

PUBLISHED = Path(__file__).parents[2] / "docs/events.schema.json"
VALIDATOR: Any = Draft202012Validator(event_schema())
every_sample = pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)


def test_the_published_schema_is_that_of_the_classes() -> None:
    """What breaks this changes what programs rely on; `hermetica events schema > docs/events.schema.json`."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == event_schema()


def test_the_schema_is_one_and_says_something_of_every_field() -> None:
    schema = event_schema()
    Draft202012Validator.check_schema(schema)
    silent = [
        f"{kind}.{name}"
        for kind, form in schema["$defs"].items()
        for name, field in form["properties"].items()
        if "const" not in field and not field.get("description")
    ]
    assert silent == []
    assert len(schema["oneOf"]) == len(SAMPLES)


@every_sample
def test_an_event_is_as_the_schema_says_and_nothing_is_missing_in_it(event: Event) -> None:
    form = event.to_json()
    assert [error.message for error in VALIDATOR.iter_errors(form)] == []
    assert set(form) == set(event_schema()["$defs"][event.kind]["properties"])
    for name in set(form) - {"format"}:
        assert not VALIDATOR.is_valid({**form, name: [[]]}), name
        assert not VALIDATOR.is_valid({other: form[other] for other in form if other != name}), name


@every_sample
def test_the_line_of_an_event_is_its_form(event: Event) -> None:
    expected = json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":"))
    assert event_line(event) == f"{expected}\n"


@every_sample
def test_an_event_is_read_back_as_it_was_written(event: Event) -> None:
    form = json.loads(json.dumps(event.to_json()))
    read = read_event(form)
    assert type(read) is type(event)
    assert read is not None
    assert read.to_json() == form


def test_a_recorded_error_is_laid_out_like_the_one_that_was() -> None:
    form = {
        "code": "HM105",
        "class": "BuildFailed",
        "message": "wrong",
        "details": [["got", "x"]],
        "hint": None,
        "origin": "pkgs.py:3",
        "via": ["lib.py:1 in make"],
        "log_tail": "the end",
    }
    error = RecordedError(form)
    assert (error.code, error.log_tail, error.via) == ("HM105", "the end", ("lib.py:1 in make",))
    assert error_json(error) == form
    assert RecordedError.code == "HM661"


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"format": "hermetica.event/2", "kind": "log"},
        {"format": "hermetica.event/1", "kind": "log"},
        {**SAMPLES[0].to_json(), "total": "many"},
        {**SAMPLES[0].to_json(), "total": None},
        {**next(e for e in SAMPLES if isinstance(e, DerivationFinished)).to_json(), "outcome": "eaten"},
        {**next(e for e in SAMPLES if isinstance(e, DerivationFinished)).to_json(), "error": {"code": "HM105"}},
        {**next(e for e in SAMPLES if isinstance(e, DerivationFinished)).to_json(), "outputs": ["out"]},
    ],
    ids=range(10),
)
def test_what_is_no_event_is_refused(document: Any) -> None:
    with pytest.raises(NotAnEvent) as caught:
        read_event(document)
    assert caught.value.code == "HM660"


def test_what_a_later_version_adds_is_passed_over() -> None:
    form = SAMPLES[0].to_json()
    assert read_event({**form, "kind": "moon-phase"}) is None
    assert read_event({**form, "moon": "full"}) == SAMPLES[0]
    assert VALIDATOR.is_valid({**form, "moon": "full"})
