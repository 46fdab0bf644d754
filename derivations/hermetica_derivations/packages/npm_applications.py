"""Applications of npm, with what their locks say."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import hermetica as hm
from hermetica_derivations.builders.npm import mk_npm_application
from hermetica_derivations.packages.node import nodejs
from hermetica_derivations.pins import lock

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["make_markdown_it", "markdown_it"]


def make_markdown_it(nodejs: hm.Derivation, **changes: Any) -> hm.Derivation:
    """markdown-it: the program of an npm package, with the packages that it needs."""
    group = lock().group("npm-markdown")
    version = group.pin("markdown-it").version
    package_lock = resources.files("hermetica_derivations") / "locks" / "npm-markdown" / "package-lock.json"
    defaults: Mapping[str, Any] = {
        "name": f"markdown-it-{version}",
        "package_lock": package_lock.read_text(encoding="utf-8"),
        "pins": group.pins,
        "node": nodejs,
        "check_phase": "echo '*x*' | node node_modules/.bin/markdown-it | grep -Fx '<p><em>x</em></p>'",
        "meta": hm.Meta(
            description="Turns Markdown into HTML",
            homepage="https://github.com/markdown-it/markdown-it",
            licence="MIT",
            purl=f"pkg:npm/markdown-it@{version}",
            supplier="Vitaly Puzrin, Alex Kocharin",
        ),
    }
    return mk_npm_application(**{**defaults, **changes})


markdown_it = make_markdown_it(nodejs)
