"""What a study is: which derivations are built in which worlds, how often, and at what cost. Pure.

Written as a frozen value, or read from a file of TOML; both are checked alike, and what is wrong is told with its line.
Source: docs/guides/design-a-study.md.
"""

from __future__ import annotations

import math
import re
import tomllib
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from hermetica.errors import HermeticaError
from hermetica.sandbox.factors import FACTORS
from hermetica.sandbox.world import Tier
from hermetica.spelling import did_you_mean
from hermetica.study.comparing import LEVELS, Alike
from hermetica.study.space import BUILDS_LEAST, BUILDS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_KEYS: Final = {
    "name": str,
    "targets": list,
    "design": str,
    "rebuilds": int,
    "seeds": list,
    "tier": str,
    "compare": str,
    "timeout_s": (int, float),
    "budget": dict,
    "factors": (dict, list),
}
_BUDGET: Final = {"builds": int, "builds_per_target": int, "seconds": (int, float)}
_EXPECTED: Final = {str: "a text", list: "a list", int: "a whole number", (int, float): "a number", dict: "a table"}


_TIERS: Final = (Tier.T0, Tier.T2, Tier.T3)  # T1 is a toolchain's own doing, which no world can give
_HINT_TIER: Final = 'tier = "T0", "T2" or "T3"'
FIXED_BUILDS_MAX: Final = 100_000
"""Of a fixed design, the most builds of one target."""


