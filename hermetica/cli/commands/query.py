"""``hermetica query``: what is known of derivations and objects; each answer agrees with the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hermetica.cli.objects import object_of, objects_of
from hermetica.cli.parser import actions
from hermetica.model import evaluation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from hermetica.cli.session import Session
    from hermetica.model import Derivation
    from hermetica_store import ObjectStore, StorePath

_QUERIES = {
    "deps": "the derivations that a target uses",
    "rdeps": "the derivations of a module that use a target",
    "select": "the derivations that an expression stands for",
    "references": "the objects that an object mentions",
    "referrers": "the objects that mention an object",
    "closure": "an object and all it needs at run time",
    "path-info": "digests, size and references of an object",
    "derivers": "the builds that made an object",
    "outputs": "where the outputs of a target are",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the queries."""
    made = actions(parser, _QUERIES)
    for name, each in made.items():
        kind = "TARGET" if name in {"deps", "rdeps", "outputs"} else "OBJECT"
        if name == "select":
            each.add_argument(
                "target", metavar="EXPRESSION", help="such as 'deps(./pkgs.py:app) - deps(./pkgs.py:tool)'"
            )
            each.epilog = (
                "deps(X[, DISTANCE]), rdeps(UNIVERSE, X[, DISTANCE]), kind(build|builtin|fetch|fixed, X), "
                "name(PATTERN, X), realized(X); + & - between spaces, from the left. X itself is among its deps."
            )
            continue
        each.add_argument("target", metavar=kind, help="a target, a store path, hx…, or a link to an object")
    for name in ("deps", "rdeps"):
        made[name].add_argument("--all", action="store_true", help="through others too")
    made["rdeps"].add_argument(
        "--in", dest="within", metavar="MODULE", help="where to look (default: the target's own module)"
    )
    made["closure"].add_argument("--size", action="store_true", help="print sizes too")


def run(session: Session) -> int:
    """Answers one query."""
    with evaluation():
        return _ANSWERS[session.options.action](session)


def _references(objects: ObjectStore, paths: Iterable[StorePath]) -> Iterable[StorePath]:
    return {other for path in paths for other in objects.references(path)}


def _referrers(objects: ObjectStore, paths: Iterable[StorePath]) -> Iterable[StorePath]:
    return {other for path in paths for other in objects.referrers(path)}


def _closure(objects: ObjectStore, paths: Iterable[StorePath]) -> Iterable[StorePath]:
    return objects.closure(paths)


def _size(session: Session, path: StorePath) -> int:
    info = session.objects.info(path)
    return 0 if info is None else info.size_bytes


def _paths(session: Session) -> int:
    look_up = {"references": _references, "referrers": _referrers, "closure": _closure}[session.options.action]
    found = sorted(look_up(session.objects, objects_of(session, session.options.target)))
    sizes = {path: _size(session, path) for path in found}
    document = {
        "format": "hermetica.paths/1",
        "paths": [{"path": str(path), "size_bytes": sizes[path]} for path in found],
        "size_bytes": sum(sizes.values()),
    }
    lines = [f"{sizes[path]:>14,}  {path}" if getattr(session.options, "size", False) else str(path) for path in found]
    if getattr(session.options, "size", False):
        lines.append(f"{sum(sizes.values()):>14,}  bytes in {len(found)} objects")
    session.console.result(document, lines)
    return 0


def _print_derivations(session: Session, found: Iterable[Derivation]) -> int:
    ordered = sorted(found, key=lambda each: (each.name, each.id.hex))
    document = {
        "format": "hermetica.derivations/1",
        "derivations": [
            {"name": each.name, "drv": each.id.hex, "origin": str(each.origin) if each.origin else None}
            for each in ordered
        ],
    }
    session.console.result(document, (f"{each.id.hex[:12]}  {each.name}" for each in ordered))
    return 0


def _inputs(derivation: Derivation) -> list[Derivation]:
    return [source for _, source in derivation.inputs.derivations]


