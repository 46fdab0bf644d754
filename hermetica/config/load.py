"""Reads the user's settings."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from hermetica.config.settings import ConfigError, Found, mirror_name, parse_environment, parse_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermetica_store import StoreError

__all__ = ["Config"]

_MIRRORS: Final = "mirrors."
_PATHS: Final = frozenset({"store", "post_build_hook"})
_LISTS: Final = frozenset({"lower", "stores"})
_DEFAULT: Final = "default"


@attrs.frozen(kw_only=True)
class Config:
    """The settings in force.

    Attributes:
        store: root of the store; None for the usual place.
        lower: roots of stores that the store lies over, which are only read.
        stores: roots of other stores of this machine, which are asked for what no address gives.
        jobs: how many derivations run at once; None for two more than there are processors.
        cores: what each builder is told it may use; None for all.
        timeout_s: how long a builder may run; None without end.
        silence_timeout_s: how long it may say nothing; None without end.
        log_limit_bytes: how much it may log; None without end.
        build_limit_bytes: how much a builder may have on disk at once; None without end.
        build_limit_entries: how many files it may have at once; None without end.
        keep_failed: whether failed builds are kept.
        keep_going: whether independent work goes on after a failure.
        eval_sandbox: ``auto`` evaluates modules in a sandbox where one can be made, ``always`` or not at all, ``never``
            in the process of the command.
        eval_cache: whether a build is remembered by what its evaluation read.
        seal: ``auto`` lets runs seal large files with fs-verity, where the file system can; ``off`` does not.
        clock: ``running`` leaves builds the wall clock of the host, ``frozen`` holds it still where the host can, and
            ``strict`` also directory order, randomness and times of files; a derivation's own requirement wins.
        trusted_keys: ``NAME:BASE64`` each; where there are any, imports from binary caches need a signature of one.
        reporters: plug-ins that are told what runs do, ``NAME`` or ``NAME=ARGUMENT`` each.
        substituters: plug-ins that may have what builds make, ``NAME`` or ``NAME=ARGUMENT`` each, in order.
        trusted_substituters: those of them that are believed when they say what a build makes.
        post_build_hook: a program to run for each derivation that a run makes; None for none.
        post_build_hook_timeout_s: how long it may run; None without end.
        fetch_timeout_s: how long an address may say nothing.
        fetch_retries: further attempts after a passing failure.
        offline: whether nothing is asked of the network.
        gc_keep_outputs: whether collections keep what rooted objects were built from.
        gc_keep_derivations: whether they keep derivations, build records and logs of objects that stay.
        gc_max_bytes: how large they let the store be; None takes everything that is dead.
        gc_older_than: in seconds; None takes what is dead whatever its age.
        gc_min_free: bytes; when the disk has less free, a run collects beside its builds. None never does.
        gc_max_free: bytes; how much free is enough then. None takes everything that is dead.
        mirrors: (name, URLs without a final slash), ascending by name.
        origins: (key, where it was set), ascending; what is not among them has its default.
    """

    store: Path | None = None
    lower: tuple[Path, ...] = ()
    stores: tuple[Path, ...] = ()
    jobs: int | None = None
    cores: int | None = None
    timeout_s: float | None = None
    silence_timeout_s: float | None = None
    log_limit_bytes: int | None = 256 << 20
    build_limit_bytes: int | None = 256 << 30
    build_limit_entries: int | None = 2_000_000
    keep_failed: bool = False
    keep_going: bool = False
    eval_sandbox: str = "auto"
    eval_cache: bool = True
    seal: str = "off"
    clock: str = "running"
    trusted_keys: tuple[str, ...] = ()
    reporters: tuple[str, ...] = ()
    substituters: tuple[str, ...] = ()
    trusted_substituters: tuple[str, ...] = ()
    post_build_hook: Path | None = None
    post_build_hook_timeout_s: float | None = 600.0
    fetch_timeout_s: float = 30.0
    fetch_retries: int = 3
    offline: bool = False
    gc_keep_outputs: bool = False
    gc_keep_derivations: bool = True
    gc_max_bytes: int | None = None
    gc_older_than: float | None = None
    gc_min_free: int | None = None
    gc_max_free: int | None = None
    mirrors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    origins: tuple[tuple[str, str], ...] = attrs.field(default=(), eq=False)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> Self:
        """The settings of a user.

        They are in ``$HERMETICA_CONFIG``, else ``$XDG_CONFIG_HOME/hermetica/config.toml``, else
        ``~/.config/hermetica/config.toml``; variables have the last word.

        Args:
            environ: variables; the process's own where none are given.
            cwd: what relative paths in variables are relative to.

        Raises:
            ConfigError: one of them cannot be, or the file cannot be read.
        """
        environ = os.environ if environ is None else environ
        cwd = Path.cwd() if cwd is None else cwd
        file = config_file(environ, cwd)
        text = _read(file, is_wanted=bool(environ.get("HERMETICA_CONFIG"))) if file is not None else None
        found = {} if text is None else parse_file(text, str(file))
        found |= parse_environment(environ, PurePosixPath(cwd))
        return cls.of(found, environ.get("HOME", ""))

    @classmethod
    def of(cls, found: Mapping[str, Found], home: str = "") -> Self:
        """The settings that were found, by key; ``~`` is ``home``."""
        values: dict[str, Any] = {key: each.value for key, each in found.items() if not key.startswith(_MIRRORS)}
        for key in _PATHS & values.keys():
            values[key] = _expanded(key, values[key], home, found[key].where)
        for key in _LISTS & values.keys():
            values[key] = tuple(_expanded(key, each, home, found[key].where) for each in values[key])
        mirrors: Any = [
            (key.removeprefix(_MIRRORS), each.value) for key, each in found.items() if key.startswith(_MIRRORS)
        ]
        origins = tuple(sorted((key, each.where) for key, each in found.items()))
        return cls(**values, mirrors=tuple(sorted(mirrors)), origins=origins)

    def going_offline(self) -> Self:
        """The same, with nothing asked of the network."""
        return attrs.evolve(self, offline=True)

    def mirror(self, name: str) -> tuple[str, ...]:
        """The URLs of a mirror; none where it is not set."""
        return dict(self.mirrors).get(mirror_name(name), ())

    def origin(self, key: str) -> str:
        """Where a setting comes from: ``file:line``, a variable, or ``default``."""
        return dict(self.origins).get(key, _DEFAULT)


def config_file(environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Where the settings are looked for; None where there is no home."""
    if named := environ.get("HERMETICA_CONFIG"):
        return cwd / named
    base = environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):  # the specification says to ignore a relative one
        home = environ.get("HOME", "")
        if not home:
            return None
        base = f"{home}/.config"
    return Path(base, "hermetica", "config.toml")


