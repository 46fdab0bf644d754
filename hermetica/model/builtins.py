"""Derivations that hermetica builds itself, in Python on the host: fetching, unpacking, text; and the short shell form.

The text of ``builder`` carries a version, so a change in what a builtin makes is a change of id.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from hermetica.errors import EvaluationError
from hermetica.model.defining import derivation
from hermetica.model.derivation import Derivation, InvalidDerivation
from hermetica.model.origin import user_line
from hermetica.model.outputs import UNKNOWN, Algorithm, FixedOutput, Meta

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermetica.model.source import Source

FETCHURL: Final = "builtin:fetchurl/1"
FETCHGIT: Final = "builtin:fetchgit/1"
FETCHOCI: Final = "builtin:fetchoci/1"
FETCHNIX: Final = "builtin:fetchnix/1"
FETCH: Final = "builtin:fetch/1"
FETCHES: Final = frozenset({FETCHURL, FETCHGIT, FETCHOCI, FETCHNIX, FETCH})
"""Builtins that ask the network; ``urls`` in their environment are the addresses, one a line."""
UNPACK: Final = "builtin:unpack/1"
TEXT: Final = "builtin:text/1"
UNPACK_DEB: Final = "builtin:unpack-deb/1"
DEBIAN_ROOTFS: Final = "builtin:debian-rootfs/2"
_DEFAULT_ALGORITHM: Final[Algorithm] = "sha256"
_REVISION_DIGITS: Final = (40, 64)  # of SHA-1, of SHA-256
NEUTRAL: Final = "any"  # the system of what every machine can make


class FetchWithoutHash(EvaluationError, ValueError):
    """A fetch that does not say what it must get."""

    code = "HM210"


def fetchurl(
    url: str | Sequence[str],
    *,
    name: str | None = None,
    sha256: str | None = None,
    sha512: str | None = None,
    blake3: str | None = None,
    size_bytes: int | None = None,
    hash: str | None = None,  # noqa: A002 -- the word of the interface: hash=hm.UNKNOWN
    meta: Meta | None = None,
) -> Derivation:
    """A file from the network, pinned by its hash; fetched on the host, never in a sandbox.

    Args:
        url: an address or several that are tried in order; ``mirror://NAME/path`` is resolved from the configuration.
        name: of the object; the last part of the first address where none is given.
        sha256: hexadecimal digest of the bytes; or one of the next two.
        sha512: likewise.
        blake3: likewise.
        size_bytes: how many bytes to expect; shown before the fetch, and a limit to it.
        hash: ``hm.UNKNOWN``, to be told the hash by a failing build.
        meta: what people want to know of it.

    Raises:
        FetchWithoutHash: not exactly one hash is given.
    """
    urls = (url,) if isinstance(url, str) else tuple(url)
    hashes: tuple[tuple[Algorithm, str | None], ...] = (("sha256", sha256), ("sha512", sha512), ("blake3", blake3))
    given: dict[Algorithm, str] = {algorithm: digest for algorithm, digest in hashes if digest is not None}
    if hash is not None and hash != UNKNOWN:
        raise FetchWithoutHash(
            "fetchurl: hash= takes hm.UNKNOWN alone", hint='name the algorithm: sha256="…"', origin=user_line()
        )
    if len(given) + (hash is not None) != 1 or not urls:
        raise FetchWithoutHash(
            f"fetchurl of {urls[0] if urls else 'nothing'} needs exactly one hash",
            hint="add sha256=…, or hash=hm.UNKNOWN to be told it",
            origin=user_line(),
        )
    algorithm, digest = next(iter(given.items()), (_DEFAULT_ALGORITHM, UNKNOWN))
    return derivation(
        name=name or unquote(posixpath.basename(urlsplit(urls[0]).path)) or "download",
        builder=FETCHURL,
        env={"urls": "\n".join(urls), **({} if size_bytes is None else {"size_bytes": str(size_bytes)})},
        system=NEUTRAL,
        fixed=FixedOutput(algorithm=algorithm, digest=digest),
        meta=meta or Meta(),
    )


class InvalidRevision(EvaluationError, ValueError):
    """What should name a commit names none, or one that can move."""

    code = "HM217"


def fetchgit(
    url: str | Sequence[str],
    *,
    rev: str,
    name: str | None = None,
    blake3: str | None = None,
    submodules: bool = False,
    hash: str | None = None,  # noqa: A002 -- the word of the interface: hash=hm.UNKNOWN
    meta: Meta | None = None,
) -> Derivation:
    """The files of a commit, without its history, pinned by their content; fetched on the host, never in a sandbox.

    The commit only says where to look: what counts is ``blake3``, as git's own ids are SHA-1.

    Args:
        url: an address of the repository, or several that are tried in order.
        rev: the whole id of a commit, 40 or 64 hexadecimal digits; branches and tags move.
        name: of the object; the last part of the first address where none is given.
        blake3: tree digest of the files.
        submodules: whether theirs belong to it, at the commits that this one names.
        hash: ``hm.UNKNOWN``, to be told the digest by a failing build.
        meta: what people want to know of it.

    Raises:
        FetchWithoutHash: not exactly one of ``blake3`` and ``hash`` is given.
        InvalidRevision: ``rev`` is no whole id.
    """
    urls = (url,) if isinstance(url, str) else tuple(url)
    if not urls or (blake3 is None) == (hash is None) or hash not in {None, UNKNOWN}:
        raise FetchWithoutHash(
            f"fetchgit of {urls[0] if urls else 'nothing'} needs exactly one hash",
            hint="add blake3=…, or hash=hm.UNKNOWN to be told it",
            origin=user_line(),
        )
    if len(rev) not in _REVISION_DIGITS or set(rev) - set("0123456789abcdef"):
        raise InvalidRevision(
            f"not the whole id of a commit: {rev!r}",
            hint=f"git ls-remote {urls[0]} shows what branches and tags are at",
            origin=user_line(),
        )
    path = urlsplit(urls[0]).path.rstrip("/").removesuffix(".git")
    return derivation(
        name=name or unquote(posixpath.basename(path)) or "repository",
        builder=FETCHGIT,
        env={"urls": "\n".join(urls), "rev": rev, "submodules": "1" if submodules else ""},
        system=NEUTRAL,
        fixed=FixedOutput(method="tree", algorithm="blake3", digest=blake3 or UNKNOWN),
        meta=meta or Meta(),
    )


def unpack(
    archive: Derivation | Source | str, *, name: str | None = None, strip_components: int | None = None
) -> Derivation:
    """The tree in an archive: tar, zip or .deb, compressed or not.

    Args:
        archive: the file, usually a ``fetchurl``.
        name: of the object; the archive's name without its endings where none is given.
        strip_components: how many leading directories to drop; None drops one where the archive has a single one at
            its top.
    """
    if name is None:
        base = archive.name if isinstance(archive, Derivation) else posixpath.basename(str(archive))
        name = _without_endings(base)
    return derivation(
        name=name,
        builder=UNPACK,
        system=NEUTRAL,
        env={
            "archive": str(archive),
            "strip_components": "auto" if strip_components is None else str(strip_components),
        },
    )


def _without_endings(base: str) -> str:
    for ending in (".tar.gz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tgz", ".txz", ".tar", ".zip", ".deb"):
        if base.endswith(ending) and len(base) > len(ending):
            return base.removesuffix(ending)
    return f"{base}-unpacked"


def text(name: str, content: str, *, executable: bool = False) -> Derivation:
    """A file with this content; placeholders in it become paths, and references.

    Args:
        name: of the object.
        content: text, written as UTF-8.
        executable: whether it may be run.

    Raises:
        EvaluationError: a placeholder in it was cut or changed, or the name can be none.
    """
    return derivation(
        name=name,
        builder=TEXT,
        system=NEUTRAL,
        env={"text": content, "executable": "1" if executable else ""},
    )


def debian_rootfs(
    name: str,
    debs: Sequence[Derivation | Source | str],
    *,
    trees: Sequence[Derivation | Source | str] = (),
) -> Derivation:
    """A root file system merged from binary Debian packages, whose maintainer scripts never run.

    Every package is unpacked into an object of its own, and the root file system links their files: two of them share
    what they share, and a changed package costs its own unpacking and links.

    Args:
        name: of the object.
        debs: the ``.deb`` files; where two hold the same path the later one wins.
        trees: directories laid over them in the same way, such as what a maintainer script would have made.
    """
    packages = [_unpacked_deb(deb) for deb in debs]
    env = {"packages": "\n".join(map(str, packages)), **({"trees": "\n".join(map(str, trees))} if trees else {})}
    return derivation(name=name, builder=DEBIAN_ROOTFS, system=NEUTRAL, env=env)


def _unpacked_deb(deb: Derivation | Source | str) -> Derivation:
    base = deb.name if isinstance(deb, Derivation) else posixpath.basename(str(deb))
    name = f"{base.removesuffix('.deb')}-unpacked"
    return derivation(name=name, builder=UNPACK_DEB, system=NEUTRAL, env={"deb": str(deb)})


def run(
    name: str,
    script: str,
    *,
    tools: Sequence[Derivation | str] = (),
    rootfs: Derivation | None = None,
    shell: str | None = None,
    outputs: Sequence[str] = ("out",),
    env: Mapping[str, str] | None = None,
    **inputs: Derivation | Source | str,
) -> Derivation:
    """The short shell form: a script, the tools on its PATH, and variables.

    Args:
        name: of the derivation.
        script: for a POSIX shell that stops at the first error.
        tools: packages whose ``bin`` directories make the PATH, in order.
        rootfs: a tree at ``/`` whose tools come after them.
        shell: the shell's path; ``/bin/sh`` of the rootfs, else ``bin/sh`` of the first tool, where none is given.
        outputs: names of outputs.
        env: further variables.
        inputs: variables that hold paths.

    Raises:
        InvalidDerivation: there is nothing that could have a shell.
    """
    if shell is None and rootfs is None and not tools:
        raise InvalidDerivation(
            f"{name}: no shell to run its script", hint="tools=[busybox], or rootfs=…", origin=user_line()
        )
    shell = shell or ("/bin/sh" if rootfs is not None else f"{tools[0]}/bin/sh")
    path = [*(f"{tool}/bin" for tool in tools), *(["/usr/bin", "/bin"] if rootfs is not None else [])]
    variables = {"PATH": ":".join(path), **(env or {}), **{key: str(value) for key, value in inputs.items()}}
    return derivation(
        name=name, builder=shell, args=("-euc", script), env=variables, outputs=tuple(outputs), rootfs=rootfs
    )
