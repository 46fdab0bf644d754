"""File systems that are full, out of inodes, read-only or broken: real ones, mounted small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.namespaces import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.sandbox
def test_a_builder_that_fills_the_disk_is_told_apart_from_one_that_fails_and_goes_on_with_more_room(
    tmp_path: Path,
) -> None:
    run(
        """
mount("-t", "tmpfs", "-o", "size=64m", "none", str(place))
filler = occupy(place, 52)
with hm.evaluation(), hm.Store.open(place / "store") as store:
    small = sh("small", "echo small > $out")
    kept = store.realize(small).out
    big = sh("big", "dd if=/dev/zero of=$out bs=1M count=20 2>/dev/null")
    full = meets(StoreFull, lambda: store.realize(big))
    assert any("status" in text for _, text in full.details), full
    assert store.realize(small).outcome == "cached" and is_whole(store.objects)
    wrong = sh("wrong", "exit 3")
    try:
        store.realize(wrong)
    except hm.HermeticaError as error:
        assert error.code == "HM105", error
    filler.unlink()
    assert store.realize(big).outcome == "built" and is_whole(store.objects)
""",
        tmp_path,
    )


@pytest.mark.sandbox
def test_a_disk_that_fills_up_by_the_log_alone(tmp_path: Path) -> None:
    run(
        """
mount("-t", "tmpfs", "-o", "size=64m", "none", str(place))
filler = occupy(place, 52)
with hm.evaluation(), hm.Store.open(place / "store") as store:
    store.realize(sh("small", "echo small > $out"))
    loud = sh("loud", "dd if=/dev/urandom bs=1M count=20 2>/dev/null; echo > $out")
    meets(StoreFull, lambda: store.realize(loud))
    assert is_whole(store.objects)
    filler.unlink()
    assert store.realize(loud).outcome == "built" and is_whole(store.objects)
""",
        tmp_path,
    )


def test_a_collection_frees_a_disk_on_which_not_one_byte_is_left(tmp_path: Path) -> None:
    run(
        """
mount("-t", "tmpfs", "-o", "size=12m", "none", str(place))
with ObjectStore.open(place / "store") as store, store.lease() as lease:
    kept = store.add_bytes(b"kept", "kept", lease=lease)
    store.add_root("kept", kept)
    for number in range(4):
        store.add_bytes(os.urandom(500_000), "dead", lease=lease)
filler = os.open(place / "filler", os.O_WRONLY | os.O_CREAT)
try:
    while True:
        os.write(filler, bytes(4096))
except OSError as error:
    assert error.errno == errno.ENOSPC
assert os.statvfs(place).f_bavail == 0
with ObjectStore.open(place / "store") as store, store.lease() as lease:
    meets(StoreFull, lambda: (store.add_bytes(bytes(10_000), "more", lease=lease), store.flush()))
command = [sys.executable, "-m", "hermetica", "--store", str(place / "store"), "gc"]
ended = subprocess.run(command, capture_output=True, text=True, check=False)
assert ended.returncode == 0, ended.stderr
with ObjectStore.open(place / "store") as store, store.lease() as lease:
    assert [path.name for path in store.paths()] == ["kept"] and is_whole(store)
    store.add_bytes(bytes(10_000), "more", lease=lease)
assert (place / "store" / "index" / "reserve").stat().st_blocks
""",
        tmp_path,
    )


def test_a_disk_without_inodes_is_told_apart_from_one_without_room(tmp_path: Path) -> None:
    run(
        """
disk, source = place / "disk", place / "source"
disk.mkdir()
source.mkdir()
mount("-t", "tmpfs", "-o", "size=64m,nr_inodes=1120", "none", str(disk))
fillers = [disk / f"filler{number}" for number in range(1000)]
for filler in fillers:
    filler.touch()
for number in range(200):
    (source / str(number)).write_text(str(number))
with ObjectStore.open(disk / "store") as store, store.lease() as lease:
    kept = store.add_bytes(b"kept", "kept", lease=lease)
    store.flush()
    error = meets(StoreOutOfFiles, lambda: store.add_tree(source, "many", lease=lease))
    assert error.code == "HM464" and isinstance(error, StoreFull)
    assert is_whole(store) and store.has(kept)
    for filler in fillers:
        filler.unlink()
    store.add_tree(source, "many", lease=lease)
    store.flush()
    assert is_whole(store)
""",
        tmp_path,
    )


@pytest.mark.sandbox
def test_a_file_system_mounted_read_only_can_be_read_and_says_what_to_do(tmp_path: Path) -> None:
    run(
        """
with hm.evaluation(), hm.Store.open(place / "store") as store:
    built = sh("built", "echo built > $out")
    path = store.realize(built).out
