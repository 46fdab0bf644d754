"""Runs the samples of one page: a project directory, a store and a Python of the page's own."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from hermetica.cli.modules import load_file
from hermetica.cli.parser import COMMANDS, command_parser
from hermetica.config import Config
from tests.docs.pages import commands, fits
from tests.measuring import unmeasured

if TYPE_CHECKING:
    from types import ModuleType

    from tests.docs.pages import Block, Command

NO_SAMPLES: Final = frozenset({"text", ""})


def _kept() -> dict[str, str]:
    mine = ("HERMETICA_", "XDG_", "GITHUB_", "PYTEST_")
    return {name: value for name, value in unmeasured().items() if not name.startswith(mine)}


@attrs.define
class Session:
    """What the samples of a page work on, one after another.

    Attributes:
        page: named in failures.
        project: where its files are.
        environment: of its commands.
        names: what its Python has defined.
        ran: lines of the blocks that were run.
    """

    page: Path
    project: Path
    environment: dict[str, str]
    names: dict[str, Any] = attrs.field(factory=dict[str, Any])
    ran: list[int] = attrs.field(factory=list[int])

    @classmethod
    def begin(cls, page: Path, directory: Path) -> Session:
        """A project below ``directory``: empty, or a copy of the example that the page is in."""
        project = directory / "project"
        if (page.parent / "pyproject.toml").exists() and page.parent.parent.name == "examples":
            shutil.copytree(page.parent, project)
        for name in ("project/.git", "home"):
            (directory / name).mkdir(parents=True)
        environment = _kept() | {
            "HERMETICA_STORE": str(directory / "store"),
            "HOME": str(directory / "home"),
            "NO_COLOR": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": ":".join(filter(None, (str(project), os.environ.get("PYTHONPATH")))),
        }
        for name in ("HERMETICA_BWRAP",):
            if name in os.environ:
                environment[name] = os.environ[name]
        return cls(page, project, environment)

    def turn_to(self, page: Path) -> None:
        """Goes on with the samples of another page."""
        self.page = page
        self.ran = []

    @property
    def _place(self) -> Path:
        return self.project.parent / "place"

    @property
    def directory(self) -> Path:
        """Where the commands have gone; files of the page are written there too."""
        return Path(self._place.read_text().strip()) if self._place.exists() else self.project

    def run(self, block: Block) -> None:
        """Runs one block; a failure names its line of the page."""
        __tracebackhide__ = True
        if block.language in NO_SAMPLES:
            return
        try:
            self._run(block)
        except pytest.fail.Exception:
            raise
        except Exception as error:
            raise AssertionError(f"{self.page.name}:{block.line}: {type(error).__name__}: {error}") from error
        self.ran.append(block.line)

    def _run(self, block: Block) -> None:
        kind = block.language.split()[0]
        if kind == "fetches":
            pass  # before the first block
        elif kind == "lock":
            self._lock(block.language.split()[1:])
        elif kind == "file":
            self._write(block.language.split()[1], block.text)
        elif kind == "python":
            self._python(block)
        elif kind == "console":
            for command in commands(block.text):
                self._command(block, command)
        elif kind in {"toml", "json", "yaml", "sh"}:
            self._data(kind, block)
        else:
            raise ValueError(f"nothing here runs {kind!r}")

    def _write(self, name: str, text: str, *, more: bool = False) -> Path:
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.read_text() + "\n\n" + text if more else text, encoding="utf-8")
        return file

    def _python(self, block: Block) -> None:
        name = block.continues or (None if block.hidden else block.file)
        if block.not_run is not None:
            compile(block.text, str(self.page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            return
        if name is None:
            self._statements(block)
            return
        file = self._write(name, block.text, more=block.continues is not None)
        if "/" not in name:
            with chdir(self.directory):
                self.names |= vars(load_file(file))

    def _statements(self, block: Block) -> None:
        """Runs a block as the next lines of the page's Python; ``await`` may stand anywhere, as in IPython."""
        text = "\n" * block.line + block.text
        code = compile(text, str(self.directory / self.page.name), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        self.names.setdefault("__name__", "page")
        self.names["__file__"] = str(self.directory / self.page.name)
        with pytest.MonkeyPatch.context() as patch, chdir(self.directory):
            patch.setenv("HERMETICA_STORE", self.environment["HERMETICA_STORE"])
            patch.syspath_prepend(str(self.project))  # pyright: ignore[reportUnknownMemberType] -- pytest leaves its argument without a type
            for name in [name for name, each in sys.modules.items() if self._is_ours(each)]:
                patch.delitem(sys.modules, name)  # what the page has written since
            result = eval(code, self.names)  # noqa: S307 -- our own pages
            if inspect.iscoroutine(result):
                asyncio.run(result)

    def _is_ours(self, module: ModuleType) -> bool:
        """Whether it is of some page, which may be another one: many have a pkgs.py."""
        return str(getattr(module, "__file__", None) or "").startswith(f"{self.project.parents[1]}/")

    def _command(self, block: Block, command: Command) -> None:
        if block.not_run is not None:
            check_words(command.words)
            return
        ended = subprocess.run(
            ["bash", "-c", f"trap 'pwd > {self._place}' EXIT\n{command.words}"],
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        where = f"{self.page.name}:{block.line + 1 + command.line}: $ {command.words}"
        fails = any(line.startswith("error[") for line in command.expected)
        right = ended.returncode == block.status if block.status is not None else (ended.returncode != 0) == fails
        if not right:
            pytest.fail(f"{where}\nexit status {ended.returncode}\n{ended.stdout}", pytrace=False)
        if command.expected and not fits(command.expected, ended.stdout):
            shown = "\n".join(command.expected)
            pytest.fail(f"{where}\nthe page shows\n{shown}\n\nand it printed\n{ended.stdout}", pytrace=False)

    def _data(self, kind: str, block: Block) -> None:
        if kind == "toml":
            tomllib.loads(block.text)
        elif kind == "json":
            json.loads(block.text)
        if block.file is not None and block.not_run is None:
            self._write(block.file, block.text)
            if block.file == "config.toml":
                self.environment["HERMETICA_CONFIG"] = str(self.directory / "config.toml")
                Config.load(self.environment, self.directory)

    def _lock(self, words: list[str]) -> None:
        """A lock whose pins lead nowhere, for modules that are only evaluated."""
        group, *pins = words
        file = self.directory / "hermetica.lock"
        lines = [file.read_text() if file.exists() else "version = 1", f"[groups.{group}]"]
        for pin in pins:
            name, _, kind = pin.partition("=")
            lines += [
                f"[[groups.{group}.pins]]",
                *(f'kind = "{kind}"', f'name = "{name}"', 'version = "1"', f'sha256 = "{"0" * 64}"', "size_bytes = 1"),
                f'addresses = ["mirror://debian/pool/{name}"]',
            ]
        file.write_text("\n".join(lines) + "\n")


def check_words(line: str) -> None:
    """Holds that the ``hermetica`` commands of a line exist and take those arguments, without running anything.

    Raises:
        AssertionError: one does not.
    """
    for part in line.replace("|", "\n|").splitlines():
        words = shlex.split(part.lstrip("| "), comments=True)
        while words and "=" in words[0]:
            words.pop(0)
        if not words or words[0] != "hermetica":
            continue
        words = [word for word in words[1:] if word not in {"…", ">", "<"}]
        assert words, line
        assert words[0] in COMMANDS, f"hermetica {words[0]} does not exist"
        _, parser = command_parser(words[0])
        own = words[1 : words.index("--")] if "--" in words else words[1:]
        parser.parse_args(own)
