"""Builtins: derivations that Python on the host makes. They read their inputs, and the network only to fetch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hermetica.entry_points import PluginBroken, PluginClash, UnknownPlugin
from hermetica.errors import HermeticaError
from hermetica.fetch import DownloadFailed, HashMismatch, NoMirror, download, unpack
from hermetica.fetch.reach import Offline
from hermetica.fetch.rootfs import unpack_deb
from hermetica.model import UNKNOWN
from hermetica.model.builtins import (
    DEBIAN_ROOTFS,
    FETCH,
    FETCHGIT,
    FETCHNIX,
    FETCHOCI,
    FETCHURL,
    TEXT,
    UNPACK,
    UNPACK_DEB,
)
from hermetica.realize.errors import (
    BuildCancelled,
    FetchFailed,
    FixedOutputMismatch,
    InvalidInput,
    RealizeError,
    UnknownBuiltin,
)
from hermetica.realize.present import present_file
from hermetica.realize.rootfs import merge_packages
from hermetica_store import StorePath, SystemRefusal
from hermetica_store.refusals import blaming_no_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermetica.fetch import Downloaded
    from hermetica.model import Derivation, FixedOutput, Resolved
    from hermetica.realize.context import RunContext
    from hermetica_store import Composed

    Builtin = Callable[[Resolved, RunContext, Path], Composed | None]

ALGORITHMS: Final = ("sha256", "sha512", "blake3")


def _text(resolved: Resolved, _context: RunContext, output: Path) -> None:
    env = dict(resolved.env)
    output.write_text(env["text"], encoding="utf-8")
    if env.get("executable"):
        output.chmod(0o755)


def _input(resolved: Resolved, context: RunContext, text: str) -> Path:
    """Where a file of an input lies on the host: links in it, which a builder made, lead to nothing undeclared."""
    base, _, below = text.removeprefix("/hermetica/store/").partition("/")
    path = context.store.on_disk(StorePath.parse_base(base))
    real = Path(os.path.realpath(path / below if below else path))
    declared = {os.path.realpath(context.store.on_disk(each)) for each in context.store.closure(resolved.inputs)}
    if path.is_symlink() or not declared & {str(place) for place in (real, *real.parents)}:
        raise InvalidInput(resolved.derivation, f"{text} leads out of the inputs", details=(("to", str(real)),))
    return real


def _unpack(resolved: Resolved, context: RunContext, output: Path) -> None:
    env = dict(resolved.env)
    strip = env.get("strip_components", "auto")
    unpack(_input(resolved, context, env["archive"]), output, strip_components=None if strip == "auto" else int(strip))


def _unpack_deb(resolved: Resolved, context: RunContext, output: Path) -> None:
    deb = _input(resolved, context, dict(resolved.env)["deb"])
    unpack_deb(deb, output)


def _debian_rootfs(resolved: Resolved, context: RunContext, output: Path) -> Composed:
    env = dict(resolved.env)
    packages, trees = (
        [StorePath.parse(text) for text in env.get(key, "").split("\n") if text] for key in ("packages", "trees")
    )
    return merge_packages(context.store, packages, trees, output)


def _fetchurl(resolved: Resolved, context: RunContext, output: Path) -> None:
    derivation, env, fixed = resolved.derivation, dict(resolved.env), resolved.derivation.fixed
    if fixed is None:
        raise UnknownBuiltin(derivation, "a fetch without a fixed output")
    try:
        got = _download(derivation, env, fixed, context, output)
    except HashMismatch as error:
        raise FixedOutputMismatch(
            derivation,
            expected=f"{fixed.algorithm} {fixed.digest}",
            got=f"{fixed.algorithm} {error.got}",
            size_bytes=error.size_bytes,
            hint="first ask why upstream changed; the bytes are kept, so the right hash fetches nothing again",
        ) from error
    except (DownloadFailed, NoMirror, Offline) as error:
        if not _is_had(resolved, context, output):
            raise _fetch_failed(resolved, context, error) from error
        return
    if not fixed.is_known:
        digest = got.hashes[fixed.algorithm]
        raise FixedOutputMismatch(
            derivation,
            expected=UNKNOWN,
            got=f"{fixed.algorithm} {digest}",
            size_bytes=got.size_bytes,
            hint=f'write {fixed.algorithm}="{digest}" for hash=hm.UNKNOWN; the bytes are kept, so that fetches nothing',
        )


def _fetch_failed(resolved: Resolved, context: RunContext, error: HermeticaError) -> FetchFailed:
    """What every address said, which other store has it, and how it is copied from there."""
    from hermetica.realize.elsewhere import asked_elsewhere  # noqa: PLC0415 -- fetches seldom fail

    network, derivation = context.network(), resolved.derivation
    urls = dict(resolved.env)["urls"].split("\n")
    unresolved = () if isinstance(error, Offline) else network.mirrors.unresolved(urls)
    said, command = asked_elsewhere(derivation, context.store, network.stores)
    hint = f"{command}, then again" if command else error.hint
    return FetchFailed(derivation, error.message, details=(*error.details, *unresolved, *said), hint=hint)


def _download(
    derivation: Derivation, env: Mapping[str, str], fixed: FixedOutput, context: RunContext, output: Path
) -> Downloaded:
    network = context.network()
    return download(
        network.addresses(env["urls"].split("\n")),
        output,
        expected={fixed.algorithm: fixed.digest} if fixed.is_known else {fixed.algorithm: UNKNOWN},
        size_limit_bytes=int(env["size_bytes"]) if env.get("size_bytes", "").isdecimal() else None,
        on_progress=lambda done, total: context.progress(derivation, done, total),
        cancelled=lambda: context.cancellation.is_cancelled,
        patience=network.patience,
        reach=network.reach,
    )


def _is_had(resolved: Resolved, context: RunContext, output: Path) -> bool:
    """Whether the store has the bytes all the same, though nothing was known of it; then they are at ``output``."""
    if context.trace.resolved(resolved.id, resolved.derivation.outputs) is not None:  # a check: it asks the address
        return False
    path = present_file(resolved.derivation, context)
    if path is None:
        return False
    output.unlink(missing_ok=True)
    shutil.copyfile(context.store.on_disk(path), output)
    context.warn(
        resolved.derivation, f"{resolved.derivation.name} cannot be fetched; {path} is used, which has its hash"
    )
    return True


def _fetchgit(resolved: Resolved, context: RunContext, output: Path) -> None:
    from hermetica.fetch.clone import GitFailed, fetch_git  # noqa: PLC0415 -- few builds have one

    env = dict(resolved.env)
    try:
        fetch_git(
            context.network().addresses(env["urls"].split("\n")),
            env["rev"],
            output,
            submodules=bool(env["submodules"]),
            cancelled=lambda: context.cancellation.is_cancelled,
        )
    except (GitFailed, NoMirror, Offline) as error:
        if context.cancellation.is_cancelled:
            raise
        raise _fetch_failed(resolved, context, error) from error


def _fetchoci(resolved: Resolved, context: RunContext, output: Path) -> None:
    from hermetica.fetch.oci import Registry, fetch_image  # noqa: PLC0415 -- few builds have one

    derivation, env = resolved.derivation, dict(resolved.env)
    try:
        network = context.network()
        registry = Registry.at(
            network.addresses(env["urls"].split("\n")),
            patience=network.patience,
            cancelled=lambda: context.cancellation.is_cancelled,
            reach=network.reach,
        )
        fetch_image(
            registry,
            env["digest"],
            output,
            platform=env["platform"] or None,
            on_progress=lambda done, total: context.progress(derivation, done, total),
        )
    except (DownloadFailed, HashMismatch, NoMirror, Offline) as error:
        raise _fetch_failed(resolved, context, error) from error


def _fetchnix(resolved: Resolved, context: RunContext, output: Path) -> None:
    from hermetica.fetch.nix_cache import NixCache, fetch_nix  # noqa: PLC0415 -- few builds have one
    from hermetica_store.exchange import PublicKey  # noqa: PLC0415 -- few builds have one

    derivation, env = resolved.derivation, dict(resolved.env)
    try:
        network = context.network()
        cache = NixCache(
            urls=network.addresses(env["urls"].split("\n")),
            keys=tuple(map(PublicKey.parse, env["trusted_keys"].split("\n"))),
            patience=network.patience,
            cancelled=lambda: context.cancellation.is_cancelled,
            reach=network.reach,
        )
        fetch_nix(
            cache,
            env["paths"].split("\n"),
            output,
            on_progress=lambda done, total: context.progress(derivation, done, total),
        )
    except (DownloadFailed, HashMismatch, NoMirror, Offline) as error:
        raise _fetch_failed(resolved, context, error) from error


def _fetch(resolved: Resolved, context: RunContext, output: Path) -> None:
    from hermetica.realize.fetching import FetcherFailed, run_fetcher  # noqa: PLC0415 -- few builds have one

    try:
        run_fetcher(resolved, context, output)
    except (FetcherFailed, NoMirror, Offline) as error:
        if _is_had(resolved, context, output):
            return
        if isinstance(error, FetcherFailed):
            raise
        raise _fetch_failed(resolved, context, error) from error


_BUILTINS: Final[dict[str, Builtin]] = {
    TEXT: _text,
    UNPACK: _unpack,
    UNPACK_DEB: _unpack_deb,
    DEBIAN_ROOTFS: _debian_rootfs,
    FETCHURL: _fetchurl,
    FETCHGIT: _fetchgit,
    FETCHOCI: _fetchoci,
    FETCHNIX: _fetchnix,
    FETCH: _fetch,
}


def run_builtin(resolved: Resolved, context: RunContext, output: Path) -> Composed | None:
    """Makes the one output of a builtin at ``output``.

    Returns:
        What is known of it already, where it was made from other objects.

    Raises:
        UnknownBuiltin: this version has no such builtin.
        RealizeError: it failed.
    """
    derivation = resolved.derivation
    make = _BUILTINS.get(resolved.builder)
    if make is None or derivation.outputs != ("out",):
        raise UnknownBuiltin(
            derivation, f"there is no {resolved.builder}", details=(("builtins", ", ".join(sorted(_BUILTINS))),)
        )
    try:
        with blaming_no_input(context.store.root):
            composed = make(resolved, context, output)
    except (RealizeError, SystemRefusal, PluginBroken, PluginClash, UnknownPlugin):
        raise
    except HermeticaError as error:
        if context.cancellation.is_cancelled:
            raise BuildCancelled(derivation, "cancelled") from error
        raise InvalidInput(derivation, error.message, details=error.details, hint=error.hint) from error
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput(derivation, f"{resolved.builder} failed: {error!r}") from error
    try:
        os.lstat(output)
    except FileNotFoundError as error:
        raise InvalidInput(derivation, f"{resolved.builder} made nothing") from error
    return composed
