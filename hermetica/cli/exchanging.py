"""``hermetica store export``, ``import`` and ``generate-key``: objects out of a store and into another."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from hermetica.cli.misuse import Misuse
from hermetica.cli.views.words import many, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Mapping

    from hermetica.cli.session import Session
    from hermetica.errors import HermeticaError
    from hermetica_store import Lease, StorePath
    from hermetica_store.exchange import CacheDirectory, Exported, Imported, PublicKey, SecretKey

ACTIONS: Final = {
    "export": "write objects and all they refer to: an archive, or a binary cache that Nix reads",
    "import": "take objects from an archive or a binary cache",
    "generate-key": "make a key that signs binary caches",
}
_STANDARD: Final = "-"
_LEVELS: Final = range(1, 20)


def add_arguments(made: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declares the options of the actions."""
    export = made["export"]
    export.add_argument("targets", nargs="+", metavar="OBJECT")
    export.add_argument("-o", "--output", metavar="FILE", help="where the archive goes; else, or with -, to stdout")
    export.add_argument("--cache", metavar="DIR", help="write a binary cache instead; what it has already stays")
    export.add_argument("--sign", metavar="FILE", help="sign what the cache says with the secret key in FILE")
    export.add_argument("--no-closure", action="store_true", help="leave out what the objects refer to")
    export.add_argument("--level", type=int, choices=_LEVELS, metavar="1..19", help="of the compression, 3 by default")
    taking = made["import"]
    taking.add_argument("sources", nargs="*", metavar="FILE|OBJECT", help="the archive; with --cache what to take")
    taking.add_argument("--cache", metavar="DIR", help="take from a binary cache; all of it where no OBJECT is named")
    taking.add_argument(
        "--trusted-key",
        action="append",
        default=[],
        metavar="KEY",
        help="refuse what no such key has signed: NAME:BASE64, or a file with one a line",
    )
    taking.add_argument("--root", metavar="NAME", help="keep what was asked for from collection, under this name")
    key = made["generate-key"]
    key.add_argument("name", metavar="NAME", help="by which signatures say whose they are, such as cache.example-1")
    key.add_argument("-o", "--output", required=True, metavar="FILE", help="where the secret goes; a new file")


def run_export(session: Session) -> int:
    """Exports."""
    from hermetica.cli.objects import objects_of  # noqa: PLC0415 -- an import names no targets
    from hermetica.model import evaluation  # noqa: PLC0415 -- an import names no targets
    from hermetica_store.exchange import LEVEL, export_archive, export_cache  # noqa: PLC0415 -- with the store

    options = session.options
    level = options.level or LEVEL
    if options.cache and (options.output or options.no_closure):
        raise Misuse("--cache goes with neither --output nor --no-closure")
    if options.sign and not options.cache:
        raise Misuse("only binary caches are signed: --sign needs --cache")
    with evaluation():
        paths = [path for text in options.targets for path in objects_of(session, text)]
    if options.cache:
        key = _secret_key(options.sign) if options.sign else None
        exported = export_cache(session.objects, paths, Path(options.cache), key=key, level=level)
        _tell_exported(session, exported, options.cache)
        return 0
    output = options.output or _STANDARD
    with _written(session, output) as file:
        exported = export_archive(session.objects, paths, file, closure=not options.no_closure, level=level)
    _tell_exported(session, exported, output)
    return 0


@contextlib.contextmanager
def _written(session: Session, output: str) -> Generator[BinaryIO]:
    from hermetica_store.exchange import replacing, transferring  # noqa: PLC0415 -- with the store

    if output != _STANDARD:
        with replacing(Path(output)) as file:
            yield file
        return
    if session.console.json:
        raise Misuse("an archive on stdout leaves no room for --json", hint="--output FILE")
    if sys.stdout.isatty():
        raise Misuse("an archive is nothing for a terminal", hint="--output FILE, or redirect stdout")
    with transferring("stdout"), open(1, "wb", buffering=0, closefd=False) as stream:
        yield stream


def _tell_exported(session: Session, exported: Exported, place: str) -> None:
    document = {
        "format": "hermetica.exported/1",
        "place": place,
        "paths": [str(path) for path in exported.paths],
        "skipped": exported.skipped,
        "nar_bytes": exported.nar_bytes,
        "written_bytes": exported.written_bytes,
    }
    if place != _STANDARD:
        session.console.result(document, map(str, exported.paths))
    written = len(exported.paths) - exported.skipped
    there = f", {exported.skipped:,} were there already" if exported.skipped else ""
    session.console.say(
        f"{many(written, 'object')} exported, {size(exported.nar_bytes)} as {size(exported.written_bytes)}{there}"
    )


