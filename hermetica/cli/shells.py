"""Shells that have programs of the store: what packages and dev shells amount to together, and where it runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.cli.targets import UnknownTarget
from hermetica.model.devshell import DevShell, read_devshell
from hermetica.spelling import did_you_mean
from hermetica_store.path import STORE_PREFIX, StorePath

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermetica.sandbox import Mount
    from hermetica_store import ObjectStore

SHELL_VARIABLE: Final = "HERMETICA_SHELL"
_DOCUMENT_BYTES_MAX: Final = 1 << 20
_PATH_OF_ROOTFS: Final = ("/usr/local/bin", "/usr/bin", "/bin")
_SHELLS: Final = ("bash", "sh")
_NAMES_SHOWN: Final = 20
_NEEDED: Final = ", which the hook needs too"
_OR_ELSE: Final = ", or say what to run: -- COMMAND …"


def merge(objects: ObjectStore, paths: Iterable[StorePath]) -> DevShell:
    """One shell out of packages and dev shells: what comes first is found first, what comes last sets a variable.

    Raises:
        UnknownTarget: two of them want a tree at ``/``.
    """
    found = [_described(objects, path) for path in paths]
    trees = list(dict.fromkeys(each.rootfs for each in found if each.rootfs is not None))
    if len(trees) > 1:
        raise UnknownTarget(
            "two of these dev shells want a tree at /, and there can be one",
            details=tuple(("tree", tree) for tree in trees),
            hint="enter them one by one",
        )
    return DevShell(
        name=" ".join(each.name for each in found),
        path=tuple(dict.fromkeys(directory for each in found for directory in each.path)),
        env={name: value for each in found for name, value in each.env.items()},
        hook="\n".join(each.hook for each in found if each.hook),
        rootfs=trees[0] if trees else None,
    )


def _described(objects: ObjectStore, path: StorePath) -> DevShell:
    place = objects.on_disk(path)
    if place.is_file() and place.stat().st_size <= _DOCUMENT_BYTES_MAX:
        described = read_devshell(place.read_bytes())
        if described is not None:
            return described
    return DevShell(name=path.name, path=(f"{path}/bin",), env={})


@attrs.frozen(kw_only=True)
class Surroundings:
    """Where a shell runs.

    Attributes:
        objects: the store.
        closure: all that the shell may need of it; held.
        shell: what it has.
    """

    objects: ObjectStore
    closure: tuple[StorePath, ...]
    shell: DevShell

    def enter_on_host(self, command: Sequence[str]) -> int:
        """With the host's files, network and variables."""
        from hermetica.sandbox import enter_beside  # noqa: PLC0415 -- only now is there something to run

        before = [each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if each]
        variables = {"PATH": os.pathsep.join((*self.shell.path, *before)), **self.shell.env}
        own = os.environ.get("SHELL") or "/bin/sh"
        words = self._hooked(tuple(command) or (own,), "/bin/sh")
        return enter_beside(self._mounts(), words, {**os.environ, **variables, SHELL_VARIABLE: self.shell.name})

    def enter_alone(self, command: Sequence[str]) -> int:
        """In a sandbox: with the closure, and the working directory as ``/build``."""
        from hermetica.sandbox import SandboxSpec, enter  # noqa: PLC0415 -- only now is there something to run

        path = (*self.shell.path, *(_PATH_OF_ROOTFS if self.shell.rootfs else ()))
        words = (self._program(command[0], path), *command[1:]) if command else (self._shell(path),)
        words = self._hooked(words, self._shell(path)) if self.shell.hook else words
        variables = {"PATH": os.pathsep.join(path), "TERM": os.environ.get("TERM", "dumb"), **self.shell.env}
        with self.objects.scratch() as scratch:
            store = scratch.path / "store"
            store.mkdir(mode=0o755)
            spec = SandboxSpec(
                builder=words[0],
                args=words[1:],
                env=tuple(variables.items()),
                inputs=self._mounts(),
                store_dir=str(store),
                build_dir=str(Path.cwd()),
                rootfs=str(self._on_disk(self.shell.rootfs)) if self.shell.rootfs else None,
                terminal=True,
            )
            return enter(spec, words)

    def _hooked(self, words: tuple[str, ...], sh: str) -> tuple[str, ...]:
        """The command after the hook, whose variables it gets."""
        return (sh, "-c", f'{self.shell.hook}\nexec "$@"', "hermetica", *words) if self.shell.hook else words

    def _mounts(self) -> tuple[Mount, ...]:
        from hermetica.sandbox import Mount  # noqa: PLC0415 -- only now is there something to run

        return tuple(Mount(str(self.objects.on_disk(each)), str(each)) for each in self.closure)

    def _shell(self, path: Sequence[str]) -> str:
        found = next((place for name in _SHELLS if (place := self._find(name, path))), None)
        if found is None:
            raise UnknownTarget(
                "none of these targets has a shell",
                details=(("looked for", " and ".join(_SHELLS)), ("in", ", ".join(path) or "nothing")),
                hint=f"add one: busybox or dash{_NEEDED if self.shell.hook else _OR_ELSE}",
            )
        return found

    def _program(self, name: str, path: Sequence[str]) -> str:
        found = name if "/" in name else self._find(name, path)
        if found is None:
            has = sorted({each.name for directory in path for each in self._entries(directory)})
            raise UnknownTarget(
                f"none of these targets has a program {name}",
                details=(("programs", ", ".join(has[:_NAMES_SHOWN]) or "none"),),
                hint=did_you_mean(name, has),
            )
        return found

    def _find(self, name: str, path: Sequence[str]) -> str | None:
        return next((f"{each}/{name}" for each in path if os.path.lexists(self._on_disk(each) / name)), None)

    def _entries(self, directory: str) -> list[Path]:
        place = self._on_disk(directory)
        return list(place.iterdir()) if place.is_dir() else []

    def _on_disk(self, inside: str) -> Path:
        """Where on this machine lies what the sandbox has at an absolute path."""
        if not inside.startswith(f"{STORE_PREFIX}/"):
            return Path(str(self._on_disk(self.shell.rootfs)) + inside) if self.shell.rootfs else Path(inside)
        base, _, rest = inside.removeprefix(f"{STORE_PREFIX}/").partition("/")
        return self.objects.on_disk(StorePath.parse_base(base)) / rest