class InvalidStudy(HermeticaError, ValueError):
    """A study that cannot be carried out as it is declared.

    Attributes:
        where: the file with its line, and the key; or the field of the value.
    """

    code = "HM501"

    def __init__(
        self, message: str, *, where: str, details: tuple[tuple[str, str], ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(f"{where}: {message}", details=details, hint=hint, origin=where)
        self.where = where


class Design(StrEnum):
    """Which worlds a study asks for."""

    BISECT = "bisect"
    OFAT = "ofat"
    PAIRWISE = "pairwise"
    FULL = "full"


_TOGETHER: Final = (
    *("clock", "mtime", "src_mtime", "umask", "uid", "gid", "username", "readdir"),  # what archives keep
    *("build_path", "home", "path", "env", "tz", "locale", "jobs", "shell"),  # what the environment says
    *("random", "aslr", "pid", "cpus", "cpuinfo", "meminfo", "kernel", "hostname", "domainname"),
)


def all_factors(tier: Tier = Tier.T3) -> dict[str, tuple[str, ...]]:
    """Every factor that a tier can vary, with all of its levels; those that tend to act together stand together."""
    known = [name for name in _TOGETHER if name in FACTORS]
    names = [*known, *(name for name in FACTORS if name not in known)]
    return {name: FACTORS[name].varied for name in names if FACTORS[name].tier <= tier}


@attrs.frozen(kw_only=True)
class Budget:
    """What a study may cost; it stops in order when that is used up, and can be gone on with.

    Attributes:
        builds: in all; None without end.
        builds_per_target: of one target, where the design is ``bisect``.
        seconds: of building, in all; None without end.
    """

    builds: int | None = None
    builds_per_target: int = BUILDS_MAX
    seconds: float | None = None


@attrs.frozen(kw_only=True)
class Study:
    """A study.

    Attributes:
        name: what it is called.
        targets: the derivations, as the command line names targets.
        design: which worlds are asked for.
        rebuilds: builds of each world, two or more; where the design is ``bisect``, of the base world only.
        seeds: each asks for all of this once more, in another order, and with another covering array.
        tier: how much of the world is fixed; None for as much as the host allows.
        compare: at which level files are compared.
        factors: factor -> levels besides the fixed one; the first says most.
        budget: what it may cost.
        timeout_s: how long a builder may run; None for many times as long as in the base world.
    """

    name: str
    targets: tuple[str, ...]
    design: Design = Design.BISECT
    rebuilds: int = 3
    seeds: tuple[int, ...] = (1,)
    tier: Tier | None = None
    compare: Alike = Alike.NORMALISED
    factors: Mapping[str, tuple[str, ...]] = attrs.field(factory=all_factors)
    budget: Budget = attrs.field(factory=Budget)
    timeout_s: float | None = None

    def __attrs_post_init__(self) -> None:
        check(self, str)

    def to_json(self) -> dict[str, Any]:
        """The study as a JSON object; what its log begins with."""
        return {
            "name": self.name,
            "targets": list(self.targets),
            "design": str(self.design),
            "rebuilds": self.rebuilds,
            "seeds": list(self.seeds),
            "tier": None if self.tier is None else self.tier.name,
            "compare": str(self.compare),
            "factors": {factor: list(levels) for factor, levels in self.factors.items()},
            "budget": attrs.asdict(self.budget),
            "timeout_s": self.timeout_s,
        }


def check(study: Study, where: Any) -> None:
    """That a study can be carried out.

    Args:
        study: which.
        where: from a key to the place to name.

    Raises:
        InvalidStudy: it cannot.
    """
    if not study.name:
        raise InvalidStudy("a study has a name", where=where("name"), hint='name = "wheels"')
    if not study.targets:
        raise InvalidStudy("there is nothing to build", where=where("targets"), hint='targets = ["./pkgs.py:app"]')
    if study.rebuilds < 2:
        raise InvalidStudy(
            f"{study.rebuilds} build of a world shows no race", where=where("rebuilds"), hint="rebuilds = 2, or more"
        )
    if not study.seeds or len(set(study.seeds)) != len(study.seeds):
        raise InvalidStudy("seeds are one or more numbers, all different", where=where("seeds"), hint="seeds = [1]")
    if study.compare not in LEVELS:
        raise InvalidStudy(
            f"files cannot be compared at the level {study.compare}",
            where=where("compare"),
            details=(("levels", ", ".join(LEVELS)),),
        )
    if study.tier is Tier.T1:
        raise InvalidStudy("no world gives T1: a toolchain has it, or not", where=where("tier"), hint=_HINT_TIER)
    _check_factors(study, where)
    limits = {
        "timeout_s": study.timeout_s,
        **{f"budget.{key}": each for key, each in attrs.asdict(study.budget).items()},
    }
    for key, value in limits.items():
        if value is not None and not 0 < value < math.inf:
            name = key.rpartition(".")[2]
            raise InvalidStudy(f"{name} cannot be {value}", where=where(key), hint="leave it out for no limit")
    _check_size(study, where)


def _check_size(study: Study, where: Any) -> None:
    """That what is asked for can be built, as far as a design tells before anything is built."""
    if study.design is Design.BISECT:
        least, most = max(BUILDS_LEAST, study.rebuilds), study.budget.builds_per_target
        if most < least:
            raise InvalidStudy(
                f"builds_per_target cannot be {most}: the base world alone takes {least} builds",
                where=where("budget.builds_per_target"),
                hint=f"builds_per_target = {BUILDS_MAX}" if least < BUILDS_MAX else "fewer rebuilds, or more builds",
            )
        if study.seeds != (1,):
            raise InvalidStudy(
                "the design bisect draws nothing, so that seeds change nothing",
                where=where("seeds"),
                hint='leave seeds out, or choose design = "ofat", "pairwise" or "full"',
            )
        return
    counts = sorted(len(levels) + 1 for levels in study.factors.values())
    worlds = {Design.FULL: math.prod(counts), Design.OFAT: sum(counts) - len(counts) + 1}
    builds = worlds.get(study.design, math.prod(counts[-2:])) * study.rebuilds * len(study.seeds)
    if builds > FIXED_BUILDS_MAX:
        raise InvalidStudy(
            f"{study.design} of {len(counts)} factors, each world {study.rebuilds:,} times, is {builds:,} builds or "
            f"more of each target; no more than {FIXED_BUILDS_MAX:,} are carried out",
            where=where("design"),
            hint='design = "pairwise", or fewer factors, levels, rebuilds or seeds',
        )


def _check_factors(study: Study, where: Any) -> None:
    if not study.factors:
        raise InvalidStudy("nothing is varied", where=where("factors"), hint="leave factors out to vary all of them")
    for name, levels in study.factors.items():
        place = where(f"factors.{name}")
        if name not in FACTORS:
            raise InvalidStudy(
                f"there is no factor {name!r}",
                where=place,
                details=(("factors", ", ".join(FACTORS)),),
                hint=did_you_mean(name, list(FACTORS)),
            )
        known = FACTORS[name].varied
        if not levels:
            raise InvalidStudy(f"{name} has no level to vary to", where=place, hint=f"its levels: {', '.join(known)}")
        for level in levels:
            if level not in known:
                what = "is the fixed level of" if level == FACTORS[name].default else "is no level of"
                raise InvalidStudy(f"{level!r} {what} {name}", where=place, details=(("levels", ", ".join(known)),))
        if study.tier is not None and FACTORS[name].tier > study.tier:
            raise InvalidStudy(
                f"{name} cannot be varied in tier {study.tier.name}",
                where=place,
                hint=f'tier = "{FACTORS[name].tier.name}", or leave {name} out',
            )


def parse(text: str, file: str) -> Study:
    """The study that a file declares.

    Args:
        text: of the file.
        file: its name, for errors.

    Raises:
        InvalidStudy: it is no TOML, or declares what cannot be carried out.
    """

    def where(key: str) -> str:
        return f"{file}:{_line_of(text, key)} {key}"

    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise InvalidStudy(f"no TOML: {error}", where=f"{file}:{line[1] if line else 1}") from error
    _check_keys(document, _KEYS, "", where)
    budget = cast("dict[str, Any]", document.get("budget", {}))
    _check_keys(budget, _BUDGET, "budget.", where)
    tier = _one_of(document, "tier", [each.name for each in _TIERS], where)
    chosen = None if tier is None else Tier[tier]
    fields: dict[str, Any] = {key: document[key] for key in ("name", "rebuilds", "timeout_s") if key in document}
    raw: dict[str, Any] = {
        "name": re.sub(r"\.toml$", "", file.rpartition("/")[2]),
        **fields,
        "targets": _texts(document.get("targets", []), "targets", where),
        "design": Design(_one_of(document, "design", list(Design), where) or Design.BISECT),
        "compare": Alike(_one_of(document, "compare", list(LEVELS), where) or Alike.NORMALISED),
        "seeds": _numbers(document.get("seeds", [1]), where),
        "tier": chosen,
        "budget": Budget(**budget),
        "factors": _factors(document.get("factors"), chosen, where),
    }
    try:
        return Study(**raw)
    except InvalidStudy as error:
        place = where(error.where)
        message = error.message.removeprefix(f"{error.where}: ")
        raise InvalidStudy(message, where=place, details=error.details, hint=error.hint) from None


def _check_keys(table: Mapping[str, object], known: Mapping[str, Any], prefix: str, where: Any) -> None:
    for key, value in table.items():
        if key not in known:
            names = ", ".join(known)
            raise InvalidStudy(
                f"there is no key {key!r}",
                where=where(prefix + key),
                details=(("keys", names),),
                hint=did_you_mean(key, list(known)),
            )
        kinds = known[key]
        if not isinstance(value, kinds) or isinstance(value, bool):
            expected = "a table, or a list of names" if kinds == (dict, list) else _EXPECTED[kinds]
            raise InvalidStudy(
                f"{key} cannot be {value!r}", where=where(prefix + key), details=(("expected", expected),)
            )


def _one_of(document: Mapping[str, Any], key: str, known: Iterable[str], where: Any) -> str | None:
    value = document.get(key)
    names = list(map(str, known))
    if value is not None and value not in names:
        raise InvalidStudy(
            f"{key} cannot be {value!r}",
            where=where(key),
            details=(("expected", " or ".join(names)),),
            hint=did_you_mean(str(value), names),
        )
    return value


def _texts(value: object, key: str, where: Any) -> tuple[str, ...]:
    texts = cast("list[object]", value)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in texts):
        raise InvalidStudy(f"{key} is a list of texts", where=where(key))
    return tuple(dict.fromkeys(cast("list[str]", value)))


def _numbers(value: list[Any], where: Any) -> tuple[int, ...]:
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in value):
        raise InvalidStudy("seeds is a list of whole numbers", where=where("seeds"), hint="seeds = [1, 2, 3]")
    return tuple(value)