def run_import(session: Session) -> int:
    """Imports."""
    options = session.options
    if not options.cache and len(options.sources) > 1:
        raise Misuse("one archive at a time, or --cache DIR")
    if not options.cache and options.trusted_key:
        raise Misuse("archives bear no signatures: --trusted-key needs --cache")
    with session.objects.lease() as lease:
        done = _from_cache(session, lease) if options.cache else _from_archive(session, lease)
        if options.root:
            for number, path in enumerate(done.roots, start=1):
                name = options.root if len(done.roots) == 1 else f"{options.root}-{number}"
                session.objects.add_root(name, path)
    document = {
        "format": "hermetica.imported/1",
        "roots": [str(path) for path in done.roots],
        "added": [str(path) for path in done.added],
        "present": done.present,
        "size_bytes": done.size_bytes,
    }
    session.console.result(document, map(str, done.roots))
    there = f", {done.present:,} were there already" if done.present else ""
    session.console.say(f"{many(len(done.added), 'object')} imported, {size(done.size_bytes)}{there}")
    return 0


def _unknown(message: str, hint: str | None = None) -> HermeticaError:
    from hermetica.cli.targets import UnknownTarget  # noqa: PLC0415 -- brings the whole model

    return UnknownTarget(message, hint=hint)


def _from_archive(session: Session, lease: Lease) -> Imported:
    from hermetica_store.exchange import import_archive  # noqa: PLC0415 -- with the store

    place = session.options.sources[0] if session.options.sources else _STANDARD
    if place == _STANDARD:
        with open(0, "rb", buffering=0, closefd=False) as stream:
            return import_archive(session.objects, stream, lease=lease, where="the archive on stdin")
    try:
        file = Path(place).open("rb", buffering=0)  # noqa: SIM115 -- entered below
    except OSError as error:
        raise _unknown(f"{place} cannot be read: {error.strerror}") from error
    with file:
        return import_archive(session.objects, file, lease=lease, where=place)


def _from_cache(session: Session, lease: Lease) -> Imported:
    from hermetica_store.exchange import CacheDirectory, PublicKey, import_cache  # noqa: PLC0415 -- with the store

    options = session.options
    directory = Path(options.cache)
    keys = [key for text in options.trusted_key for key in _public_keys(text)]
    keys = keys or [PublicKey.parse(text) for text in session.config.trusted_keys]
    cache = CacheDirectory(directory)
    paths = [_in_cache(cache, text) for text in options.sources] if options.sources else None
    return import_cache(session.objects, directory, paths, lease=lease, keys=keys)


def _in_cache(cache: CacheDirectory, text: str) -> StorePath:
    """The object of a cache that ``text`` names: by its path, its base name, or the beginning of its digest."""
    from hermetica_store import STORE_PREFIX  # noqa: PLC0415 -- with the store

    cache.check()
    digest = text.removeprefix(f"{STORE_PREFIX}/").partition("-")[0]
    found = cache.find(digest)
    exact = [path for path in found if text in {str(path), path.base}]
    if exact or (len(found) == 1 and text == digest):
        return (exact or found)[0]
    if found and text == digest:
        raise _unknown(f"{text} begins several objects of {cache.root}", hint=" or ".join(map(str, found[:3])))
    raise _unknown(f"{cache.root} has no object {text}")


def run_generate_key(session: Session) -> int:
    """Makes a key: the secret goes into a file, what others trust to stdout."""
    from hermetica_store.exchange import SecretKey, transferring  # noqa: PLC0415 -- with the store

    place = Path(session.options.output)
    key = SecretKey.generate(session.options.name)
    try:
        with transferring(place), open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 -- a descriptor
            file.write(f"{key.export()}\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise Misuse(f"{place} is there already") from error
    document: dict[str, Any] = {"format": "hermetica.key/1", "name": key.name, "public": str(key.public)}
    session.console.result(document, [str(key.public)])
    return 0


def _secret_key(place: str) -> SecretKey:
    from hermetica_store.exchange import SecretKey  # noqa: PLC0415 -- with the store

    return SecretKey.parse(_text(place))


def _public_keys(text: str) -> list[PublicKey]:
    """The keys that an argument names: itself, or those in a file."""
    from hermetica_store.exchange import InvalidSigningKey, PublicKey  # noqa: PLC0415 -- with the store

    if not Path(text).exists():
        return [PublicKey.parse(text)]
    keys = [PublicKey.parse(line) for line in _text(text).splitlines() if line.strip()]
    if not keys:  # trusting nobody must not become trusting everybody
        raise InvalidSigningKey(f"{text} holds no key")
    return keys


def _text(place: str) -> str:
    try:
        return Path(place).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise _unknown(f"{place} cannot be read: {reason}") from error
