"""What a failed build lacked, as the tools in it say it: programs, headers, libraries, modules, a network. Pure.

Tools say such things in their own words and go on to say much else; only sentences that mean nothing but this are read.
"""

from __future__ import annotations

import enum
import posixpath
import re
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

LACKS_SHOWN: Final = 8


class Kind(enum.Enum):
    """What was lacking."""

    PROGRAM = "program"
    HEADER = "header"
    LIBRARY = "library"
    PKG_CONFIG = "pkg-config module"
    PYTHON = "Python module"
    PERL = "Perl module"
    FILE = "file"
    NETWORK = "network"
    HOME = "home directory"
    PLACE = "place to write to"


@attrs.frozen
class Lack:
    """One thing that a build looked for in vain.

    Attributes:
        kind: of what kind.
        name: as one would ask for it: ``make``, ``zlib.h``, ``z`` for ``-lz``, ``/etc/ssl/certs``; of a network, whom
            it wanted.
    """

    kind: Kind
    name: str

    @property
    def text(self) -> str:
        """In words."""
        if self.kind is Kind.NETWORK:
            return f"a network, for {self.name}" if self.name else "a network"
        if self.kind is Kind.HOME:
            return "a home directory"
        if self.kind is Kind.PLACE:
            return f"permission to write {self.name}"
        return f"the {self.kind.value} {self.name}"

    @property
    def way_out(self) -> str:
        """What is to be done about any of its kind."""
        return _WAYS[self.kind]

    @property
    def places(self) -> tuple[str, ...]:
        """Where, in an output, what it is would lie; patterns of `fnmatch`."""
        return tuple(place.format(self.name) for place in _PLACES.get(self.kind, ()))


_WORD: Final = r"[\w.+@-]+"
_QUOTE: Final = "['\"`\u2018\u2019\u201c\u201d]"  # straight and curly
_SAID: Final = (
    (Kind.PROGRAM, rf"(?:^|: )({_WORD}): (?:command )?not found\s*$"),
    (Kind.PROGRAM, rf"^/usr/bin/env: {_QUOTE}?({_WORD}){_QUOTE}?: No such file or directory"),
    (Kind.PROGRAM, rf"^make(?:\[\d+\])?: ({_WORD}): No such file or directory"),
    (Kind.PROGRAM, rf"FileNotFoundError: \[Errno 2\] No such file or directory: '({_WORD})'$"),
    (Kind.PROGRAM, r": (?:bad interpreter|cannot execute): (/[^\s:]+)"),
    (
        Kind.HEADER,
        rf"fatal error: {_QUOTE}?([\w./+-]+\.(?:h|hh|hpp|hxx)){_QUOTE}?(?:: No such file| file not found)",
    ),
    (Kind.LIBRARY, r"(?:cannot|unable to) find (?:library )?-l([\w.+-]+)"),
    (Kind.LIBRARY, r"error while loading shared libraries: (lib[\w.+-]+\.so[\w.]*): cannot open"),
    (Kind.PKG_CONFIG, rf"No package {_QUOTE}({_WORD}){_QUOTE} found"),
    (Kind.PKG_CONFIG, rf"Package {_QUOTE}?({_WORD}){_QUOTE}? was not found in the pkg-config search path"),
    (Kind.PYTHON, r"ModuleNotFoundError: No module named '([\w.]+)'"),
    (Kind.PERL, r"Can't locate ([\w/]+\.pm) in @INC"),
    (Kind.NETWORK, rf"Could not resolve host: ({_WORD})"),
    (Kind.NETWORK, rf"bad address {_QUOTE}({_WORD}){_QUOTE}"),
    (Kind.NETWORK, rf"unable to resolve host address {_QUOTE}({_WORD}){_QUOTE}"),
    (Kind.NETWORK, r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)"),
    (Kind.NETWORK, r"(?:Temporary failure in name resolution|Name or service not known|Network is unreachable)()"),
    (Kind.HOME, r"['\" :](/homeless-shelter)\b"),
    (Kind.PLACE, rf"{_QUOTE}?(/[\w./+-]+){_QUOTE}?: Read-only file system"),
)
_FILES: Final = (
    rf"{_QUOTE}?([\w./+@-]+){_QUOTE}?: No such file or directory",
    rf"No such file or directory: {_QUOTE}([^'\"\n]+){_QUOTE}",
    rf"(?:can't|cannot) (?:open|stat|access|find)(?: file)? {_QUOTE}([^'\"\n]+?){_QUOTE}",
    rf"No rule to make target {_QUOTE}([^'\"\n]+?){_QUOTE}",
    rf"{_QUOTE}([\w./+-]+){_QUOTE} file not found",
    rf"Cannot find (?:module|source file):?\s+{_QUOTE}?([\w./+-]+)",
)
_WAYS: Final = {
    Kind.PROGRAM: "put the package that has it on the PATH: tools=[…] in hm.run, native_inputs of a package, or env",
    Kind.HEADER: "add the package that has it to the inputs, and its include directory to the compiler's path",
    Kind.LIBRARY: "add the package that has it to the inputs, and its lib directory to the linker's path",
    Kind.PKG_CONFIG: "add the package that has it to the inputs, and its lib/pkgconfig to PKG_CONFIG_PATH",
    Kind.PYTHON: "add the package that has it to the interpreter's environment",
    Kind.PERL: "add the package that has it to the inputs, and its directory to PERL5LIB",
    Kind.FILE: "declare it: hm.source(…), or the package that has it",
    Kind.NETWORK: "a build has none: fetch it before, with hm.fetchurl, hm.fetchgit or a lock, and pass it in",
    Kind.HOME: 'a build has none: export HOME="$TMPDIR" in its script, or env={"HOME": "/build"}',
    Kind.PLACE: "only /build, /tmp and the outputs can be written: write below $out, or copy the input to /build first",
}
_PLACES: Final = {
    Kind.PROGRAM: ("bin/{}", "sbin/{}"),
    Kind.HEADER: ("include/{}", "include/*/{}"),
    Kind.LIBRARY: ("lib/lib{}.so", "lib/lib{}.a", "lib/{}"),
    Kind.PKG_CONFIG: ("lib/pkgconfig/{}.pc", "share/pkgconfig/{}.pc"),
    Kind.PYTHON: ("lib/python*/site-packages/{}", "lib/python*/site-packages/{}.py"),
    Kind.PERL: ("lib/perl5/{}", "share/perl5/{}"),
    Kind.FILE: (),
}


def lacks_in(log: str) -> tuple[Lack, ...]:
    """What a log says was lacking, in the order in which it says so, each once.

    Args:
        log: the end of what the builder wrote.
    """
    found = [
        (match.start(), Lack(kind, match[1])) for kind, said in _SAID for match in re.finditer(said, log, re.MULTILINE)
    ]
    lacks = list(dict.fromkeys(lack for _, lack in sorted(found, key=lambda each: each[0])))
    if any(lack.kind is Kind.NETWORK and lack.name for lack in lacks):
        lacks = [lack for lack in lacks if lack != Lack(Kind.NETWORK, "")]
    return tuple(lacks[:LACKS_SHOWN])


def lack_of(path: str) -> Lack:
    """What the failure to open a path says: a header, a library, or just a file."""
    base = posixpath.basename(path)
    _, include, header = path.rpartition("/include/")
    if base.endswith((".h", ".hh", ".hpp", ".hxx")):
        return Lack(Kind.HEADER, header if include else base)
    if found := re.fullmatch(r"lib([\w+-]+)\.(?:a|so)", base):
        return Lack(Kind.LIBRARY, found[1])
    if base.endswith(".pc"):
        return Lack(Kind.PKG_CONFIG, base.removesuffix(".pc"))
    return Lack(Kind.FILE, path)


def files_named(log: str) -> tuple[str, ...]:
    """The files that a log says are not there, in its order, each once; what it says need not be a complaint."""
    found = [(match.start(), match[1]) for said in _FILES for match in re.finditer(said, log, re.MULTILINE)]
    return tuple(dict.fromkeys(name for _, name in sorted(found)))


def in_words(lacks: Iterable[Lack]) -> str:
    """All of them in one line."""
    return ", ".join(lack.text for lack in lacks)
