"""Why a host refuses the sandbox, and what to do about it.

Pure: decides from facts that `hermetica.sandbox.facts` gathers.
"""

from __future__ import annotations

import enum
import re
from typing import Final

import attrs

from hermetica.sandbox.errors import SandboxUnavailable

MINIMUM_BWRAP: Final = (0, 8)


class RefusalKind(enum.Enum):
    """The classes of refusal."""

    BWRAP_MISSING = "bwrap-missing"
    BWRAP_OLD = "bwrap-old"
    BWRAP_SETUID = "bwrap-setuid"
    NESTED = "nested"
    NO_USER_NAMESPACES = "no-user-namespaces"
    NAMESPACE_LIMIT = "namespace-limit"
    UNPRIVILEGED_CLONE = "unprivileged-clone"
    APPARMOR = "apparmor"
    SECCOMP = "seccomp"
    MASKED_PROC = "masked-proc"
    LIMIT = "limit"
    MACHINE = "machine"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class Facts:
    """What the host says about itself; None where it does not say.

    Attributes:
        superuser: whether we are root.
        distributions: ID and ID_LIKE of os-release.
        version: bubblewrap's, as numbers; empty if unknown.
        setuid: whether the program is setuid.
        in_hermetica: whether we run inside a hermetica sandbox.
        container: the name of the container manager around us, or an empty string.
        seccomp: whether a system call filter is on us.
        kernel_has_user_namespaces: whether /proc/self/ns/user exists.
        max_user_namespaces: user.max_user_namespaces.
        unprivileged_clone: kernel.unprivileged_userns_clone, a Debian switch.
        apparmor_restricts: kernel.apparmor_restrict_unprivileged_userns.
        proc_is_masked: whether something is mounted over a part of /proc.
    """

    superuser: bool = False
    distributions: tuple[str, ...] = ()
    version: tuple[int, ...] = ()
    setuid: bool = False
    in_hermetica: bool = False
    container: str = ""
    seccomp: bool = False
    kernel_has_user_namespaces: bool = True
    max_user_namespaces: int | None = None
    unprivileged_clone: int | None = None
    apparmor_restricts: int | None = None
    proc_is_masked: bool = False


@attrs.frozen
class Refusal:
    """A class of refusal with its cause and its remedy, as sentences."""

    kind: RefusalKind
    cause: str
    remedy: str

    def error(self, said: str = "") -> SandboxUnavailable:
        """The exception that says so."""
        return SandboxUnavailable(self.cause, self.remedy, kind=self.kind.value, said=said)


_INSTALL: Final = {
    "debian": "apt install bubblewrap",
    "ubuntu": "apt install bubblewrap",
    "fedora": "dnf install bubblewrap",
    "rhel": "dnf install bubblewrap",
    "arch": "pacman -S bubblewrap",
    "alpine": "apk add bubblewrap",
    "suse": "zypper install bubblewrap",
    "opensuse": "zypper install bubblewrap",
    "gentoo": "emerge sys-apps/bubblewrap",
    "void": "xbps-install bubblewrap",
    "nixos": "nix-env -iA nixos.bubblewrap",
}


def install_command(distributions: tuple[str, ...]) -> str:
    """How the distribution installs bubblewrap."""
    known = (_INSTALL[name] for name in distributions if name in _INSTALL)
    return next(known, "install the package bubblewrap")


def bwrap_missing(distributions: tuple[str, ...]) -> Refusal:
    """There is no bwrap program."""
    return Refusal(
        RefusalKind.BWRAP_MISSING,
        "the program bwrap (bubblewrap) is not on PATH",
        f"{install_command(distributions)}; "
        "without root: copy the file bwrap from that package anywhere and set HERMETICA_BWRAP to it",
    )


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers in the output of ``bwrap --version``; empty if there are none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number) for number in found.groups() if number) if found else ()


def _old(facts: Facts) -> Refusal:
    version = ".".join(map(str, facts.version)) or "of unknown version"
    return Refusal(
        RefusalKind.BWRAP_OLD,
        f"bubblewrap is too old: {version}; 0.8 is the first that can forbid further user namespaces",
        f"{install_command(facts.distributions)} from a newer release, or set HERMETICA_BWRAP to a newer copy",
    )


