"""Images that nobody should take as they are: layers that reach out, manifests that lie, too much of anything."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from hermetica.fetch import (
    ArchiveTooLarge,
    DamagedArchive,
    DownloadFailed,
    FetchCancelled,
    HashMismatch,
    Limits,
    TruncatedArchive,
    UnknownArchive,
    UnsafeArchive,
)
from hermetica.fetch.oci import Registry, fetch_image
from hermetica.fetch.oci_manifest import ImageRefused, parse_document
from tests.fetch.images import (
    DOCKER_LAYER,
    OCI_LAYER,
    Entry,
    Image,
    digest_of,
    files,
    image,
    index,
    layer,
    serve,
)
from tests.fetch.servers import HURRIED, Server, whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def take(server: Server, made: Image, directory: Path, **options: Any) -> Mapping[str, bytes | str]:
    """What an image's tree has; whatever happens, nothing is beside it."""
    (directory / "room").mkdir()
    registry = Registry.at([serve(server, made)], patience=HURRIED)
    try:
        fetch_image(registry, made.digest, directory / "room" / "tree", **options)
    finally:
        assert {path.name for path in (directory / "room").iterdir()} <= {"tree"}
    return files(directory / "room" / "tree")


def special(name: str, kind: bytes, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    return member


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ([("../out", b"x")], UnsafeArchive),
        ([("a/../../out", b"x")], UnsafeArchive),
        ([("/out", b"x")], UnsafeArchive),
        ([("..", "->x")], UnsafeArchive),
        ([("out", "=>../../passwd")], UnsafeArchive),
        ([("out", "=>/etc/passwd")], UnsafeArchive),
        ([("out", "=>missing")], DamagedArchive),
        ([(".wh.", b"")], UnsafeArchive),
        ([(".wh..", b"")], UnsafeArchive),
        ([("a/.wh...", b"")], UnsafeArchive),
        ([("a", "->b"), ("b", "->a"), ("a/x", b"x")], UnsafeArchive),
        ([("a", b"a file"), ("a/x", b"x")], DamagedArchive),
        ([("x" * 256, b"x")], ArchiveTooLarge),
    ],
)
def test_a_layer_that_reaches_out_or_contradicts_itself_is_refused(
    entries: list[Entry], error: type[Exception], server: Server, tmp_path: Path
) -> None:
    with pytest.raises(error, match="layer sha256:"):
        take(server, image(layer(*entries)), tmp_path)


@pytest.mark.parametrize("target", ["/", "..", "../../../../..", "/../..", "here/../.."])
def test_links_lead_nowhere_but_within_the_image(target: str, server: Server, tmp_path: Path) -> None:
    lower = layer(("etc/", None), ("up", f"->{target}"), ("etc/host", "->/etc/hostname"), ("here/", None))
    upper = layer(("up/etc/passwd", b"of the image"), ("up/.wh.here", b""), ("etc/host", b"a file of the image"))
    found = take(server, image(lower, upper), tmp_path)
    assert found == {"etc/passwd": b"of the image", "etc/host": b"a file of the image", "up": f"->{target}"}


