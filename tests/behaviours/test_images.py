"""B23-B27 for container images: a real registry on loopback, a root file system that builds something."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.model import FetchWithoutHash, InvalidImage
from hermetica.realize.errors import FetchFailed, FixedOutputMismatch, InvalidInput
from hermetica_store import hash_tree
from tests.behaviours.conftest import read
from tests.fetch.images import Image, RegistryProcess, image, index, layer, need_registry, serve
from tests.fetch.servers import DEAD, Server, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.behaviours.conftest import CommandLine

pytestmark = pytest.mark.sandbox


def busybox_image(motd: bytes = b"of the image") -> Image:
    busybox = Path(shutil.which("busybox") or "/bin/busybox").read_bytes()
    tools = layer(
        ("bin/busybox", busybox),
        ("bin/sh", "=>bin/busybox"),
        *((f"bin/{name}", "->/bin/busybox") for name in ("cat", "mkdir", "sort")),
        mode=0o755,
    )
    return image(tools, layer(("etc/motd", motd)))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    need_registry()
    with RegistryProcess(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as each:
        yield each


def told(store: hm.Store, fetch: hm.Derivation) -> str:
    """The tree digest that a fetch without one is told."""
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(fetch)
    return caught.value.got.split()[-1]


def test_b25_an_image_is_the_root_of_a_build(store: hm.Store, registry: RegistryProcess) -> None:
    made = busybox_image()
    url = registry.push("tools", made)
    with hm.evaluation():
        digest = told(store, hm.fetchoci(url, digest=made.digest, name="tools", hash=hm.UNKNOWN))
        root = hm.fetchoci(f"{DEAD}/tools", digest=made.digest, name="tools", blake3=digest)
        step = hm.run("step", "cat /etc/motd > $out", rootfs=root)
        assert read(store, store.realize(step).out) == "of the image"
        assert hash_tree(store.on_disk(store.realize(root).out)).tree.hex == digest


def test_b23_a_wrong_digest_keeps_the_tree_and_the_right_one_fetches_nothing(store: hm.Store, server: Server) -> None:
    made = image(layer(("a", b"1")))
    url = serve(server, made)
    with hm.evaluation():
        with pytest.raises(FixedOutputMismatch) as caught:
            store.realize(hm.fetchoci(url, digest=made.digest, blake3="0" * 64))
        assert caught.value.expected == f"blake3 {'0' * 64}"
        asked = len(server.paths())
        got = caught.value.got.split()[-1]
        for address in (url, f"{DEAD}/app"):
            right = hm.fetchoci(address, digest=made.digest, name="app", blake3=got)
            assert read(store, store.realize(right).out, "a") == "1"
    assert len(server.paths()) == asked


def test_b25_equal_images_are_fetched_once(store: hm.Store, server: Server) -> None:
    made = image(layer(("a", b"1")))
    url = serve(server, made)
    with hm.evaluation():
        digest = told(store, hm.fetchoci(url, digest=made.digest, name="elsewhere", hash=hm.UNKNOWN))
        asked = len(server.paths())
        same = [hm.fetchoci(each, digest=made.digest, name="app", blake3=digest) for each in (url, f"{url}/")]
        steps = [hm.text(f"t{number}", f"{each}/a") for number, each in enumerate(same)]
        assert store.realize_all(steps, jobs=4).ok
    assert len(server.paths()) == 2 * asked


def test_b26_an_image_needs_a_digest_and_a_hash() -> None:
    digest = f"sha256:{'0' * 64}"
    for blake3, hash_ in ((None, None), ("0" * 64, hm.UNKNOWN), (None, "x")):
        with pytest.raises(FetchWithoutHash):
            hm.fetchoci("https://example.org/a", digest=digest, blake3=blake3, hash=hash_)
    for wrong in ("latest", "sha256:00", f"md5:{'0' * 32}"):
        with pytest.raises(InvalidImage, match="not the digest of an image"):
            hm.fetchoci("https://example.org/a", digest=wrong, hash=hm.UNKNOWN)
    with pytest.raises(InvalidImage, match="not a platform"):
        hm.fetchoci("https://example.org/a", digest=digest, platform="Linux", hash=hm.UNKNOWN)


def test_b26_nothing_is_kept_of_an_image_that_failed(store: hm.Store, server: Server) -> None:
    good, bad = layer(("a", b"1")), layer(("../x", b"2"))
    made = image(good, bad)
    before = set(store.objects.paths())
    with hm.evaluation():
        with pytest.raises(InvalidInput, match=r"member \.\./x: a name with \.\."):
            store.realize(hm.fetchoci(serve(server, made), digest=made.digest, hash=hm.UNKNOWN))
        server.add(f"/v2/app/manifests/{made.digest}", whole(b"{}"))
        with pytest.raises(FetchFailed, match="hash mismatch"):
            store.realize(hm.fetchoci(f"{server.url}/app", digest=made.digest, hash=hm.UNKNOWN))
        with pytest.raises(FetchFailed, match="no mirror 'oci'"):
            store.realize(hm.fetchoci("mirror://oci/library/x", digest=made.digest, hash=hm.UNKNOWN))
    assert set(store.objects.paths()) == before


GUIDE = Path(__file__).parent.parent.parent / "docs" / "guides" / "oci-toolchain.md"


@pytest.mark.skipif(not GUIDE.exists(), reason="the tests run away from the documentation")
def test_the_guide_works_a_tag_is_pinned_built_with_and_updated(
    command: CommandLine, registry: RegistryProcess
) -> None:
    first, second = busybox_image(), busybox_image(b"later")
    command.environment["HERMETICA_MIRROR_OCI"] = registry.url
    registry.push("team/tools", first)
    registry.push("team/tools", index({"linux/amd64": first}), "1.0")
    assert command("lock", "oci", "team/tools:1.0").stdout == "+ team/tools  1.0\n"
    lock = (command.directory / "hermetica.lock").read_text()
    assert 'addresses = ["mirror://oci/team/tools"]\n' in lock
    assert 'platform = "linux/amd64"\n' in lock
    assert registry.url not in lock
    block = re.search(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    command.write("pkgs.py", block[1])
    path = command("build", "./pkgs.py:greeting", "--no-link").stdout.strip()
    place = command.environment["HERMETICA_STORE"] + "/store/" + path.rpartition("/")[2]
    assert Path(place, "motd").read_text() == "of the image"
    assert Path(place, "sorted").read_text() == "hello\nworld\n"
    command("lock", "check")
    assert command("update").stdout == ""
    registry.push("team/tools", second)
    registry.push("team/tools", index({"linux/amd64": second}), "1.0")
    assert command("update").stdout == "~ team/tools  1.0 (other content)\n"
    assert (
        "no image for linux/riscv64"
        in command("lock", "oci", "team/tools:1.0", "--platform", "linux/riscv64", status=3).stderr
    )
    assert "not a tag" in command("lock", "oci", "team/tools:-", status=3).stderr
