"""What an evaluation sees of the machine: Python, the system's programs and libraries, its project. Pure.

It has no network, no home, no variables but those declared, and may write nowhere but in a ``/tmp`` of its own.
A child is started before anything else is done, so this module leaves alone what is slow to import. Source: bwrap(1).
"""

from __future__ import annotations

TYPE_CHECKING = False  # the module that has it costs five milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/nix/store", "/gnu/store")
"""Python and git themselves, wherever the system has them."""
FIXED: Mapping[str, str] = {
    "HOME": "/homeless",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
    "USER": "hermetica",
}
_NAMESPACES = ("--unshare-all", "--die-with-parent", "--new-session", "--hostname", "hermetica")


class Surroundings:
    """What one evaluation sees.

    Attributes:
        places: directories and files that it may read, absolute.
        links: (place, where it leads): links of the system at the top, such as ``/bin``.
        environment: its variables.
        directory: its working directory.
    """

    def __init__(
        self,
        *,
        places: tuple[str, ...],
        links: tuple[tuple[str, str], ...] = (),
        environment: Mapping[str, str] | None = None,
        directory: str = "/",
    ) -> None:
        self.places = places
        self.links = links
        self.environment = environment or {}
        self.directory = directory

    def shows(self, path: str) -> bool:
        """Whether what lies at an absolute path is what lies there outside."""
        return any(path == place or path.startswith(f"{place.rstrip('/')}/") for place in self.places)


def command_line(bwrap: str, surroundings: Surroundings, command: tuple[str, ...]) -> list[str]:
    """How to start a command in such surroundings.

    Args:
        bwrap: the program.
        surroundings: what it sees.
        command: the program and its arguments.
    """
    words = [bwrap, *_NAMESPACES, "--clearenv"]
    for name, value in sorted(surroundings.environment.items()):
        words += ("--setenv", name, value)
    above = [place for place in surroundings.places if place == "/"]  # what follows then covers parts of it
    words += (word for place in above for word in ("--ro-bind", place, place))
    words += ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp")  # noqa: S108 -- its own, not the host's
    for place, target in surroundings.links:
        words += ("--symlink", target, place)
    for place in sorted(set(surroundings.places) - {"/"}):
        words += ("--ro-bind-try", place, place)
    return [*words, *(() if above else ("--remount-ro", "/")), "--chdir", surroundings.directory, "--", *command]