def test_a_link_of_the_same_layer_is_followed_within_the_image_too(server: Server, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    entries: list[Entry] = [("esc", f"->{outside}"), ("esc/x", b"1"), ("esc/sub/.wh.y", b""), ("l", "=>esc/x")]
    found = take(server, image(layer(*entries)), tmp_path)
    place = f"{outside}/x".removeprefix("/")
    assert found[place] == found["l"] == b"1"
    assert list(outside.iterdir()) == []


def test_devices_are_left_out_and_special_bits_dropped(server: Server, tmp_path: Path) -> None:
    lower = layer(("dev/null", b"a file"), ("run/pipe", b"a file"))
    upper = layer(
        special("dev/null", tarfile.CHRTYPE), special("run/pipe", tarfile.FIFOTYPE), special("sd", tarfile.BLKTYPE)
    )
    third = layer(("bin/su", b"#!"), mode=0o6755)
    assert take(server, image(lower, upper, third), tmp_path) == {"dev/": b"", "run/": b"", "bin/su": b"#!"}
    assert (tmp_path / "room/tree/bin/su").stat().st_mode & 0o7777 == 0o755


def test_a_whiteout_hides_what_is_lower_and_nothing_of_its_own_layer(server: Server, tmp_path: Path) -> None:
    lower = layer(("a/1", b"1"), ("a/b/2", b"2"), ("f", b"old"), ("gone/deep/x", b"x"), ("link", "->a"))
    upper = layer(
        *(("a/b/new", b"new"), (".wh.a", b""), ("f", b"new"), (".wh.f", b""), (".wh.gone", b"")),
        *((".wh.never-there", b""), (".wh.link", b""), ("none/.wh..wh..opq", b"")),
    )
    assert take(server, image(lower, upper), tmp_path) == {"a/b/new": b"new", "f": b"new"}


def broken(made: Image, **blobs: bytes) -> Image:
    """An image one of whose layers is other bytes."""
    last = list(made.blobs)[-1]
    return attrs.evolve(made, blobs={**made.blobs, last: blobs["last"]})


def test_bytes_that_are_not_those_of_the_digest_are_refused(server: Server, tmp_path: Path) -> None:
    made, other = (image(layer(("a", data)), kind=OCI_LAYER) for data in (b"1", b"2"))
    with pytest.raises(HashMismatch):
        take(server, broken(made, last=list(other.blobs.values())[-1]), tmp_path)
    url = serve(server, made, "lying")
    server.add(f"/v2/lying/manifests/{made.digest}", whole(other.manifest))
    with pytest.raises(HashMismatch):
        fetch_image(Registry.at([url], patience=HURRIED), made.digest, tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_more_than_was_said_is_not_fetched(server: Server, tmp_path: Path) -> None:
    made = image(layer(("a", b"1")))
    url = serve(server, broken(made, last=list(made.blobs.values())[-1] + bytes(1000)))
    with pytest.raises(DownloadFailed) as caught:
        fetch_image(Registry.at([url], patience=HURRIED), made.digest, tmp_path / "tree")
    assert "larger than" in caught.value.details[0][1]
    server.add(f"/v2/app/manifests/{made.digest}", whole(bytes((4 << 20) + 1)))
    with pytest.raises(DownloadFailed, match="manifest") as caught:
        fetch_image(Registry.at([url], patience=HURRIED), made.digest, tmp_path / "other")
    assert "larger than the 4,194,304 bytes" in caught.value.details[0][1]


def test_layers_that_are_cut_short_or_no_tar_are_refused(server: Server, tmp_path: Path) -> None:
    whole_layer = layer(("a", b"1" * 2000))
    for number, (data, error) in enumerate(
        [(whole_layer[:1000], TruncatedArchive), (b"PK\x03\x04" + bytes(600), UnknownArchive), (b"", UnknownArchive)]
    ):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(error, match="layer sha256:"):
            take(server, image(data, kind=OCI_LAYER), tmp_path / str(number))


def test_bombs_end_at_the_limits(server: Server, tmp_path: Path) -> None:
    dense = layer(("a", bytes(20 << 20)))
    for name, limits in {
        "total": Limits(total_bytes=10 << 20),
        "ratio": Limits(ratio=10, ratio_floor_bytes=1 << 20),
        "entries": Limits(entries=1),
    }.items():
        (tmp_path / name).mkdir()
        many = layer(*((f"f{number}", b"") for number in range(10)))
        with pytest.raises(ArchiveTooLarge):
            take(server, image(many, dense), tmp_path / name, limits=limits)
    said = [{"mediaType": OCI_LAYER, "digest": digest_of(b""), "size": 1 << 39}]
    (tmp_path / "said").mkdir()
    with pytest.raises(ArchiveTooLarge, match="its layers have"):
        take(server, image(layers=said), tmp_path / "said")


LAYER = {"mediaType": OCI_LAYER, "digest": digest_of(b""), "size": 1}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"schemaVersion": 1}, "version 1; version 2"),
        ({"manifests": []}, "an index and an image at once"),
        ({"mediaType": "application/vnd.oci.image.index.v1+json"}, "is no image, but"),
        ({"mediaType": "text/html"}, "is no image, but 'text/html'"),
        ({"layers": {}}, "layers is no list"),
        ({"layers": ["x"]}, "without mediaType, digest and size"),
        ({"layers": [{**LAYER, "size": True}]}, "without mediaType"),
        ({"layers": [{**LAYER, "size": -1}]}, "content of -1 bytes"),
        ({"layers": [{**LAYER, "digest": "md5:00"}]}, "not the digest"),
        ({"layers": [{**LAYER, "digest": "sha256:../../x"}]}, "not the digest"),
        ({"layers": [{**LAYER, "mediaType": f"{OCI_LAYER}+xz"}]}, "of a kind that is not known"),
        ({"layers": [{**LAYER, "mediaType": f"{OCI_LAYER}+gzip+encrypted"}]}, "of a kind that is not known"),
        ({"layers": [{**LAYER, "mediaType": DOCKER_LAYER.replace("diff", "foreign.diff")}]}, "must not give out"),
        (
            {"layers": [{**LAYER, "mediaType": OCI_LAYER.replace("layer.v1", "layer.nondistributable.v1")}]},
            "must not give out",
        ),
        ({"config": None}, "without mediaType, digest and size"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    changes: dict[str, Any], what: str, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(ImageRefused, match=what):
        take(server, image(**changes), tmp_path)


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"[]", b"\xff", b'{"schemaVersion": 2}', b"1" * 5000])
def test_what_is_no_manifest_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(ImageRefused):
        parse_document(data, "it")


def test_an_index_without_platforms_or_of_indices_is_refused(server: Server, tmp_path: Path) -> None:
    inner = index({"linux/amd64": image()})
    outer = index({"linux/amd64": inner})
    with pytest.raises(ImageRefused, match="an index of indices"):
        take(server, outer, tmp_path, platform="linux/amd64")
    broken_platform = json.loads(inner.manifest)
    broken_platform["manifests"][0]["platform"] = {"os": "linux"}
    with pytest.raises(ImageRefused, match="does not say its platform"):
        parse_document(json.dumps(broken_platform).encode(), "it")


def test_a_fetch_can_be_cancelled(server: Server, tmp_path: Path) -> None:
    made = image(layer(("a", b"1")))
    registry = Registry.at([serve(server, made)], patience=HURRIED, cancelled=lambda: True)
    with pytest.raises(FetchCancelled):
        fetch_image(registry, made.digest, tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []
