"""Chooses the files of a local source, and can say of each other file why it is out.

In a git work tree these are the files that git tracks or would track. ``include`` narrows them, and brings an
ignored file back where a pattern names it; ``exclude`` has the last word. Links to outputs, which builds leave behind,
are no files of a source anywhere.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final

import attrs

from hermetica.errors import EvaluationError
from hermetica.fetch.git import GitFiles, NoGit, git_files, ignore_rules
from hermetica.fetch.patterns import Patterns, SourceOutside
from hermetica_store.errors import InvalidStorePath
from hermetica_store.path import StorePath

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["NothingSelected", "Selection", "SourceNotFound", "SourceOutside", "UnreadableSource", "select"]

_WILDCARDS: Final = frozenset("*?[")


class SourceNotFound(EvaluationError):
    """A source that is not there."""

    code = "HM211"


class NothingSelected(EvaluationError):
    """A pattern that matches nothing, or patterns that leave nothing."""

    code = "HM213"


class UnreadableSource(EvaluationError):
    """A source that may not be read."""

    code = "HM216"


@attrs.frozen(kw_only=True, eq=False)
class Selection:
    """The files of a source.

    Attributes:
        root: the directory.
        files: relative POSIX paths, ascending by bytes; symlinks are files.
        git: why git had no say; None where it had.
        submodules: work trees of other repositories below the root, which are left out.
    """

    root: Path
    files: tuple[str, ...]
    git: str | None = None
    submodules: tuple[str, ...] = ()
    _explain: Callable[[], Mapping[str, str]] = attrs.field(alias="explain", repr=False)

    @property
    def excluded(self) -> Mapping[str, str]:
        """Every file below the root that is not chosen, with the reason, ascending; found out when asked."""
        return self._explain()


def select(root: Path, include: Sequence[str] | None = None, exclude: Sequence[str] = ()) -> Selection:
    """The files of a directory that make a source.

    Args:
        root: the directory.
        include: patterns of what to take; everything where none are given.
        exclude: patterns of what to leave out all the same.

    Raises:
        SourceNotFound: there is no such directory.
        SourceOutside: it is git's own directory.
        NothingSelected: a pattern of ``include`` matches nothing, or nothing is left.
        InvalidPattern: a pattern can match nothing.
        UnreadableSource: it may not be read.
    """
    _check_root(root)
    wanted = None if include is None else Patterns(tuple(include))
    unwanted = Patterns(tuple(exclude))
    git, reason = _from_git(root)
    chosen = _Choice(root, git, wanted, unwanted)
    files = chosen.files()
    return Selection(
        root=root,
        files=files,
        git=reason,
        submodules=() if git is None else tuple(sorted(git.submodules)),
        explain=lambda: chosen.reasons(frozenset(files)),
    )


def _check_root(root: Path) -> None:
    if not root.exists():
        raise SourceNotFound(f"there is no {root}", hint=_close_entry(root)) from absent(root)
    if not root.is_dir():
        raise SourceNotFound(f"{root} is no directory")
    if ".git" in root.resolve().parts:
        raise SourceOutside(f"{root} is in git's own directory", hint="name the work tree")


def absent(path: Path) -> FileNotFoundError:
    """The reason of an error about what is not there: whoever knows why it is out of sight finds the path in it."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _close_entry(path: Path) -> str | None:
    parent = path.parent
    names = [each.name for each in parent.iterdir()] if os.access(parent, os.R_OK | os.X_OK) else []
    import difflib  # noqa: PLC0415 -- only where something is not found

    found = difflib.get_close_matches(path.name, names, n=3)
    return f"did you mean {' or '.join(found)}?" if found else None


def _from_git(root: Path) -> tuple[GitFiles | None, str | None]:
    try:
        found = git_files(root)
    except NoGit as error:
        if "dubious ownership" in str(error):  # to take everything instead would be another source
            raise UnreadableSource(
                f"git does not trust {root}: {error}", hint=f"git config --global --add safe.directory {root}"
            ) from error
        return None, str(error)
    if found.is_ignored:
        return None, "git ignores the whole directory"
    return found, None


