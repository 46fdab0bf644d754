"""Images of a real registry as trees: media types, layers, platforms, tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hermetica.fetch import DownloadFailed
from hermetica.fetch.oci import Registry, fetch_image
from hermetica.fetch.oci_manifest import ImageRefused
from hermetica.fetch.oci_name import ImageName, InvalidImageName, Repository
from tests.fetch.images import (
    DOCKER_INDEX,
    DOCKER_LAYER,
    OCI_LAYER,
    RegistryProcess,
    digest_of,
    files,
    image,
    index,
    layer,
    need_registry,
    serve,
)
from tests.fetch.servers import DEAD, HURRIED, Handler, Server, redirect, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Fetch = Callable[..., dict[str, bytes | str]]

pytestmark = pytest.mark.usefixtures("bare_environment")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    need_registry()
    with RegistryProcess(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Fetches an image; what its tree has."""

    def run(url: str | list[str], reference: str, platform: str | None = None) -> dict[str, bytes | str]:
        tree = tmp_path / f"tree-{len(list(tmp_path.iterdir()))}"
        urls = [url] if isinstance(url, str) else url
        fetch_image(Registry.at(urls, patience=HURRIED), reference, tree, platform=platform)
        assert not list(tmp_path.glob(".oci-*"))
        return files(tree)

    return run


BASE = layer(
    ("bin/tool", b"#!/bin/sh\n"),
    ("etc/", None),
    ("etc/old", b"old"),
    ("etc/kept", b"kept"),
    ("etc/cache/a", b"a"),
    ("etc/cache/deep/b", b"b"),
    ("usr/lib/libx.so", b"elf"),
    ("lib", "->usr/lib"),
    ("swap", b"a file"),
)
UPPER = layer(
    ("etc/.wh.old", b""),
    ("etc/cache/new", b"new"),
    ("etc/cache/deep/c", b"c"),
    ("etc/cache/.wh..wh..opq", b""),
    ("lib/liby.so", b"elf too"),
    ("usr/bin/tool", "=>bin/tool"),
    ("swap/", None),
    ("swap/inside", b"now a directory"),
    (".wh..wh.aufs", b"of no meaning"),
)
BOTH = {
    "bin/tool": b"#!/bin/sh\n",
    "etc/kept": b"kept",
    "etc/cache/new": b"new",
    "etc/cache/deep/c": b"c",
    "usr/lib/libx.so": b"elf",
    "usr/lib/liby.so": b"elf too",
    "usr/bin/tool": b"#!/bin/sh\n",
    "lib": "->usr/lib",
    "swap/inside": b"now a directory",
}


@pytest.mark.parametrize("kind", [OCI_LAYER, f"{OCI_LAYER}+gzip", f"{OCI_LAYER}+zstd", DOCKER_LAYER])
def test_layers_of_every_kind_are_applied_over_each_other(kind: str, registry: RegistryProcess, fetch: Fetch) -> None:
    made = image(BASE, UPPER, kind=kind)
    url = registry.push(f"layered/{kind.rpartition('.')[2].replace('+', '-')}", made)
    assert fetch(url, made.digest) == BOTH


def test_the_image_of_a_platform_is_taken_from_an_index(registry: RegistryProcess, fetch: Fetch) -> None:
    images = {
        name: image(layer(("arch", name.encode())), architecture=name.split("/")[1])
        for name in ("linux/amd64", "linux/arm64/v8")
    }
    (url,) = {registry.push("two", each) for each in images.values()}
    for media_type in ("application/vnd.oci.image.index.v1+json", DOCKER_INDEX):
        both = index(images, media_type)
        registry.push("two", both, "latest")
        assert fetch(url, both.digest, "linux/amd64") == {"arch": b"linux/amd64"}
        assert fetch(url, both.digest, "linux/arm64") == {"arch": b"linux/arm64/v8"}
        assert fetch(url, "latest", "linux/arm64/v8") == {"arch": b"linux/arm64/v8"}
        with pytest.raises(ImageRefused, match="an index of several images") as caught:
            fetch(url, both.digest)
        assert caught.value.details == (("platforms", "linux/amd64, linux/arm64/v8"),)
        with pytest.raises(ImageRefused, match="no image for linux/s390x"):
            fetch(url, both.digest, "linux/s390x")
    alone = images["linux/amd64"].digest
    assert fetch(url, alone) == fetch(url, alone, "linux/amd64") == {"arch": b"linux/amd64"}
    with pytest.raises(ImageRefused, match="is for linux/amd64, not for linux/arm64"):
        fetch(url, alone, "linux/arm64")


def test_the_next_address_is_tried_and_every_cause_is_listed(registry: RegistryProcess, fetch: Fetch) -> None:
    made = image(layer(("a", b"1")))
    url = registry.push("there", made)
    assert fetch([f"{DEAD}/app", f"{registry.url}/not-there", url], made.digest) == {"a": b"1"}
    with pytest.raises(DownloadFailed) as caught:
        fetch([f"{registry.url}/not-there", f"{registry.url}/nor-there"], made.digest)
    assert [cause for _, cause in caught.value.details] == ["HTTP 404 Not Found"] * 2


def test_a_layer_that_stands_twice_comes_once(server: Server, fetch: Fetch) -> None:
    same = layer(("a", b"1"))
    made = image(same, layer((".wh.a", b""), ("b", b"2")), same)
    assert fetch(serve(server, made), made.digest) == {"a": b"1", "b": b"2"}
    assert len(server.paths()) == len(set(server.paths())) == 3


