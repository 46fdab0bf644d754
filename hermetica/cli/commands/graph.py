"""``hermetica graph``: what targets are built from, or need at run time, as dot, Mermaid, JSON or one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.cli.misuse import Misuse
from hermetica.cli.objects import objects_of
from hermetica.cli.views.graphs import Graph, Node, dot_lines, mermaid_lines, page_document
from hermetica.model import closure, evaluation
from hermetica.realize.plan import work_of
from hermetica.report import graph_page

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from hermetica.cli.session import Session
    from hermetica.model import Derivation, Source

_FORMS: Final = ("dot", "mermaid", "json", "html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="targets; with --runtime objects too")
    parser.add_argument("--as", dest="form", choices=_FORMS, default="dot", help="the form of the graph (dot)")
    parser.add_argument("--runtime", action="store_true", help="objects that are needed at run time, not derivations")
    parser.add_argument("-o", "--output", metavar="FILE", help="write it there, not to stdout")


def run(session: Session) -> int:
    """Prints or writes the graph."""
    options = session.options
    with evaluation():
        graph = _of_objects(session, options.targets) if options.runtime else _of_derivations(session, options.targets)
    if options.form == "json" or (session.console.json and options.output is None):
        import json  # noqa: PLC0415 -- the other forms need none

        text = json.dumps(graph.to_json(), indent=1, ensure_ascii=False)
    elif options.form == "html":
        title = f"{' '.join(options.targets)}: {'run time' if options.runtime else 'build'}"
        text = graph_page(title, page_document(graph, str(Path.cwd())))
    else:
        text = "\n".join({"dot": dot_lines, "mermaid": mermaid_lines}[options.form](graph))
    if options.output is None:
        session.console.print(text)
        return 0
    try:
        Path(options.output).write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise Misuse(f"{options.output} cannot be written: {error.strerror}") from error
    document = {"format": "hermetica.graph-file/1", "file": options.output, "form": options.form}
    session.console.result(document, [options.output])
    return 0


def _of_derivations(session: Session, targets: Sequence[str]) -> Graph:
    order = closure(each.derivation for each in session.evaluator(targets).derivations(targets))
    sources = {source.path: source for each in order for source in each.sources}
    edges = [(each.id.hex, str(source.path)) for each in order for source in each.sources]
    edges += [(each.id.hex, used.id.hex) for each in order for _, used in each.inputs.derivations]
    nodes = [_of_source(session, source) for source in sources.values()]
    return Graph(nodes=(*nodes, *_of_each(session, order)), edges=tuple(dict.fromkeys(edges)))


def _of_each(session: Session, order: Sequence[Derivation]) -> list[Node]:
    wanted = [(each.input_id, each.outputs[0]) for each in order]
    nodes: list[Node] = []
    for each, path in zip(order, session.store.trace.unresolved_many(wanted), strict=True):
        info = None if path is None else session.objects.info(path)
        nodes.append(
            Node(
                id=each.id.hex,
                name=each.name,
                kind=str(work_of(each)),
                there=path is not None,
                size_bytes=None if info is None else info.size_bytes,
                origin=str(each.origin) if each.origin else None,
            )
        )
    return nodes


def _of_source(session: Session, source: Source) -> Node:
    return Node(
        id=str(source.path),
        name=source.path.name,
        kind="source",
        there=session.objects.has(source.path),
        size_bytes=source.size_bytes or None,
        origin=str(source.origin) if source.origin else source.root,
    )


def _of_objects(session: Session, targets: Sequence[str]) -> Graph:
    objects = session.objects
    roots = [path for text in targets for path in objects_of(session, text)]
    found = {path: objects.info(path) for path in objects.closure(roots)}
    order: dict[str, Node] = {}
    pending = [(path, False) for path in found]
    while pending:
        path, is_done = pending.pop()
        info = found[path]
        if str(path) in order or info is None:
            continue
        if is_done:
            size = info.size_bytes
            order[str(path)] = Node(id=str(path), name=path.name, kind="object", there=True, size_bytes=size)
            continue
        pending.append((path, True))
        pending += [(other, False) for other in info.references if other != path]
    edges = [
        (str(path), str(other))
        for path, info in found.items()
        for other in (() if info is None else info.references)
        if other != path
    ]
    return Graph(nodes=tuple(order.values()), edges=tuple(edges))
