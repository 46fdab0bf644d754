"""What can be set, and what values it takes: from text to typed values, and errors that say where. Pure.

A setting ``timeout_s`` is ``timeout_s = 60`` in the file and ``HERMETICA_TIMEOUT_S=60`` in the environment. One that
begins with ``gc_`` is a line of the table ``[gc]`` without that, and a mirror is a line of the table ``[mirrors]``, or
``HERMETICA_MIRROR_NAME``.
"""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from urllib.parse import urlsplit

import attrs

from hermetica.config.units import age_s, size_bytes
from hermetica.spelling import did_you_mean
from hermetica_store.errors import HermeticaError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SETTINGS", "ConfigError", "Found", "Setting", "mirror_name", "parse_environment", "parse_file"]

ENVIRONMENT_PREFIX: Final = "HERMETICA_"
MIRROR_PREFIX: Final = "HERMETICA_MIRROR_"
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_SCHEMES: Final = ("http", "https", "file")

Value = str | int | float | bool | tuple[str, ...] | None


class ConfigError(HermeticaError, ValueError):
    """A setting that there is not, or a value that it cannot have.

    Attributes:
        where: the file with its line, or the variable.
    """

    code = "HM420"

    def __init__(
        self, message: str, *, where: str, details: tuple[tuple[str, str], ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(f"{where}: {message}", details=details, hint=hint, origin=where)
        self.where = where


@attrs.frozen(kw_only=True)
class Found:
    """A value, and where it was set.

    Attributes:
        value: typed.
        where: ``file:line``, or the name of the variable.
    """

    value: Value
    where: str


@attrs.frozen(kw_only=True)
class Setting:
    """One thing that can be set.

    Attributes:
        key: its name.
        kind: of its values; ``count`` and ``bytes`` are whole numbers. ``size`` and ``age`` are numbers of bytes and of
            seconds, or texts with a unit; ``paths`` and ``texts`` are lists.
        minimum: of a number.
        zero_is_none: whether 0 says that there is no limit.
        choices: the texts that a ``choice`` takes.
    """

    key: str
    kind: Literal["path", "paths", "texts", "count", "bytes", "size", "seconds", "age", "switch", "choice"]
    minimum: int = 0
    zero_is_none: bool = False
    choices: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What values it takes, for people."""
        texts = {
            "path": "a path, such as '/var/lib/hermetica'",
            "paths": "a list of paths, such as ['/srv/hermetica']",
            "texts": "a list of texts",
            "count": f"a whole number, {self.minimum} or more",
            "bytes": "a whole number of bytes",
            "size": "an amount of bytes, such as 20G",
            "seconds": "a number of seconds",
            "age": "a length of time, such as 30d",
            "switch": "true or false",
            "choice": " or ".join(self.choices),
        }
        return texts[self.kind] + (", 0 for no limit" if self.zero_is_none else "")

    def check(self, value: object, where: str) -> Value:
        """The value as the setting takes it.

        Raises:
            ConfigError: it does not.
        """
        value = self._measured(value)
        if not self._fits(value):
            raise ConfigError(f"{self.key} cannot be {value!r}", where=where, details=(("expected", self.expected),))
        if self.zero_is_none and value == 0:
            return None
        if self.kind in {"paths", "texts"}:
            return tuple(cast("list[str]", value))
        return float(value) if self.kind == "seconds" else value  # type: ignore[return-value,arg-type]  # _fits

    def _measured(self, value: object) -> object:
        """An amount with a unit as a number; anything else as it is."""
        if not isinstance(value, str) or self.kind not in {"size", "age"}:
            return value
        try:
            return size_bytes(value) if self.kind == "size" else age_s(value)
        except ValueError:
            return value

    def _fits(self, value: object) -> bool:
        if self.kind == "path":
            return isinstance(value, str) and bool(value) and "\x00" not in value
        if self.kind == "choice":
            return value in self.choices
        if self.kind in {"paths", "texts"}:
            each = attrs.evolve(self, kind="path")
            return isinstance(value, list) and all(each._fits(item) for item in cast("list[object]", value))  # noqa: SLF001 -- our own
        if self.kind == "switch" or isinstance(value, bool):
            return self.kind == "switch" and isinstance(value, bool)
        if isinstance(value, float):
            return self.kind == "seconds" and math.isfinite(value) and value >= self.minimum
        return isinstance(value, int) and value >= self.minimum

    def parse(self, text: str, where: str) -> Value:
        """The value that a variable spells out.

        Raises:
            ConfigError: it spells none.
        """
        value: object = text
        if self.kind == "switch":
            value = True if text.lower() in _TRUE else False if text.lower() in _FALSE else text
        elif self.kind == "paths":
            value = [each for each in text.split(":") if each]
        elif self.kind == "texts":
            value = text.split()
        elif self.kind not in {"path", "size", "age", "choice"}:
            value = _number(text, is_whole=self.kind != "seconds")
        return self.check(value, where)


def _number(text: str, *, is_whole: bool) -> object:
    try:
        return int(text)
    except ValueError:
        if is_whole:
            return text
    try:
        return float(text)
    except ValueError:
        return text


SETTINGS: Final = {
    setting.key: setting
    for setting in (
        Setting(key="store", kind="path"),
        Setting(key="lower", kind="paths"),
        Setting(key="stores", kind="paths"),
        Setting(key="jobs", kind="count", minimum=1),
        Setting(key="cores", kind="count", minimum=1),
        Setting(key="timeout_s", kind="seconds", zero_is_none=True),
        Setting(key="silence_timeout_s", kind="seconds", zero_is_none=True),
        Setting(key="log_limit_bytes", kind="bytes", zero_is_none=True),
        Setting(key="build_limit_bytes", kind="bytes", zero_is_none=True),
        Setting(key="build_limit_entries", kind="count", zero_is_none=True),
        Setting(key="keep_failed", kind="switch"),
        Setting(key="keep_going", kind="switch"),
        Setting(key="eval_sandbox", kind="choice", choices=("auto", "always", "never")),
        Setting(key="eval_cache", kind="switch"),
        Setting(key="seal", kind="choice", choices=("auto", "off")),
        Setting(key="clock", kind="choice", choices=("running", "frozen", "strict")),
        Setting(key="trusted_keys", kind="texts"),
        Setting(key="reporters", kind="texts"),
        Setting(key="substituters", kind="texts"),
        Setting(key="trusted_substituters", kind="texts"),
        Setting(key="post_build_hook", kind="path"),
        Setting(key="post_build_hook_timeout_s", kind="seconds", zero_is_none=True),
        Setting(key="fetch_timeout_s", kind="seconds", minimum=1),
        Setting(key="fetch_retries", kind="count"),
        Setting(key="offline", kind="switch"),
        Setting(key="gc_keep_outputs", kind="switch"),
        Setting(key="gc_keep_derivations", kind="switch"),
        Setting(key="gc_max_bytes", kind="size"),
        Setting(key="gc_older_than", kind="age"),
        Setting(key="gc_min_free", kind="size"),
        Setting(key="gc_max_free", kind="size"),
    )
}


_GC: Final = "gc"
_TOP: Final = tuple(key for key in SETTINGS if not key.startswith(f"{_GC}_"))


def mirror_name(text: str) -> str:
    """The name of a mirror, however it is written: lower case, ``-`` for ``_``."""
    return text.lower().replace("_", "-")


def _line_of(text: str, table: str, key: str) -> int:
    """The line where a key of a table is set; the first one where it cannot be told."""
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"""\s*\[\s*["']?([^\]"']+?)["']?\s*\]""", line)
        if header:
            current = header[1]
            if (current, "") == (key, table):
                return number
        assigned = re.match(r"""\s*((?:["']?[\w-]+["']?\s*\.\s*)?)["']?([^"'=]+?)["']?\s*=""", line)
        if assigned:
            prefix = assigned[1].strip(" .\t\"'")
            if assigned[2] == key and (prefix or current) == table:
                return number
            if not table and prefix == key:
                return number
    return 1


def _urls(value: object, name: str, where: str) -> tuple[str, ...]:
    texts: list[Any] = [value] if isinstance(value, str) else cast("list[Any]", value)
    if not isinstance(value, str | list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ConfigError(
            f"the mirror {name} cannot be {value!r}",
            where=where,
            details=(("expected", "a list of URLs"),),
            hint=f'{name} = ["https://…"]',
        )
    for url in texts:
        if not _is_url(url):
            raise ConfigError(
                f"the mirror {name} has an address that is none: {url!r}",
                where=where,
                details=(("expected", f"a URL of {', '.join(_SCHEMES)}"),),
            )
    return tuple(dict.fromkeys(url.rstrip("/") for url in texts))


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and bool(parts.hostname or parts.scheme == "file") and parts.port != 0
    except ValueError:
        return False


def parse_file(text: str, file: str) -> dict[str, Found]:
    """The settings in a file, by key; a mirror's key is ``mirrors.NAME``.

    Args:
        text: of it.
        file: its name, for errors; relative paths in it are relative to its directory.

    Raises:
        ConfigError: it is no TOML, or sets what cannot be set.
    """
    import tomllib  # noqa: PLC0415 -- most users have no such file

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        number = int(line[1]) if line else max(1, len(text.splitlines()))
        raise ConfigError(f"no TOML: {error}", where=f"{file}:{number}") from error
    found: dict[str, Found] = {}
    for key, value in document.items():
        where = f"{file}:{_line_of(text, '', key)}"
        if key == "mirrors":
            found.update(_mirrors(value, text, file, where))
        elif key == _GC:
            found.update(_collection(value, text, file, where))
        else:
            found[key] = _setting(key, [*_TOP, _GC, "mirrors"], key, value, file, where)
    return found


def _setting(key: str, known: list[str], word: str, value: object, file: str, where: str) -> Found:
    """A setting by its key, which the file calls ``word`` where it could have said one of ``known``."""
    if word not in known or key not in SETTINGS:
        raise ConfigError(
            f"there is no setting {word!r}",
            where=where,
            details=(("settings", ", ".join(known)),),
            hint=did_you_mean(word, list(known)),
        )
    setting = SETTINGS[key]
    return Found(value=_based(setting, setting.check(value, where), PurePosixPath(file).parent), where=where)


def _collection(value: object, text: str, file: str, where: str) -> dict[str, Found]:
    if not isinstance(value, dict):
        raise ConfigError(f"{_GC} is a table", where=where, hint=f'[{_GC}]\nmax_bytes = "20G"')
    known = [key.removeprefix(f"{_GC}_") for key in SETTINGS if key not in _TOP]
    return {
        f"{_GC}_{word}": _setting(f"{_GC}_{word}", known, word, each, file, f"{file}:{_line_of(text, _GC, word)}")
        for word, each in cast("dict[str, object]", value).items()
    }


def _mirrors(value: object, text: str, file: str, where: str) -> dict[str, Found]:
    if not isinstance(value, dict):
        raise ConfigError("mirrors is a table", where=where, hint='[mirrors]\nNAME = ["https://…"]')
    found: dict[str, Found] = {}
    for name, urls in cast("dict[str, object]", value).items():
        at = f"{file}:{_line_of(text, 'mirrors', name)}"
        found[f"mirrors.{mirror_name(name)}"] = Found(value=_urls(urls, name, at), where=at)
    return found


def _based(setting: Setting, value: Value, base: PurePosixPath) -> Value:
    def place(path: str) -> str:
        return path if path.startswith("~") else str(base / path)

    if setting.kind == "paths" and isinstance(value, tuple):
        return tuple(map(place, value))
    return place(value) if setting.kind == "path" and isinstance(value, str) else value


def parse_environment(environ: Mapping[str, str], cwd: PurePosixPath) -> dict[str, Found]:
    """The settings that variables make, by key; an empty variable sets nothing.

    Other variables that begin with ``HERMETICA_`` are not settings, and are let be.

    Raises:
        ConfigError: a value cannot be.
    """
    found: dict[str, Found] = {}
    for key, setting in SETTINGS.items():
        variable = ENVIRONMENT_PREFIX + key.upper()
        text = environ.get(variable, "")
        if text:
            found[key] = Found(value=_based(setting, setting.parse(text, variable), cwd), where=variable)
    for variable in sorted(environ):
        if variable.startswith(MIRROR_PREFIX) and environ[variable].strip():
            name = mirror_name(variable.removeprefix(MIRROR_PREFIX))
            found[f"mirrors.{name}"] = Found(value=_urls(environ[variable].split(), name, variable), where=variable)
    return found
