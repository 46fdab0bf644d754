"""Every kind of pin, locked as its users lock it, from a mirror on loopback that serves real files of that kind.

A kind that joins later is one more function in ``KINDS``; what all fetchers promise is then asked of it too
(``tests/behaviours/test_every_fetcher.py``). Closures of binary caches are pinned in modules, by ``fetchnix``.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import zipfile
from typing import TYPE_CHECKING, Self

import attrs

import hermetica as hm
from hermetica.config import Config
from hermetica.fetch import Mirrors
from hermetica.fetch.lock_pin import Pin
from hermetica.fetch.locking.request import make_group
from hermetica_store import hash_tree
from hermetica_store.exchange import NarFacts, SecretKey
from tests.fetch.archives import member, tar
from tests.fetch.debian_archive import deb_of
from tests.fetch.git_servers import SmartServer, repository, serving
from tests.fetch.images import OCI_LAYER, image, layer, serve
from tests.fetch.servers import HURRIED, Flaky, Server, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

BULK = bytes(range(256)) * 1500  # so that a transfer can break off within
MIRRORS = ("debian", "pypi", "npm", "crates", "go", "oci", "any")


@attrs.define
class Place:
    """Where something that is pinned is fetched from.

    Attributes:
        kind: what it is.
        algorithm: of ``hash``.
        hash: hexadecimal, of what is there.
        addresses: where it is.
        of: the derivation that fetches what has a hash from addresses.
        content: what a fetch gives: bytes, or the files of a tree.
        asked: how often something was asked for so far.
        stop: makes the place give nothing any more.
        interrupt: makes it break off within the next answers, so many times.
    """

    kind: str
    algorithm: str
    hash: str
    addresses: tuple[str, ...]
    of: Callable[[str, tuple[str, ...]], hm.Derivation]
    content: bytes | Mapping[str, bytes]
    asked: Callable[[], int]
    stop: Callable[[], None]
    interrupt: Callable[[int], None]

    @classmethod
    def of_pin(
        cls,
        pin: Pin,
        content: bytes | Mapping[str, bytes],
        asked: Callable[[], int],
        stop: Callable[[], None],
        interrupt: Callable[[int], None],
    ) -> Self:
        """Where what a lock pins is fetched from."""
        return cls(
            pin.kind,
            pin.algorithm,
            pin.hash,
            pin.addresses,
            lambda digest, addresses: attrs.evolve(pin, hash=digest, addresses=addresses).fetch(),
            content,
            asked,
            stop,
            interrupt,
        )

    def fetch(self) -> hm.Derivation:
        """Of what is there, from where it is."""
        return self.of(self.hash, self.addresses)


def environ_of(server_url: str) -> dict[str, str]:
    """Settings in which every mirror is one server."""
    return {f"HERMETICA_MIRROR_{name.upper()}": f"{server_url}/{name}" for name in MIRRORS}


def _lock(server: Server, request: Mapping[str, tuple[str, ...]], base: Path) -> Pin:
    mirrors = Mirrors.from_config(Config.load(environ_of(server.url), base))
    return make_group("g", request, base=base, mirrors=mirrors, patience=HURRIED).pins[-1]


def _file(server: Server, path: str, data: bytes, pin: Callable[[], Pin]) -> Place:
    """A file of a web server that honours ranges, and the pin that locking makes of it."""
    interrupt = _served(server, path, data)
    made = pin()
    server.requests.clear()
    return Place.of_pin(made, data, lambda: len(server.requests), server.answers.clear, interrupt)


def _served(server: Server, path: str, data: bytes) -> Callable[[int], None]:
    """Serves a file with ranges; what is given breaks the next answers off within, so many of them."""
    answer = Flaky(data, cut=len(data) // 3, times=0)
    server.add(path, answer)

    def interrupt(times: int) -> None:
        answer.times = times

    return interrupt


def archive(top: str) -> bytes:
    return gzip.compress(tar(member(f"{top}/file".encode(), BULK)), mtime=0)


def _zip(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr(zipfile.ZipInfo(name), BULK)
    return buffer.getvalue()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _debian(kind: str, path: str, data: bytes, server: Server) -> Place:
    def pin() -> Pin:
        return Pin(
            kind=kind,
            name="thing",
            version="1.0-1",
            algorithm="sha256",
            hash=_sha256(data),
            size_bytes=len(data),
            addresses=(f"mirror://debian/{path}",),
        )

    return _file(server, f"/debian/{path}", data, pin)


@contextlib.contextmanager
def url(server: Server, base: Path) -> Generator[Place]:
    data = archive("thing-1.0")
    request = {"urls": ("mirror://any/thing-1.0.tar.gz",)}
    yield _file(server, "/any/thing-1.0.tar.gz", data, lambda: _lock(server, request, base))


@contextlib.contextmanager
def debian(server: Server, base: Path) -> Generator[Place]:
    del base
    data = deb_of({"./usr/": None, "./usr/file": BULK})
    yield _debian("debian", "pool/main/t/thing/thing_1.0-1_amd64.deb", data, server)


@contextlib.contextmanager
def debian_source(server: Server, base: Path) -> Generator[Place]:
    del base
    yield _debian("debian-source", "pool/main/t/thing/thing_1.0.orig.tar.gz", archive("thing-1.0"), server)


def _python(server: Server, base: Path, file: str, data: bytes, table: str) -> Place:
    text = f'lock-version = "1.0"\n[[packages]]\nname = "thing"\nversion = "1.0"\n[{table}]\n'
    text += f'url = "https://files.example/{file}"\nhashes = {{ sha256 = "{_sha256(data)}" }}\n'
    (base / "pylock.toml").write_text(text)
    return _file(server, f"/pypi/{file}", data, lambda: _lock(server, {"python-lock": ("pylock.toml",)}, base))


@contextlib.contextmanager
def wheel(server: Server, base: Path) -> Generator[Place]:
    yield _python(server, base, "thing-1.0-py3-none-any.whl", _zip("thing/__init__.py"), "[packages.wheels]")


@contextlib.contextmanager
def sdist(server: Server, base: Path) -> Generator[Place]:
    yield _python(server, base, "thing-1.0.tar.gz", archive("thing-1.0"), "packages.sdist")


@contextlib.contextmanager
def npm(server: Server, base: Path) -> Generator[Place]:
    data = archive("package")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    entry = {"version": "1.0.0", "resolved": "https://npm.example/@a/thing/-/thing-1.0.0.tgz", "integrity": integrity}
    lock = {"lockfileVersion": 3, "packages": {"node_modules/@a/thing": entry}}
    (base / "package-lock.json").write_text(json.dumps(lock))
    request = {"package-lock": ("package-lock.json",)}
    yield _file(server, "/npm/@a/thing/-/thing-1.0.0.tgz", data, lambda: _lock(server, request, base))


@contextlib.contextmanager
def crate(server: Server, base: Path) -> Generator[Place]:
    data = archive("thing-1.0.0")
    entry = '[[package]]\nname = "thing"\nversion = "1.0.0"\nsource = "registry+x"\n'
    (base / "Cargo.lock").write_text(f'{entry}checksum = "{_sha256(data)}"\n')
    request = {"cargo-lock": ("Cargo.lock",)}
    yield _file(server, "/crates/thing/thing-1.0.0.crate", data, lambda: _lock(server, request, base))


def _go(server: Server, base: Path, line: str, ending: str, data: bytes, hashed: str) -> Place:
    h1 = base64.b64encode(hashlib.sha256(hashed.encode()).digest()).decode()
    (base / "go.sum").write_text(f"{line} h1:{h1}\n")
    path = f"/go/example.org/!thing/@v/v1.0.0.{ending}"
    return _file(server, path, data, lambda: _lock(server, {"go-sum": ("go.sum",)}, base))


@contextlib.contextmanager
def go(server: Server, base: Path) -> Generator[Place]:
    name = "example.org/Thing@v1.0.0/thing.go"
    yield _go(server, base, "example.org/Thing v1.0.0", "zip", _zip(name), f"{_sha256(BULK)}  {name}\n")


@contextlib.contextmanager
def go_mod(server: Server, base: Path) -> Generator[Place]:
    data = b"module example.org/Thing\n" + b"// a comment\n" * 20_000
    yield _go(server, base, "example.org/Thing v1.0.0/go.mod", "mod", data, f"{_sha256(data)}  go.mod\n")


@contextlib.contextmanager
def git(server: Server, base: Path) -> Generator[Place]:
    origin = repository(base / "served" / "thing")
    origin.commit(file=BULK)
    smart = SmartServer(base / "served")
    with serving(smart) as address:
        pin = _lock(server, {"git": (f"{address}/thing",)}, base)
        smart.requests = 0

        def stop() -> None:
            (base / "served" / "thing").rename(base / "served" / "gone")

        def interrupt(times: int) -> None:
            smart.breaking = times

        yield Place.of_pin(pin, {"file": BULK}, lambda: smart.requests, stop, interrupt)


@contextlib.contextmanager
def oci(server: Server, base: Path) -> Generator[Place]:
    made = image(layer(("file", BULK)), kind=OCI_LAYER)
    serve(server, made, "oci/team/thing")
    place = "/v2/oci/team/thing"
    server.add(f"{place}/manifests/1.0", whole(made.manifest))
    tar_of_layer = list(made.blobs.values())[-1]
    fetched = _file(
        server,
        f"{place}/blobs/{list(made.blobs)[-1]}",
        tar_of_layer,
        lambda: _lock(server, {"images": ("team/thing:1.0",)}, base),
    )
    yield attrs.evolve(fetched, content={"file": BULK})


def _nar(data: bytes) -> bytes:
    """The NAR of a regular file."""
    words = (b"nix-archive-1", b"(", b"type", b"regular", b"contents", data, b")")
    return b"".join(len(word).to_bytes(8, "little") + word + bytes(-len(word) % 8) for word in words)


@contextlib.contextmanager
def nix(server: Server, base: Path) -> Generator[Place]:
    base_name = f"{'0' * 32}-thing"
    path, nar, key = f"/nix/store/{base_name}", _nar(BULK), SecretKey.of_seed("theirs-1", bytes(32))
    told = f"StorePath: {path}\nURL: nar/thing.nar\nCompression: none\n"
    told += f"NarHash: sha256:{_sha256(nar)}\nNarSize: {len(nar)}\nReferences: \n"
    told += f"Sig: {key.sign(NarFacts.parse(told, 'it').fingerprint)}\n"
    server.add("/any/nix-cache-info", whole(b"StoreDir: /nix/store\n"))
    server.add(f"/any/{'0' * 32}.narinfo", whole(told.encode()))
    interrupt = _served(server, "/any/nar/thing.nar", nar)
    tree = base / "tree" / path.lstrip("/")
    tree.parent.mkdir(parents=True)
    tree.write_bytes(BULK)
    yield Place(
        "nix",
        "blake3",
        hash_tree(base / "tree").tree.hex,
        ("mirror://any",),
        lambda digest, caches: hm.fetchnix(path, cache=caches, trusted_keys=[str(key.public)], blake3=digest),
        {path.lstrip("/"): BULK},
        lambda: len(server.requests),
        server.answers.clear,
        interrupt,
    )


KINDS: Mapping[str, Callable[[Server, Path], contextlib.AbstractContextManager[Place]]] = {
    "url": url,
    "git": git,
    "debian": debian,
    "debian-source": debian_source,
    "wheel": wheel,
    "sdist": sdist,
    "npm": npm,
    "crate": crate,
    "go": go,
    "go-mod": go_mod,
    "oci": oci,
    "nix": nix,
}
"""By what it is; each gives its place for as long as it is needed."""
