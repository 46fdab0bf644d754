"""``hermetica ls``: the derivations that targets name, and whether each is realized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse

    from hermetica.cli.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all of ./pkgs.py where none is named")
    parser.add_argument("--names", action="store_true", help="every name there that can be a target; evaluates no set")


def _names(session: Session) -> int:
    """What a shell completes: names alone, without looking into the store."""
    with evaluation():
        texts = session.options.targets or ["./pkgs.py"]
        names = session.evaluator(texts).names(texts)
    session.console.result({"format": "hermetica.names/1", "names": names}, names)
    return 0


def run(session: Session) -> int:
    """Lists them."""
    if session.options.names:
        return _names(session)
    with evaluation():
        texts = session.options.targets or ["./pkgs.py"]
        chosen = session.evaluator(texts).derivations(texts)
        wanted = [(each.derivation.input_id, output) for each in chosen for output in each.outputs]
        paths = iter(session.store.trace.unresolved_many(wanted))
        rows: list[dict[str, Any]] = []
        for each in chosen:
            outputs = {output: next(paths) for output in each.outputs}
            rows.append(
                {
                    "target": each.name,
                    "name": each.derivation.name,
                    "drv": each.derivation.id.hex,
                    "origin": str(each.derivation.origin) if each.derivation.origin else None,
                    "description": each.derivation.meta.description,
                    "realized": None not in outputs.values(),
                    "outputs": {output: None if path is None else str(path) for output, path in outputs.items()},
                }
            )
    width = max(len(row["target"]) for row in rows)
    lines = (
        f"{'realized' if row['realized'] else '-':<8}  {row['target']:<{width}}  {row['name']}  {row['description']}"
        for row in rows
    )
    session.console.result({"format": "hermetica.targets/1", "targets": rows}, (line.rstrip() for line in lines))
    return 0
