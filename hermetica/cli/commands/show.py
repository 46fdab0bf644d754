"""``hermetica show``: a derivation, laid out; or the bytes that its id is the digest of."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from hermetica.cli.targets import find_record
from hermetica.model import evaluation, to_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hermetica.cli.session import Session
    from hermetica.model import Derivation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("target", metavar="TARGET", help="a target, or the beginning of a derivation's id")
    parser.add_argument("--canonical", action="store_true", help="print the hashed bytes, nothing else")


def run(session: Session) -> int:
    """Prints it."""
    with evaluation():
        record = find_record(session.options.target, session.objects) if _may_be_id(session) else None
        if record is not None:
            from hermetica.realize.kept_records import KeptRecords  # noqa: PLC0415 -- only for ids

            canonical = json.dumps(record["derivation"], ensure_ascii=False, separators=(",", ":")).encode()
            facts: dict[str, Any] = {**KeptRecords(session.objects).whole(record), "inputs": None, "outputs": None}
        else:
            derivation = session.evaluator([session.options.target]).one(session.options.target).derivation
            canonical, facts = derivation.canonical, _facts(derivation, session)
    if session.options.canonical:
        sys.stdout.flush()
        sys.stdout.buffer.write(canonical)
        sys.stdout.buffer.flush()
        return 0
    session.console.result({"format": "hermetica.show/1", **facts}, _lines(facts))
    return 0


def _may_be_id(session: Session) -> bool:
    from hermetica.cli.target import Kind, parse  # noqa: PLC0415 -- loaded by now

    return parse(session.options.target).kind is Kind.DERIVATION


def _facts(derivation: Derivation, session: Session) -> dict[str, Any]:
    paths = session.store.trace.unresolved_many([(derivation.input_id, output) for output in derivation.outputs])
    return {
        **to_record(derivation),
        "input_id": derivation.input_id.hex,
        "inputs": [
            {"name": source.name, "output": token.output, "drv": source.id.hex, "placeholder": str(token)}
            for token, source in derivation.inputs.derivations
        ],
        "outputs": {
            output: None if path is None else str(path) for output, path in zip(derivation.outputs, paths, strict=True)
        },
    }


def _output_names(facts: dict[str, Any]) -> list[str]:
    names: list[str] = facts["derivation"].get("outputs", ["out"])
    return names


def _readable(text: str, facts: dict[str, Any]) -> str:
    for row in facts["inputs"] or ():
        output = "" if row["output"] == "out" else f".{row['output']}"
        text = text.replace(row["placeholder"], f"${{{row['name']}{output}}}")
    from hermetica.model import Token  # noqa: PLC0415 -- loaded by now
    from hermetica.model.placeholder import SELF  # noqa: PLC0415 -- loaded by now

    for output in _output_names(facts):
        text = text.replace(str(Token(SELF, output)), f"${{{output}}}")
    return text


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    yield from _identity(facts)
    yield from _fields(facts)
    yield from _around(facts)


def _identity(facts: dict[str, Any]) -> Iterator[str]:
    yield f"name      {facts['derivation']['name']}"
    yield f"id        {facts['id']}"
    if facts.get("input_id") not in {None, facts["id"]}:
        yield f"contract  {facts['input_id']}"
    if facts["origin"]:
        yield f"origin    {facts['origin']}"
    for field, label in (("description", "about"), ("homepage", "homepage"), ("licence", "licence")):
        if value := facts["meta"].get(field):
            yield f"{label:<9} {value}"


def _fields(facts: dict[str, Any]) -> Iterator[str]:
    form = facts["derivation"]
    yield f"system    {form['system']}"
    yield f"builder   {_readable(form['builder'], facts)}"
    for index, argument in enumerate(form.get("args", ())):
        yield from _labelled("args" if index == 0 else "", _readable(argument, facts))
    for index, (name, value) in enumerate(form.get("env", {}).items()):
        yield from _labelled("env" if index == 0 else "", f"{name}={_readable(value, facts)}")
    if form.get("rootfs"):
        yield f"rootfs    {_readable(form['rootfs'], facts)}"
    if form.get("fixed"):
        yield f"fixed     {form['fixed']['method']} {form['fixed']['algorithm']} {form['fixed']['digest']}"


def _around(facts: dict[str, Any]) -> Iterator[str]:
    outputs = facts["outputs"] or dict.fromkeys(_output_names(facts))
    yield from _column("inputs", [f"{row['name']}^{row['output']}  {row['drv'][:12]}" for row in facts["inputs"] or ()])
    yield from _column("sources", [row["path"] for row in facts["sources"]])
    yield from _column("outputs", [f"{output}  {path or 'not realized'}" for output, path in outputs.items()])


def _column(label: str, values: list[str]) -> Iterator[str]:
    for index, value in enumerate(values):
        yield f"{label if index == 0 else '':<9} {value}"


def _labelled(label: str, text: str) -> Iterator[str]:
    for index, line in enumerate(text.splitlines() or [""]):
        yield f"{label if index == 0 else '':<9} {line}"