_NESTED: Final = Refusal(
    RefusalKind.NESTED,
    "this is a build inside a hermetica sandbox, where no further user namespaces are allowed",
    "build it outside: make the inner build a derivation of its own, and its output an input of this one",
)
_NO_NAMESPACES: Final = Refusal(
    RefusalKind.NO_USER_NAMESPACES,
    "the kernel has no user namespaces (CONFIG_USER_NS)",
    "boot a kernel that has them",
)
_LIMIT: Final = Refusal(
    RefusalKind.NAMESPACE_LIMIT,
    "user.max_user_namespaces is 0 here, or as many user namespaces exist as it allows",
    "sysctl -w user.max_user_namespaces=15000 (as root; in /etc/sysctl.d/ to keep it); "
    "inside another sandbox: whoever made it has to allow it",
)
_CLONE: Final = Refusal(
    RefusalKind.UNPRIVILEGED_CLONE,
    "kernel.unprivileged_userns_clone is 0",
    "sysctl -w kernel.unprivileged_userns_clone=1 (as root; in /etc/sysctl.d/ to keep it)",
)
_APPARMOR: Final = Refusal(
    RefusalKind.APPARMOR,
    "AppArmor (kernel.apparmor_restrict_unprivileged_userns=1)",
    "install a profile that allows bwrap userns (Ubuntu: package apparmor-profiles, bwrap-userns-restrict), "
    "or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (as root)",
)
_SECCOMP: Final = Refusal(
    RefusalKind.SECCOMP,
    "the container's system call filter forbids new namespaces",
    "run the container with --security-opt seccomp=unconfined (Docker, Podman), "
    "or a seccomp profile that allows clone, unshare, mount, pivot_root and personality",
)
_MASKED: Final = Refusal(
    RefusalKind.MASKED_PROC,
    "the container masks parts of /proc, so that the kernel allows no fresh one",
    "run the container with --security-opt systempaths=unconfined (Docker), --security-opt unmask=ALL (Podman) "
    "or procMount: Unmasked (Kubernetes)",
)
_PROCESSES: Final = Refusal(
    RefusalKind.LIMIT,
    "you run as many processes as a build's limit allows (4096 by default, all of your processes counted)",
    "end some of them, or build fewer derivations at once",
)
_SETUID: Final = Refusal(
    RefusalKind.BWRAP_SETUID,
    "bwrap is a setuid program here, which cannot be given limits",
    "chmod u-s on it (the kernel's user namespaces suffice), or set HERMETICA_BWRAP to a plain copy",
)


def standing(facts: Facts) -> tuple[Refusal, ...]:
    """What the facts alone say will go wrong, most certain first."""
    known_old = bool(facts.version) and facts.version < MINIMUM_BWRAP
    checks = (
        (facts.in_hermetica, _NESTED),
        (not facts.kernel_has_user_namespaces, _NO_NAMESPACES),
        (known_old, _old(facts)),
        (facts.setuid and not facts.superuser, _SETUID),
        (facts.max_user_namespaces == 0, _LIMIT),
        (facts.unprivileged_clone == 0 and not facts.superuser, _CLONE),
        (facts.apparmor_restricts == 1 and not facts.superuser, _APPARMOR),
    )
    return tuple(refusal for holds, refusal in checks if holds)


def classify(said: str, facts: Facts) -> Refusal:
    """The refusal behind what bubblewrap printed when it gave up.

    Args:
        said: its message.
        facts: of the host.
    """
    refused = "ermitted" in said or "denied" in said
    symptoms = (
        ("Unknown option" in said, _old(facts)),
        ((("mount proc" in said and refused) or "read /proc/" in said) and not facts.in_hermetica, _MASKED),
        *((True, refusal) for refusal in standing(facts)),
        ("namespace" in said and ("ENOSPC" in said or "No space left" in said), _LIMIT),
        ("Resource temporarily unavailable" in said, _PROCESSES),
        (refused and (facts.seccomp or bool(facts.container)), _SECCOMP),
    )
    unknown = Refusal(
        RefusalKind.UNKNOWN,
        said.strip() or "bubblewrap gave no reason",
        "hermetica doctor looks at the host's settings",
    )
    return next((refusal for holds, refusal in symptoms if holds), unknown)


def too_many_processes() -> Refusal:
    """The caller may start no further process."""
    return _PROCESSES


def limit_refusal(name: str, wanted: int | None, allowed: int) -> Refusal:
    """The host's hard limit is below the contract's."""
    text = "unlimited" if wanted is None else str(wanted)
    return Refusal(
        RefusalKind.LIMIT,
        f"the hard limit {name} is {allowed} here; a sandbox has {text} on every host",
        f"raise it ({name}): limits.conf(5), LimitNOFILE= and the like of a systemd unit, or ulimit -H where it is set",
    )
