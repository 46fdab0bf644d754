"""What goes wrong in the sandbox room, other than a builder that fails."""

from __future__ import annotations

from hermetica.errors import HermeticaError


class SandboxError(HermeticaError):
    """Something about the sandbox or its host; every error of this room is one."""

    code = "HM300"


class SandboxUnavailable(SandboxError):
    """The host refuses the sandbox; without a sandbox there is no build.

    Attributes:
        kind: a stable word for the class of refusal, the value of a `RefusalKind`.
        cause: what the host refuses, and where that is decided.
        remedy: how to allow it.
        said: what bubblewrap printed, if it ran.
    """

    code = "HM301"

    def __init__(self, cause: str, remedy: str, *, kind: str = "unknown", said: str = "") -> None:
        details = [("cause", cause)]
        if said:
            details.append(("said", said))
        message = "this system does not let bubblewrap make a sandbox"
        if kind == "bwrap-missing":
            message = "bubblewrap, which makes the sandboxes, is not to be found"
        super().__init__(message, details=tuple(details), hint=remedy)
        self.kind = kind
        self.cause = cause
        self.remedy = remedy
        self.said = said


class BuilderNotFound(SandboxError):
    """The builder does not exist in the sandbox, or cannot be executed there."""

    code = "HM302"

    def __init__(self, builder: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(
            f"the builder cannot be executed: {builder}",
            details=(("cause", reason),),
            hint=hint
            or "it, and its interpreter (#! line, dynamic loader), must be in a declared input or in the rootfs",
        )
        self.builder = builder
        self.reason = reason


class InvalidSandboxSpec(SandboxError, ValueError):
    """A sandbox specification that has no meaning."""

    code = "HM303"


class TierUnavailable(SandboxError):
    """The world of a derivation needs a tier that this version or host cannot give."""

    code = "HM304"

    def __init__(self, required: str, available: str, cause: str = "") -> None:
        super().__init__(
            f"the build's world needs tier {required}",
            details=(("available", available), *((("cause", cause),) if cause else ())),
            hint="leave the clock, file times, directory order, kernel name and randomness at their defaults; "
            "`hermetica doctor` shows what this host can give",
        )
        self.required = required
        self.available = available
        self.cause = cause


class ArgumentsTooLong(SandboxError):
    """Arguments and environment together, or one of them alone, are longer than the kernel passes to a program."""

    code = "HM305"

    def __init__(self, builder: str) -> None:
        super().__init__(
            f"the arguments or environment of {builder} are too long for the kernel",
            details=(("limit", "131071 bytes for one string, 2 MiB for all"),),
            hint="pass long values by file: pass_as_file, or structured attributes",
        )
        self.builder = builder


class MountSourceMissing(SandboxError):
    """A file that should be mounted into the sandbox is not on the host."""

    code = "HM306"

    def __init__(self, source: str) -> None:
        super().__init__(
            f"cannot be mounted into the sandbox, for it does not exist: {source}",
            hint="if it is a store object, `hermetica store verify` says what else is missing",
        )
        self.source = source


class WorldUnavailable(SandboxError):
    """A factor of a world cannot be had on this host."""

    code = "HM258"

    def __init__(self, factor: str, cause: str, *, hint: str | None = None) -> None:
        super().__init__(
            f"this host cannot give the world's {factor}",
            details=(("cause", cause),),
            hint=hint or "study it elsewhere",
        )
        self.factor = factor
        self.cause = cause


class UnknownFactor(SandboxError, ValueError):
    """A name that no factor of a world has."""

    code = "HM259"

    def __init__(self, name: str, closest: tuple[str, ...]) -> None:
        super().__init__(
            f"no factor of a world is called {name!r}",
            details=(("like it", ", ".join(closest)),) if closest else (),
            hint="`hermetica doctor --world` lists them",
        )
        self.name = name


class UnknownLevel(SandboxError, ValueError):
    """A level that a factor does not have."""

    code = "HM260"

    def __init__(self, factor: str, level: str, levels: tuple[str, ...]) -> None:
        super().__init__(f"the factor {factor} has no level {level!r}", details=(("its levels", ", ".join(levels)),))
        self.factor = factor
        self.level = level


class FrozenClockFailed(SandboxError):
    """A program of a build could not be given its world, so the build was ended."""

    code = "HM261"

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(
            message,
            details=(("cause", cause),),
            hint="a derivation that cannot be built so says features=('clock:running',)",
        )
        self.cause = cause