class _Choice:
    """Which files are in, and why the others are out."""

    def __init__(self, root: Path, git: GitFiles | None, wanted: Patterns | None, unwanted: Patterns) -> None:
        self._root = root
        self._git = git
        self._wanted = wanted
        self._unwanted = unwanted

    def files(self) -> tuple[str, ...]:
        """The chosen ones.

        Raises:
            NothingSelected: none, or a pattern is of no use.
        """
        files = [path for path in self._candidates() if not self._unwanted.match(path)]
        if self._wanted is not None:
            self._check_patterns()
            files = [path for path in files if self._wanted.match(path)]
        if not files:
            raise NothingSelected(
                f"nothing of {self._root} is chosen",
                details=tuple(self._pattern_details()),
                hint="hermetica source ls says why each file is out",
            )
        return tuple(sorted(files, key=os.fsencode))

    def _candidates(self) -> Iterator[str]:
        if self._git is None:
            return (path for path in _walk(self._root) if not _links_to_output(self._root, path))
        known = (path for path in self._git.files if _is_there(self._root, path))
        return iter({path for path in known if not _links_to_output(self._root, path)} | set(self._brought_back()))

    def _brought_back(self) -> Iterator[str]:
        """Files that git leaves out and a pattern names: itself, or the ignored directory they are in.

        A pattern with wildcards brings nothing back: ``src/**`` does not want what the compiler left there.
        """
        if self._git is None or self._wanted is None:
            return
        for pattern in self._wanted.patterns:
            if not _WILDCARDS & set(pattern):
                yield from self._named(
                    "/".join(part for part in pattern.split("/") if part not in {"", "."}), self._git
                )

    def _named(self, path: str, git: GitFiles) -> Iterator[str]:
        parent = self._root
        for part in path.split("/")[:-1]:
            parent /= part
            if parent.is_symlink():
                raise SourceOutside(f"include={path!r} goes through the symlink {parent}")
        place = self._root / path
        if place.is_dir() and not place.is_symlink():
            if not any(each.startswith(f"{path}/") for each in git.files):
                yield from (f"{path}/{each}" for each in _walk(place))
        elif _is_there(self._root, path):
            yield path

    def _check_patterns(self) -> None:
        if self._wanted is None:
            return
        left = dict.fromkeys(self._wanted.patterns)
        names: list[str] = []
        for path in self._candidates():
            names.append(path)
            for pattern in Patterns(tuple(left)).matching(path):
                del left[pattern]
            if not left:
                return
        pattern = next(iter(left))
        ignored = next((path for path in _walk(self._root) if Patterns((pattern,)).match(path)), None)
        hint = _close_path(pattern, names)
        if ignored is not None:
            hint = f"git ignores {ignored}: name it without wildcards to take it all the same"
        raise NothingSelected(f"include={pattern!r} matches nothing in {self._root}", hint=hint)

    def _pattern_details(self) -> Iterator[tuple[str, str]]:
        if self._wanted is not None:
            yield "include", ", ".join(self._wanted.patterns)
        if self._unwanted.patterns:
            yield "exclude", ", ".join(self._unwanted.patterns)

    def reasons(self, files: frozenset[str]) -> Mapping[str, str]:
        """Why each of the others is out."""
        others = [path for path in sorted(_walk(self._root), key=os.fsencode) if path not in files]
        rules = self._rules(others)
        return {path: self._reason(path, rules) for path in others}

    def _rules(self, paths: list[str]) -> dict[str, str]:
        if self._git is None:
            return {}
        try:
            return ignore_rules(self._root, [path for path in paths if path not in self._git.files])
        except NoGit:
            return {}  # the reasons are then in other words

    def _reason(self, path: str, rules: dict[str, str]) -> str:
        excluding = self._unwanted.match(path)
        if excluding is not None:
            return f"exclude={excluding!r}"
        if _links_to_output(self._root, path):
            return "a link to an output, as builds make them"
        git = self._git
        if git is not None and path not in git.files:
            submodule = next((each for each in git.submodules if path.startswith(f"{each}/")), None)
            if submodule is not None:
                return f"in the submodule {submodule}"
            return f"ignored: {rules[path]}" if path in rules else "git does not list it"
        return "no pattern of include matches it"


def _close_path(pattern: str, names: list[str]) -> str | None:
    directories = {name[:index] for name in names for index, letter in enumerate(name) if letter == "/"}
    literal = "/".join(part for part in pattern.split("/") if not _WILDCARDS & set(part))
    import difflib  # noqa: PLC0415 -- only where something is not found

    found = difflib.get_close_matches(literal or pattern, sorted(directories | set(names)), n=3)
    return f"did you mean {' or '.join(found)}?" if found else None


def _is_there(root: Path, path: str) -> bool:
    """Whether the index still tells the truth: a tracked file may be deleted, or a directory by now."""
    try:
        mode = os.lstat(f"{root}/{path}").st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UnreadableSource(f"{root / path} cannot be read: {error.strerror}") from error
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _links_to_output(root: Path, path: str) -> bool:
    """Whether it is what a build left there (``result``): taken, each build would change its own source."""
    try:
        target = (root / path).readlink()
        StorePath.parse_base(target.name)
    except (OSError, InvalidStorePath):
        return False
    return target.is_absolute()


def _walk(root: Path) -> Iterator[str]:
    """All files and symlinks below a directory but those of git's own; links are not followed."""
    pending = [""]
    while pending:
        directory = pending.pop()
        try:
            with os.scandir(root / directory) as entries:
                for entry in entries:
                    if entry.name == ".git":
                        continue
                    path = f"{directory}/{entry.name}" if directory else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(path)
                    elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                        yield path
        except OSError as error:
            raise UnreadableSource(f"{root / directory} cannot be read: {error.strerror}") from error
