"""Pages that need nothing beside them: styles, scripts and data in one file of HTML, which may load nothing at all.

The policy in the page names the digests of its own style and script, so that a browser runs nothing else, whatever a
derivation is called. Source: Content Security Policy Level 3, "hash-source".
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from hermetica.report.document import report_document, title_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.report.course import Course

_PLACE: Final = re.compile(r"@(TITLE|POLICY|STYLE|SCRIPT|DATA)@")
_SHARED: Final = ("words.js", "surface.js", "drawing.js", "graph.js")
_REPORT: Final = (*_SHARED, "timeline.js", "treemap.js", "table.js", "details.js", "report.js")


def report_page(course: Course, base: str = ".") -> str:
    """The page of a run; what is defined below the directory ``base`` is told by its path from there."""
    document = report_document(course, base)
    return _page("report.html", ("base.css", "report.css"), _REPORT, title_of(course), document)


def graph_page(title: str, document: Mapping[str, Any]) -> str:
    """The page of one graph.

    Args:
        title: of the page.
        document: ``nodes`` and ``edges``, as ``graph_alone.js`` reads them.
    """
    return _page("graph.html", ("base.css", "graph.css"), (*_SHARED, "graph_alone.js"), title, document)


def study_page(results: Mapping[str, Any]) -> str:
    """The page of a study.

    Args:
        results: ``hermetica.study-results/1``, as ``study.js`` reads it.
    """
    title = str(results["study"].get("name") or "study")
    return _page("study.html", ("base.css", "study.css"), ("words.js", "study.js"), title, results)


def _page(template: str, styles: Sequence[str], scripts: Sequence[str], title: str, document: Mapping[str, Any]) -> str:
    style, script = ("".join(map(_asset, names)) for names in (styles, scripts))
    parts = {
        "TITLE": html.escape(title),
        "POLICY": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; "
        "form-action 'none'",
        "STYLE": style,
        "SCRIPT": script,
        "DATA": _data(document),
    }
    return _PLACE.sub(lambda place: parts[place[1]], _asset(template))


def _asset(name: str) -> str:
    return files("hermetica.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _data(document: Mapping[str, Any]) -> str:
    """JSON that no HTML parser leaves: nothing in it opens or closes a tag."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
