"""An editor's side of the Language Server Protocol, as much of it as a question about one position needs.

Source: the specification of LSP 3.17, "Base Protocol", "Completion Request", "Hover Request".
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any, Self, cast

if TYPE_CHECKING:
    from pathlib import Path


class LanguageServer:
    """Pyright as an editor has it, over the files of one project."""

    def __init__(self, project: Path) -> None:
        command = [sys.executable, "-m", "pyright.langserver", "--stdio"]
        self._process = subprocess.Popen(
            command, cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._project, self._asked, self._opened = project, 0, 0
        self._ask(
            "initialize",
            {
                "processId": None,
                "rootUri": project.as_uri(),
                "workspaceFolders": [{"uri": project.as_uri(), "name": "project"}],
                "capabilities": {
                    "workspace": {"configuration": True, "workspaceFolders": True},
                    "textDocument": {"hover": {"contentFormat": ["plaintext"]}},
                },
            },
        )
        self._say("initialized", {})

    def completions(self, text: str) -> set[str]:
        """The labels that are offered where ``text`` ends."""
        found = self._ask("textDocument/completion", self._at_the_end(text, len(text)))
        return {each["label"] for each in found["items"]}

    def hover(self, text: str) -> str:
        """What is shown over the last name of ``text``."""
        return str(self._ask("textDocument/hover", self._at_the_end(text, len(text) - 1))["contents"]["value"])

    def _at_the_end(self, text: str, at: int) -> dict[str, Any]:
        self._opened += 1
        uri = (self._project / f"written_{self._opened}.py").as_uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self._say("textDocument/didOpen", {"textDocument": document})
        before = text[:at]
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        return {"textDocument": {"uri": uri}, "position": position}

    def _ask(self, method: str, params: dict[str, Any]) -> Any:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("method") == "workspace/configuration":
                items = cast("list[Any]", message["params"]["items"])
                self._send({"id": message["id"], "result": [self._settings(each["section"]) for each in items]})
            elif "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})
            elif message.get("id") == self._asked:
                assert "error" not in message, message
                return message["result"]

    @staticmethod
    def _settings(section: str) -> dict[str, Any] | None:
        return {"pythonPath": sys.executable} if section == "python" else None

    def _say(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stream = cast("IO[bytes]", self._process.stdin)
        stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        stream.flush()

    def _read(self) -> dict[str, Any]:
        stream = cast("IO[bytes]", self._process.stdout)
        length = 0
        while (line := stream.readline()).strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server has ended"
        document: dict[str, Any] = json.loads(stream.read(length))
        return document

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._process.kill()
        self._process.communicate()
