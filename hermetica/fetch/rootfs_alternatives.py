"""What links ``update-alternatives`` would make, read from maintainer scripts that never run; and kept as text.

Pure. Only literal calls count, after variables that the script sets to literals; a name, path or priority that stays
computed is left out. Source: update-alternatives(1).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

VALUE_MAX: Final = 255  # characters; a longer one is no path that counts
_CONTINUED: Final = re.compile(r"\\\n\s*")
_ASSIGNMENT: Final = re.compile(r"""^[ \t]*([A-Za-z_]\w*)=["']?([\w./+${}-]*)["']?[ \t]*$""", re.MULTILINE)
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_INSTALL: Final = re.compile(
    r"update-alternatives\s+(?:--\w+\s+)*?--install\s+(\S+)\s+(\S+)\s+(\S+)\s+(\d{1,9})((?:\s+--slave\s+\S+\s+\S+\s+\S+)*)"
)
_SLAVE: Final = re.compile(r"--slave\s+(\S+)\s+(\S+)\s+(\S+)")
_ABSOLUTE: Final = re.compile(r"/[\w.+/-]+")


@attrs.frozen(kw_only=True)
class Alternative:
    """One choice for a name.

    Attributes:
        name: of the group of alternatives, such as ``awk``.
        priority: the highest of a group is linked.
        links: link -> target, absolute paths, the followers' among them.
    """

    name: str
    priority: int
    links: Mapping[str, str]


def alternatives_of(script: str) -> Iterator[Alternative]:
    """The alternatives that a maintainer script installs, in order."""
    script = _CONTINUED.sub(" ", script)
    script = _expand(script, _variables(script)).replace('"', "").replace("'", "")
    for link, name, path, priority, followers in _INSTALL.findall(script):
        pairs = [(link, path), *((follower, target) for follower, _, target in _SLAVE.findall(followers))]
        if all(_ABSOLUTE.fullmatch(text) and "/../" not in text for pair in pairs for text in pair):
            yield Alternative(name=name, priority=int(priority), links=dict(pairs))


def _expand(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), text)


def _variables(script: str) -> Mapping[str, str]:
    """The variables that a script sets to one thing only; those before them in it expanded."""
    variables: dict[str, str] = {}
    doubtful: set[str] = set()
    for name, text in _ASSIGNMENT.findall(script):
        value = _expand(text, variables)[:VALUE_MAX]  # variables of variables grow without end
        if variables.setdefault(name, value) != value:
            doubtful.add(name)
    return {name: value for name, value in variables.items() if name not in doubtful}


def chosen_links(alternatives: Iterable[Alternative]) -> Mapping[str, str]:
    """Link -> target of the best alternative of every name; of equally good ones, the first."""
    best: dict[str, Alternative] = {}
    for alternative in alternatives:
        if alternative.name not in best or alternative.priority > best[alternative.name].priority:
            best[alternative.name] = alternative
    return {link: target for name in sorted(best) for link, target in best[name].links.items()}


FORMAT: Final = "hermetica.alternatives/1"


def write_alternatives(alternatives: Iterable[Alternative]) -> str:
    """Alternatives as the text that is kept beside the files of their package, in order."""
    rows = [{"links": dict(each.links), "name": each.name, "priority": each.priority} for each in alternatives]
    return json.dumps({"alternatives": rows, "format": FORMAT}, sort_keys=True, separators=(",", ":")) + "\n"


def read_alternatives(text: str) -> tuple[Alternative, ...]:
    """What `write_alternatives` wrote.

    Raises:
        ValueError: it is another text.
    """
    whole: Any = json.loads(text)
    try:
        if whole["format"] != FORMAT:
            raise ValueError(f"not of the format {FORMAT}")
        return tuple(_read(row) for row in whole["alternatives"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not what {FORMAT} has: {error!r}") from error


def _read(row: Any) -> Alternative:
    links: dict[str, str] = dict(row["links"])
    name, priority = row["name"], row["priority"]
    if not isinstance(name, str) or not isinstance(priority, int):
        raise TypeError(f"an alternative called {name!r} of priority {priority!r}")
    for text in (*links, *links.values()):
        if not _ABSOLUTE.fullmatch(text) or "/../" in text:
            raise ValueError(f"no path of an alternative: {text!r}")
    return Alternative(name=name, priority=priority, links=links)
