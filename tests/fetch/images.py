"""Images as tests make them, and a real registry on loopback that takes and gives them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.request import Request, urlopen

import attrs
import pytest
import zstandard

from tests.conftest import REQUIRED
from tests.fetch.servers import whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from tests.fetch.servers import Server

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

Entry = tuple[str, bytes | str | None]
"""A name, and bytes of a file, ``->target`` of a symlink, ``=>name`` of a hard link, None for a directory."""


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(*entries: Entry | tarfile.TarInfo, mode: int = 0o644) -> bytes:
    """The tar of a layer; its entries in the order given."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            name, content = entry
            member = tarfile.TarInfo(name)
            member.mode = mode
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                continue
            kinds = {"->": tarfile.SYMTYPE, "=>": tarfile.LNKTYPE}
            member.type = tarfile.DIRTYPE if content is None else kinds[content[:2]]
            member.linkname = "" if content is None else content[2:]
            archive.addfile(member)
    return stream.getvalue()


def packed(tar: bytes, media_type: str) -> bytes:
    if media_type.endswith("gzip"):
        return gzip.compress(tar, mtime=0)
    return zstandard.compress(tar) if media_type.endswith("zstd") else tar


@attrs.frozen(kw_only=True)
class Image:
    """A manifest, and the blobs that it names."""

    manifest: bytes
    media_type: str
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    def descriptor(self, **platform: str) -> dict[str, Any]:
        row = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest)}
        return {**row, **({"platform": platform} if platform else {})}


def image(*layers: bytes, kind: str = f"{OCI_LAYER}+gzip", architecture: str = "amd64", **changes: Any) -> Image:
    """An image of these layers, lowest first; ``changes`` replace fields of its manifest."""
    is_docker = kind == DOCKER_LAYER
    diffs = [digest_of(each) for each in layers]
    config = json.dumps(
        {"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": diffs}}
    ).encode()
    blobs = {digest_of(data): data for data in (config, *(packed(each, kind) for each in layers))}
    rows = [(kind, packed(each, kind)) for each in layers]
    media_type = DOCKER_MANIFEST if is_docker else OCI_MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": DOCKER_CONFIG if is_docker else OCI_CONFIG,
            "digest": digest_of(config),
            "size": len(config),
        },
        "layers": [{"mediaType": kind, "digest": digest_of(data), "size": len(data)} for kind, data in rows],
    } | changes
    return Image(manifest=json.dumps(manifest).encode(), media_type=media_type, blobs=blobs)


def index(images: Mapping[str, Image], media_type: str = OCI_INDEX) -> Image:
    """An index of images by platform, ``linux/arm64`` or with a variant."""
    rows = [
        each.descriptor(**dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False)))
        for platform, each in images.items()
    ]
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": rows}
    blobs = {digest_of(each.manifest): each.manifest for each in images.values()}
    return Image(manifest=json.dumps(document).encode(), media_type=media_type, blobs=blobs)


def serve(server: Server, image: Image, name: str = "app") -> str:
    """Puts an image on a server that checks nothing; the address of its repository."""
    for digest, data in image.blobs.items():
        server.add(f"/v2/{name}/blobs/{digest}", whole(data))
        server.add(f"/v2/{name}/manifests/{digest}", whole(data))
    server.add(f"/v2/{name}/manifests/{image.digest}", whole(image.manifest))
    return f"{server.url}/{name}"


class RegistryProcess:
    """Debian's ``docker-registry`` on loopback, as long as this is entered."""

    def __init__(self, directory: Path, *, auth: str = "") -> None:
        self._directory = directory
        self._auth = auth
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = self._directory / "registry.yml"
        config.write_text(
            f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
            f"storage: {{filesystem: {{rootdirectory: {self._directory}/registry}}}}\n"
            f"http: {{addr: '127.0.0.1:{self.port}'}}\n{self._auth}"
        )
        command = [shutil.which("docker-registry") or "docker-registry", "serve", os.fspath(config)]
        with (self._directory / "registry.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            try:
                urlopen(f"{self.url}/v2/", timeout=5).close()  # noqa: S310 -- loopback
            except urllib.error.HTTPError:
                return  # it wants to know who asks
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self._directory / "registry.log").read_text())

    def push(self, name: str, image: Image, *tags: str) -> str:
        """Uploads an image with its blobs; the address of its repository."""
        for digest, data in image.blobs.items():
            if b'"schemaVersion"' not in data:
                self._push_blob(name, digest, data)
        for reference in tags or (image.digest,):
            self.put(f"{self.url}/v2/{name}/manifests/{reference}", image.manifest, image.media_type)
        return f"{self.url}/{name}"

    def _push_blob(self, name: str, digest: str, data: bytes) -> None:
        request = Request(f"{self.url}/v2/{name}/blobs/uploads/", method="POST", data=b"")  # noqa: S310 -- loopback
        with urlopen(request, timeout=60) as response:  # noqa: S310 -- loopback
            place = response.headers["Location"]
        self.put(f"{place}{'&' if '?' in place else '?'}digest={digest}", data, "application/octet-stream")

    def put(self, url: str, data: bytes, media_type: str) -> None:
        request = Request(url, method="PUT", data=data, headers={"Content-Type": media_type})  # noqa: S310 -- loopback
        urlopen(request, timeout=60).close()  # noqa: S310 -- loopback


def need_registry() -> None:
    """Skips the test where Debian's ``docker-registry`` is not installed; fails it where everything must be there."""
    if shutil.which("docker-registry") is None:
        why = "not installed: docker-registry"
        if REQUIRED:
            pytest.fail(why)
        pytest.skip(why)


def files(tree: Path) -> dict[str, bytes | str]:
    """Path below a tree -> bytes of a file, or ``->target`` of a symlink; empty directories as None would be."""
    found: dict[str, bytes | str] = {}
    for place, directories, names in os.walk(tree):
        for name in (*directories, *names):
            path = Path(place) / name
            key = path.relative_to(tree).as_posix()
            if path.is_symlink():
                found[key] = f"->{path.readlink()}"
            elif path.is_file():
                found[key] = path.read_bytes()
            elif not any(path.iterdir()):
                found[f"{key}/"] = b""
    return found