def _factors(value: object, tier: Tier | None, where: Any) -> dict[str, tuple[str, ...]]:
    """``{clock = true, tz = ["ahead"]}``, or the names of factors; nothing is all."""
    every = all_factors()
    if value is None:
        return all_factors(Tier.T3 if tier is None else tier)
    if isinstance(value, list):
        return {name: every.get(name, ()) for name in _texts(cast("object", value), "factors", where)}
    found: dict[str, tuple[str, ...]] = {}
    for name, levels in cast("dict[str, object]", value).items():
        if levels is True:
            found[name] = every.get(name, ())
        elif levels is not False:
            found[name] = _texts([levels] if isinstance(levels, str) else levels, f"factors.{name}", where)
    return found


def _line_of(text: str, key: str) -> int:
    """The line where a key is set, such as ``budget.builds``; that of its table, else 1, where it cannot be told."""
    table, _, last = key.rpartition(".")
    current, header = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            current = found[1]
            header = number if current in {table, key} else header
        if re.match(rf"""\s*["']?{re.escape(last)}["']?\s*=""", line) and current == table:
            return number
        if re.match(rf"\s*{re.escape(key)}\s*=", line) and not current:
            return number
    return header if header > 1 or not table else _line_of(text, table)  # factors = ["tz"], in one line