def test_a_registry_may_ask_for_a_password(tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    need_registry()
    bcrypt = "$2b$05$L1DaGbVOgKuV9IfQNIuDEOwjUs.oAwtnAnTFDJ2sGUlpR2/TdEHAK"
    (tmp_path / "passwords").write_text(f"reader:{bcrypt}\n")
    made = image(layer(("a", b"1")))
    with RegistryProcess(tmp_path) as open_to_all:
        open_to_all.push("private", made)
    auth = f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/passwords}}}}\n"
    with RegistryProcess(tmp_path, auth=auth) as running:
        with pytest.raises(DownloadFailed, match="manifest cannot be had") as caught:
            fetch(f"{running.url}/private", made.digest)
        assert caught.value.details[0][1] == "HTTP 401 Unauthorized"
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login reader password secret\n")
        (tmp_path / ".netrc").chmod(0o600)
        assert fetch(f"{running.url}/private", made.digest) == {"a": b"1"}


def protected(server: Server, url_path: str, data: bytes, token: str, challenge: str) -> None:
    """Gives the data to whoever has the token, and a challenge to everybody else."""

    def answer(handler: Handler) -> None:
        if handler.headers.get("Authorization") == f"Bearer {token}":
            whole(data)(handler)
        else:
            handler.start(401, 0, WWW_Authenticate=challenge)

    server.add(url_path, answer)


def test_a_token_is_asked_for_where_the_registry_says_and_goes_nowhere_else(server: Server, fetch: Fetch) -> None:
    made = image(layer(("a", b"1")), layer(("b", b"2")))
    url = serve(server, made, "deep/app")
    challenge = f'Bearer realm="{server.url}/token",service="registry.test",scope="repository:deep/app:pull"'
    place = "/token?service=registry.test&scope=repository%3Adeep%2Fapp%3Apull"
    server.add(place, whole(b'{"token": "t0k.en", "expires_in": 60}'))
    for digest, data in made.blobs.items():
        protected(server, f"/v2/deep/app/blobs/{digest}", data, "t0k.en", challenge)
    protected(server, f"/v2/deep/app/manifests/{made.digest}", made.manifest, "t0k.en", challenge)
    with Server() as elsewhere:  # where a registry keeps its layers
        moved, data = list(made.blobs.items())[-1]
        target = elsewhere.add(f"/v2/deep/app/blobs/{moved}", whole(data))
        server.add(f"/v2/deep/app/blobs/{moved}", redirect(target, 307))
        assert fetch(url, made.digest) == {"a": b"1", "b": b"2"}
        assert [headers.get("authorization") for _, headers in elsewhere.requests] == [None]
    assert server.paths().count(place) == 1


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b'{"token": "a b"}', "gave no token"),
        (b"no json", "gave no token"),
        (b'{"token": 1}', "gave no token"),
        (None, "HTTP 404 Not Found, says"),
    ],
)
def test_a_token_that_cannot_be_had_is_told(answer: bytes | None, cause: str, server: Server, fetch: Fetch) -> None:
    made = image(layer(("a", b"1")))
    protected(server, f"/v2/app/manifests/{made.digest}", b"", "x", f'Bearer realm="{server.url}/token?a=1"')
    if answer is not None:
        server.add("/token?a=1&scope=repository%3Aapp%3Apull", whole(answer))
    with pytest.raises(DownloadFailed) as caught:
        fetch(f"{server.url}/app", made.digest)
    assert cause in caught.value.details[0][1]


def test_a_token_that_is_refused_is_asked_for_once_and_no_more(server: Server, fetch: Fetch) -> None:
    made = image(layer(("a", b"1")))
    protected(server, f"/v2/app/manifests/{made.digest}", b"", "right", f'bearer realm={server.url}/t, service="s"')
    server.add("/t?service=s&scope=repository%3Aapp%3Apull", whole(b'{"access_token": "wrong"}'))
    with pytest.raises(DownloadFailed, match="manifest"):
        fetch(f"{server.url}/app", made.digest)
    assert len(server.paths()) == 3


@pytest.mark.parametrize(
    ("text", "address", "name", "reference"),
    [
        ("debian", "mirror://oci/library/debian", "debian", "latest"),
        ("debian:bookworm-slim", "mirror://oci/library/debian", "debian", "bookworm-slim"),
        ("user/app:1", "mirror://oci/user/app", "user/app", "1"),
        ("quay.example/a/b:1", "https://quay.example/a/b", "a/b", "1"),
        ("quay.example:5000/b", "https://quay.example:5000/b", "b", "latest"),
        ("localhost/b", "http://localhost/b", "b", "latest"),
        ("127.0.0.1:5000/b:1", "http://127.0.0.1:5000/b", "b", "1"),
        ("http://quay.example:5000/b:1", "http://quay.example:5000/b", "b", "1"),
        ("mirror://oci/x/y:1", "mirror://oci/x/y", "x/y", "1"),
        (f"a/b@{digest_of(b'')}", "mirror://oci/a/b", "a/b", digest_of(b"")),
        (f"a/b:1@{digest_of(b'')}", "mirror://oci/a/b", "a/b", digest_of(b"")),
    ],
)
def test_images_are_called_as_people_call_them(text: str, address: str, name: str, reference: str) -> None:
    assert ImageName.parse(text) == ImageName(address=address, name=name, reference=reference)


@pytest.mark.parametrize(
    "text", ["", ":x", "Upper/case", "a//b", "a/b:bad tag", "a@sha256:12", "../a", "https://h:x/a"]
)
def test_a_text_that_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(InvalidImageName):
        ImageName.parse(text)


@pytest.mark.parametrize(
    "url", ["https://h", "ftp://h/a", "file:///a", "https://h/A", "https://h/a?b", "https:///a", "h/a"]
)
def test_an_address_of_no_repository_is_refused(url: str) -> None:
    with pytest.raises(InvalidImageName):
        Repository.parse(url)