mount("--bind", str(place), str(place))
mount("-o", "remount,ro,bind", str(place))
os.chdir(place)
error = meets(StoreReadOnly, lambda: ObjectStore.open(place / "store"))
assert "mount" in error.hint
with ObjectStore.open(place / "store", read_only=True) as store:
    assert store.has(path) and store.on_disk(path).read_text() == "built\\n" and is_whole(store)
os.chdir("/")
subprocess.run(["umount", str(place)], check=True)
with hm.evaluation(), hm.Store.open(place / "store") as store:
    assert store.realize(built).outcome == "cached"
    assert store.realize(sh("more", "echo more > $out")).outcome == "built"
""",
        tmp_path,
    )


@pytest.mark.sandbox
def test_a_full_tmp_of_the_host_stops_no_build(tmp_path: Path) -> None:
    run(
        """
tmp = place / "tmp"
tmp.mkdir()
mount("-t", "tmpfs", "-o", "size=64k,nr_inodes=10", "none", str(tmp))
os.environ["TMPDIR"] = str(tmp)
for number in range(20):
    try:
        (tmp / str(number)).write_bytes(bytes(20_000))
    except OSError as error:
        assert error.errno == errno.ENOSPC
with hm.evaluation(), hm.Store.open(place / "store") as store:
    assert store.realize(sh("built", "echo temporary > /tmp/f; cat /tmp/f > $out")).outcome == "built"
    assert store.realize(hm.text("text", "text")).outcome == "built" and is_whole(store.objects)
doctor = [sys.executable, "-m", "hermetica", "--store", str(place / "store"), "doctor"]
ended = subprocess.run(doctor, capture_output=True, text=True, check=False)
assert "internal error" not in ended.stderr, ended.stderr
""",
        tmp_path,
    )


def test_directories_count_links_and_a_store_with_too_many_says_so(tmp_path: Path) -> None:
    run(
        """
mount("-t", "tmpfs", "none", str(place))
image = place / "image"
with image.open("wb") as file:
    file.truncate(100 << 20)
made = ["mkfs.ext4", "-q", "-O", "^dir_nlink,^has_journal", "-b", "1024", "-I", "128", "-N", "66000", str(image)]
subprocess.run(made, check=True)
disk = place / "disk"
disk.mkdir()
mount("-o", "loop", str(image), str(disk))
with ObjectStore.open(disk / "store") as store, store.lease() as lease:
    source = place / "source"
    (source / "below").mkdir(parents=True)
    kept = store.add_bytes(b"kept", "kept", lease=lease)
    store.flush()
    try:
        for number in range(70_000):
            os.mkdir(store.root / "store" / f"d{number}")
    except OSError as error:
        assert error.errno == errno.EMLINK, error
    meets(TooManyLinks, lambda: store.add_tree(source, "tree", lease=lease))
    store.add_bytes(b"a file has no links to count", "file", lease=lease)
    store.flush()
    assert not store.verify([kept]).problems
    for number in range(5):
        os.rmdir(store.root / "store" / f"d{number}")
    store.add_tree(source, "tree", lease=lease)
    store.flush()
""",
        tmp_path,
        needs_loop=True,
    )


@pytest.mark.sandbox
def test_a_file_system_that_gives_up_under_a_running_process_ends_typed_and_comes_back(tmp_path: Path) -> None:
    run(
        """
image, disk = place / "image", place / "disk"
with image.open("wb") as file:
    file.truncate(32 << 20)
subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
disk.mkdir()
mount("-o", "loop", str(image), str(disk))
store = hm.Store.open(disk / "store")
with hm.evaluation():
    built = sh("built", "echo built > $out")
    path = store.realize(built).out
    more = sh("more", "echo more > $out")
    subprocess.run(["mount", "-o", "remount,abort", str(disk)], check=False)  # as after an error of the disk
    try:
        store.realize(more)
    except (StoreReadOnly, DiskFailed) as error:
        assert error.hint and "dmesg" in error.hint, error
    else:
        raise AssertionError("it went on")
    assert store.path(built) == path and store.on_disk(path).read_text() == "built\\n"
    try:
        store.close()
    except (StoreReadOnly, DiskFailed):
        pass
subprocess.run(["umount", str(disk)], check=True)
assert subprocess.run(["fsck.ext4", "-p", str(image)], capture_output=True).returncode in {0, 1}
mount("-o", "loop", str(image), str(disk))
with hm.evaluation(), hm.Store.open(disk / "store") as store:
    assert store.realize(built).outcome == "cached" and store.realize(more).outcome == "built"
    assert is_whole(store.objects)
""",
        tmp_path,
        needs_loop=True,
    )