def _deps(session: Session) -> int:
    chosen = [
        each.derivation for each in session.evaluator([session.options.target]).derivations([session.options.target])
    ]
    found = {source for derivation in chosen for source in _inputs(derivation)}
    if session.options.all:
        from hermetica.model import closure  # noqa: PLC0415 -- loaded by now

        found = set(closure(found))
    return _print_derivations(session, found)


def _rdeps(session: Session) -> int:
    from hermetica.cli.target import parse  # noqa: PLC0415 -- loaded by now
    from hermetica.model import closure  # noqa: PLC0415 -- loaded by now

    targets = session.evaluator([session.options.target])
    wanted = {each.derivation for each in targets.derivations([session.options.target])}
    place = session.options.within or parse(session.options.target).everything
    graph = closure(each.derivation for each in targets.derivations([place]))
    found: set[Derivation] = set()
    for derivation in graph:
        used = set(_inputs(derivation))
        if used & wanted or (session.options.all and used & found):
            found.add(derivation)
    return _print_derivations(session, found)


def _select(session: Session) -> int:
    from hermetica.cli.selecting import selected  # noqa: PLC0415 -- only this query needs it

    return _print_derivations(session, selected(session, session.options.target))


def _path_info(session: Session) -> int:
    objects = session.objects
    path = object_of(session, session.options.target)
    info = objects.info(path)
    if info is None:
        from hermetica.cli.targets import UnknownTarget  # noqa: PLC0415 -- loaded by now

        raise UnknownTarget(f"{path} is not in the store any more")
    nar = objects.nar(path)
    closure = objects.closure([path])
    facts: dict[str, Any] = {
        "path": str(path),
        "on_disk": str(objects.on_disk(path)),
        "tree": info.tree.hex,
        "nar_sha256": nar.sha256.hex(),
        "nar_size_bytes": nar.size_bytes,
        "size_bytes": info.size_bytes,
        "closure_size_bytes": sum(_size(session, each) for each in closure),
        "registered_at": info.registered_at,
        "references": [str(each) for each in objects.references(path)],
        "referrers": [str(each) for each in objects.referrers(path)],
    }
    lines: list[str] = []
    for label, value in facts.items():
        rows: list[str] = value or ["none"] if isinstance(value, list) else [str(value)]  # pyright: ignore[reportUnknownVariableType] -- of str
        lines += [f"{label if index == 0 else '':<18}  {row}" for index, row in enumerate(rows)]
    session.console.result({"format": "hermetica.path-info/1", **facts}, lines)
    return 0


def _derivers(session: Session) -> int:
    from hermetica.realize.history import records_of_objects  # noqa: PLC0415 -- only this query needs it

    paths = objects_of(session, session.options.target)
    wanted = {str(path) for path in paths}
    rows: list[dict[str, Any]] = [
        {"drv": record["drv"], "name": record["name"], "output": output, "path": made["path"], "record": record}
        for record in records_of_objects(session.objects, paths)
        for output, made in record["outputs"].items()
        if made["path"] in wanted
    ]
    distinct = {(row["drv"], row["output"]): f"{row['drv'][:12]}  {row['name']}^{row['output']}" for row in rows}
    session.console.result({"format": "hermetica.derivers/1", "derivers": rows}, distinct.values())
    return 0


def _outputs(session: Session) -> int:
    rows: list[dict[str, Any]] = []
    for selected in session.evaluator([session.options.target]).derivations([session.options.target]):
        wanted = [(selected.derivation.input_id, output) for output in selected.outputs]
        for output, path in zip(selected.outputs, session.store.trace.unresolved_many(wanted), strict=True):
            rows.append({"target": selected.name, "output": output, "path": None if path is None else str(path)})
    lines = (row["path"] for row in rows if row["path"] is not None)
    session.console.result({"format": "hermetica.outputs/1", "outputs": rows}, lines)
    for row in rows:
        if row["path"] is None:
            session.console.say(f"{row['target']}^{row['output']} is not realized")
    return 0


_ANSWERS: Final[dict[str, Callable[[Session], int]]] = {
    "deps": _deps,
    "rdeps": _rdeps,
    "select": _select,
    "references": _paths,
    "referrers": _paths,
    "closure": _paths,
    "path-info": _path_info,
    "derivers": _derivers,
    "outputs": _outputs,
}
