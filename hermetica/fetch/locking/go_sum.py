"""What ``go.sum`` and ``go.mod`` say, and Go's own hash of a module. Pure.

``go.sum`` names each module by ``h1``: a hash over the names and hashes of its files, so it says what is in a module's
zip, but not the bytes of the zip. Sources: The Go Modules Reference, *go.sum files*, *go.mod files*, *Module proxy*;
package ``golang.org/x/mod/sumdb/dirhash``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.fetch.go_proxy import escaped
from hermetica.fetch.locking.foreign import ForeignLockError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_GO_MOD: Final = "/go.mod"
_H1: Final = "h1:"
_H1_BYTES: Final = 32
_PATH: Final = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
_VERSION: Final = re.compile(r"v\d+\.\d+\.\d+[A-Za-z0-9.+-]*")
_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`|[^\s()]+|[()]')
_HINT: Final = "go mod tidy writes both files again"


@attrs.frozen(kw_only=True, order=True)
class GoSum:
    """One line of ``go.sum``.

    Attributes:
        module: its path, such as ``golang.org/x/text``.
        version: with its ``v``.
        is_go_mod: whether the hash is that of the module's ``go.mod`` alone.
        h1: Go's hash, as it is written.
    """

    module: str
    version: str
    is_go_mod: bool
    h1: str

    @property
    def address(self) -> str:
        """Where module proxies have it; capitals are written as ``!`` and the small letter."""
        ending = "mod" if self.is_go_mod else "zip"
        return f"mirror://go/{escaped(self.module)}/@v/{escaped(self.version)}.{ending}"


def parse_go_sum(text: str, where: str) -> tuple[GoSum, ...]:
    """The lines of a ``go.sum``, each once, ascending.

    Raises:
        ForeignLockError: it is none, or contradicts itself.
    """
    found: dict[tuple[str, str, bool], GoSum] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        each = _parse_line(line, f"{where}:{number}")
        known = found.setdefault((each.module, each.version, each.is_go_mod), each)
        if known != each:
            raise ForeignLockError(
                f"{where}: two hashes for {each.module} {each.version}",
                details=(("one", known.h1), ("other", each.h1)),
                hint="it was merged by hand: ask which of them is right",
                origin=f"{where}:{number}",
            )
    return tuple(sorted(found.values()))


def _parse_line(line: str, origin: str) -> GoSum:
    words = line.split()
    if len(words) != 3:
        raise ForeignLockError(f"no line of a go.sum: {line!r}", hint="module, version and hash", origin=origin)
    module, version, digest = words
    is_go_mod, version = version.endswith(_GO_MOD), version.removesuffix(_GO_MOD)
    is_path = _PATH.fullmatch(module) and not {".", ".."} & set(module.split("/"))
    if not is_path or not _VERSION.fullmatch(version):
        raise ForeignLockError(f"no module and version: {module!r}, {version!r}", origin=origin)
    if not _is_h1(digest):
        raise ForeignLockError(f"{module} {version} has no h1 hash: {digest!r}", hint=_HINT, origin=origin)
    return GoSum(module=module, version=version, is_go_mod=is_go_mod, h1=digest)


def _is_h1(text: str) -> bool:
    try:
        return text.startswith(_H1) and len(base64.b64decode(text.removeprefix(_H1), validate=True)) == _H1_BYTES
    except (ValueError, binascii.Error):
        return False


def h1_of(sha256_by_name: Mapping[str, str]) -> str:
    """Go's hash of files: name -> hexadecimal SHA-256 of the bytes; names as in the zip, ``MODULE@VERSION/…``."""
    lines = "".join(f"{sha256_by_name[name]}  {name}\n" for name in sorted(sha256_by_name, key=str.encode))
    return _H1 + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode("ascii")


def refuse_missing(go_mod: str, sums: Iterable[GoSum], where: str) -> None:
    """Refuses a ``go.sum`` that lacks what ``go.mod`` requires.

    Args:
        go_mod: its text.
        sums: the lines of the ``go.sum`` beside it.
        where: what errors call the ``go.mod``.

    Raises:
        ForeignLockError: it lacks a line, or the text is no ``go.mod``.
    """
    known = {(each.module, each.version) for each in sums}
    required, replaced = _required(go_mod, where)
    for module, version in required:
        target = replaced.get((module, version), replaced.get((module, ""), (module, version)))
        if target is not None and target not in known:
            raise ForeignLockError(
                f"{where} requires {target[0]} {target[1]}, of which go.sum has no hash", hint=_HINT, origin=where
            )


def _required(text: str, where: str) -> tuple[list[tuple[str, str]], dict[tuple[str, str], tuple[str, str] | None]]:
    """What is required, and what replaces what: (module, version or "") -> the same, or None for a directory."""
    required: list[tuple[str, str]] = []
    replaced: dict[tuple[str, str], tuple[str, str] | None] = {}
    for verb, words in _directives(text, where):
        if verb == "require" and len(words) == 2:
            required.append((words[0], words[1]))
        elif verb == "replace" and "=>" in words:
            arrow = words.index("=>")
            old, new = words[:arrow], words[arrow + 1 :]
            key = (old[0], old[1] if len(old) > 1 else "") if old else ("", "")
            replaced[key] = (new[0], new[1]) if len(new) == 2 else None
        elif verb in {"require", "replace"}:
            raise ForeignLockError(f"{where}: no {verb}: {' '.join(words)}", origin=where)
    return required, replaced


def _directives(text: str, where: str) -> Iterator[tuple[str, list[str]]]:
    """(verb, words) of each line, those of blocks in parentheses too."""
    block = ""
    for line in text.splitlines():
        words = [word.strip('"`') for word in _WORD.findall(line.partition("//")[0])]
        if not words:
            continue
        if block and words == [")"]:
            block = ""
        elif not block and words[-1] == "(" and len(words) == 2:
            block = words[0]
        else:
            yield (block, words) if block else (words[0], words[1:])
    if block:
        raise ForeignLockError(f"{where}: {block} ( is not closed", origin=where)
