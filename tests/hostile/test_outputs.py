"""Outputs that attack whoever takes them in: links, holes, names, depth, writers that will not let go."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.realize.errors import BuildFailed, BuildTooLarge, FixedOutputRefers, InvalidInput, TooManyProcesses
from hermetica.sandbox import InvalidSandboxSpec
from hermetica_store.ingest import TreeTooLarge
from hermetica_store.reading import SpecialFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.behaviours.conftest import Shell

pytestmark = pytest.mark.sandbox
PYTHON = "/usr/bin/python3"


def test_a_fixed_output_that_is_a_link_changes_no_file_of_the_host(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("secret")
    victim.chmod(0o600)
    fixed = hm.FixedOutput(method="flat", algorithm="sha256", digest="0" * 64)
    with pytest.raises(FixedOutputRefers):
        store.realize(sh("link", f"ln -s {victim} $out", fixed=fixed))
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


def test_an_archive_that_is_a_link_out_of_its_input_is_not_opened(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    secret = tmp_path / "secret.tar"
    secret.write_bytes(bytes(1024))
    hostile = sh("hostile", f"mkdir $out; ln -s {secret} $out/a.tar; ln -s {tmp_path} $out/d; ln -s $out/../.. $out/up")
    for below in ("a.tar", "d/secret.tar", "up/tmp"):
        with pytest.raises(InvalidInput, match="leads out of the inputs"):
            store.realize(hm.unpack(f"{hostile}/{below}"))


def test_an_archive_behind_a_link_within_the_inputs_is_opened(store: hm.Store, sh: Shell) -> None:
    script = "mkdir $out; echo x > f; tar cf $out/a.tar f; ln -s a.tar $out/b.tar"
    unpacked = store.realize(hm.unpack(f"{sh('honest', script)}/b.tar", strip_components=0)).out
    assert [path.name for path in store.on_disk(unpacked).iterdir()] == ["f"]


def test_a_rootfs_that_is_a_link_brings_no_host_into_the_sandbox(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(InvalidSandboxSpec, match="symbolic link"):
        store.realize(sh("victim", "ls / > $out", rootfs=sh("hostile", "ln -s / $out")))


def test_holes_beyond_the_limit_are_not_even_read(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(TreeTooLarge):
        store.realize(sh("hollow", "truncate -s 4G $out"), build_limit_bytes=1 << 30)


def test_a_hollow_file_within_the_limit_is_taken_as_it_is(store: hm.Store, sh: Shell) -> None:
    path = store.realize(sh("hollow", "mkdir $out; truncate -s 200M $out/f")).out
    info = store.objects.info(path)
    assert info is not None
    assert info.size_bytes == 200 << 20


def test_a_build_that_fills_the_disk_is_refused_by_name(store: hm.Store, sh: Shell) -> None:
    script = "dd if=/dev/zero of=block bs=1M count=4 2>/dev/null; while :; do cat block >> large; done"
    with pytest.raises(BuildTooLarge) as caught:
        store.realize(sh("large", script), build_limit_bytes=64 << 20)
    assert ("limit, bytes", f"{64 << 20:,}") in caught.value.details
    assert list((store.objects.root / "tmp").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's builds are held by the kernel")
def test_too_many_processes_are_an_error_of_their_own(store: hm.Store, sh: Shell) -> None:
    script = "i=0; while [ $i -lt 9000 ]; do sleep 60 & i=$((i+1)); done; wait"
    with pytest.raises(TooManyProcesses, match="processes"):
        store.realize(sh("many", script), timeout_s=60)


SPECIAL = {
    "a fifo": "mkfifo $out/x",
    "a socket": "timeout 1 nc -l -U $out/x & sleep 0.3; test -S $out/x || mkfifo $out/x",
    "a device": "mknod $out/x c 1 3 2>/dev/null || mkfifo $out/x",
}


@pytest.mark.parametrize("script", SPECIAL.values(), ids=SPECIAL)
def test_special_files_are_refused(store: hm.Store, sh: Shell, script: str) -> None:
    with pytest.raises(SpecialFile):
        store.realize(sh("special", f"mkdir $out; {script}"))


def test_a_setuid_file_cannot_be_made(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(BuildFailed):
        store.realize(sh("setuid", "touch $out; chmod 4755 $out"))


def test_closed_directories_and_files_are_opened_and_sealed(store: hm.Store, sh: Shell) -> None:
    script = "mkdir -p $out/a/b; echo x > $out/a/b/f; chmod 000 $out/a/b/f $out/a/b $out/a $out"
    place = store.on_disk(store.realize(sh("closed", script)).out)
    assert (place / "a/b/f").read_text() == "x\n"
    assert stat.S_IMODE((place / "a/b").stat().st_mode) == 0o555
    assert stat.S_IMODE((place / "a/b/f").stat().st_mode) == 0o444


def test_names_of_any_characters_are_kept_or_refused(store: hm.Store, sh: Shell) -> None:
    script = (
        "mkdir $out; cd $out; touch \"$(printf 'a\\nb')\" \"$(printf 'tab\\t')\" \"$(printf '\\033[31m')\" -- '-rf' ' '"
    )
    place = store.on_disk(store.realize(sh("names", script)).out)
    assert {path.name for path in place.iterdir()} == {"a\nb", "tab\t", "\033[31m", "-rf", " "}
    with pytest.raises(hm.HermeticaError, match="UTF-8"):
        store.realize(sh("bytes", "mkdir $out; touch $out/$(printf 'x\\377')"))


def test_a_tree_of_any_depth_is_taken(store: hm.Store, sh: Shell) -> None:
    script = "mkdir $out; cd $out; i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done; echo x > f"
    path = store.realize(sh("deep", script)).out
    assert not store.objects.verify([path]).problems


def test_a_hard_link_to_an_input_cannot_be_made(store: hm.Store, sh: Shell) -> None:
    one = sh("input", "echo x > $out")
    with pytest.raises(BuildFailed):
        store.realize(sh("linker", f"ln {one} $out"))


def test_hard_links_out_of_an_output_are_cut(store: hm.Store, sh: Shell) -> None:
    script = "mkdir $out; echo one > $out/f; ln $out/f /hermetica/store/kept; ln $out/f $out/g"
    place = store.on_disk(store.realize(sh("linked", script)).out)
    assert (place / "f").stat().st_nlink == 2
    assert (place / "f").stat().st_ino == (place / "g").stat().st_ino


def test_inputs_cannot_be_changed_by_any_way_in(store: hm.Store, sh: Shell) -> None:
    one = sh("input", "mkdir $out; echo x > $out/f")
    script = f"""
        exec 3< {one}/f
        for way in {one}/f /proc/self/fd/3 /proc/$$/root{one}/f /proc/1/root{one}/f; do
            (echo altered > $way) 2>/dev/null && echo "wrote $way" >> $out
            (chmod 777 $way) 2>/dev/null && echo "chmod $way" >> $out || true
        done
        (rm -rf {one}; mv {one} /build/x; mount -o remount,rw {one}; umount {one}) 2>/dev/null || true
        cat {one}/f >> $out
    """
    assert store.on_disk(store.realize(sh("writer", script)).out).read_text() == "x\n"
    assert not store.objects.verify().problems
