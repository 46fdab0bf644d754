"""The substituters that are tested, as a plug-in has them: results on a shelf, and those that one can do without."""

from __future__ import annotations

import json
import os
import struct
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import zstandard

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermetica.plugins import Substitute, SubstituteRequest


class Shelf:
    """A directory."""

    def __init__(self, argument: str) -> None:
        self.place = Path(argument)
        if not self.place.is_dir():
            raise NotADirectoryError(argument)

    def __call__(self, request: SubstituteRequest) -> Substitute | None:
        file = self.place / f"{request.id}.json"
        if not file.is_file():
            return None
        archive = (self.place / f"{request.id}.archive").open("rb")
        return hm.plugins.Substitute(json.loads(file.read_text()), archive)


def served(argument: str) -> Callable[[SubstituteRequest], Substitute | None]:
    """A directory behind a server."""

    def ask(request: SubstituteRequest) -> Substitute | None:
        try:
            with urllib.request.urlopen(f"{argument}/{request.id}.json", timeout=request.timeout_s) as answer:  # noqa: S310 -- ours
                outputs = json.load(answer)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise
        archive = urllib.request.urlopen(f"{argument}/{request.id}.archive", timeout=request.timeout_s)  # noqa: S310 -- ours
        return hm.plugins.Substitute(outputs, archive)

    return ask


def falling(_argument: str) -> Callable[[SubstituteRequest], NoReturn]:
    """Raises."""

    def ask(_request: SubstituteRequest) -> NoReturn:
        raise ConnectionError("the shelf is away")

    return ask


def hanging(argument: str) -> Callable[[SubstituteRequest], None]:
    """Says nothing for so many seconds."""

    def ask(_request: SubstituteRequest) -> None:
        time.sleep(float(argument))

    return ask


class Endless:
    """The beginning of an archive with one file, and then bytes without end."""

    def __init__(self, name: str) -> None:
        base = f"hx{'0' * 30}-{name}"
        first = {"format": "hermetica.archive/1", "objects": [base], "roots": [base]}
        second: dict[str, object] = {"nar_size_bytes": 1 << 50, "path": base, "references": []}
        text = [json.dumps(each, sort_keys=True, separators=(",", ":")).encode() for each in (first, second)]
        words = [b"hermetica-archive-1", text[0], b"object", text[1]]
        words += [b"nix-archive-1", b"(", b"type", b"regular", b"contents"]
        padded = [struct.pack("<Q", len(word)) + word + bytes(-len(word) % 8) for word in words]
        self._stream = zstandard.ZstdCompressor().compressobj()
        self._pending = self._stream.compress(b"".join(padded) + struct.pack("<Q", 1 << 49))

    def read(self, size: int, /) -> bytes:
        while not self._pending:
            self._pending = self._stream.compress(os.urandom(1 << 20))
        taken, self._pending = self._pending[:size], self._pending[size:]
        return taken


def endless(_argument: str) -> Callable[[SubstituteRequest], Substitute]:
    """Has everything, and more."""

    def ask(request: SubstituteRequest) -> Substitute:
        names = {output: request.name + ("" if output == "out" else f"-{output}") for output in request.outputs}
        outputs = {output: f"/hermetica/store/hx{'0' * 30}-{name}" for output, name in names.items()}
        return hm.plugins.Substitute(outputs, Endless(request.name))

    return ask


def strange(_argument: str) -> Callable[[SubstituteRequest], str]:
    """Answers what is no answer."""
    return lambda _request: "zlib"