def _read(file: Path, *, is_wanted: bool) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if is_wanted:
            raise ConfigError("there is no such file", where=str(file), hint="see HERMETICA_CONFIG") from error
        return None
    except OSError as error:
        raise unreadable(file, error) from error
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8", where=f"{file}:1") from error


def unreadable(file: Path, error: OSError) -> StoreError | ConfigError:
    """Why a file cannot be read: that of the machine where it is not the file's own."""
    from hermetica_store import DiskFailed, OutOfMemory, TooManyOpenFiles  # noqa: PLC0415 -- only where that failed

    more = "allow more (ulimit -n), or build fewer derivations at once (-j)"
    details = (("cause", error.strerror or str(error)),)
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return TooManyOpenFiles(f"too many files are open to read {file}", details=details, hint=more)
    if error.errno == errno.ENOMEM:
        return OutOfMemory(f"there is no memory to read {file}", details=details, hint="end other programs")
    if error.errno == errno.EIO:
        return DiskFailed(f"the disk under {file} failed", details=details, hint="look into the kernel's log (dmesg)")
    return ConfigError(f"cannot be read: {error.strerror}", where=str(file), hint="chmod u+r, or HERMETICA_CONFIG=FILE")


def _expanded(key: str, text: str, home: str, where: str) -> Path:
    if text != "~" and not text.startswith("~/"):
        return Path(text)
    if not home:
        raise ConfigError(f"{key} begins with ~ and there is no HOME", where=where)
    return Path(home + text[1:])
