"""The recipes as values: what they are made of, and that their lock is whole. No network, no sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from typing import TYPE_CHECKING

import pytest

import hermetica as hm
from hermetica.fetch.lock import Lock
from hermetica.fetch.locking.request import check_lock
from hermetica.fetch.mirrors import Mirrors
from hermetica.fetch.system import SystemMirrors
from hermetica_derivations import packages, pins, toolchain

if TYPE_CHECKING:
    from pathlib import Path

ALL = (
    *(packages.hello, packages.lua, packages.zlib, packages.zpipe),
    *(toolchain.base_c, toolchain.busybox, toolchain.cc, toolchain.glibc_runtime),
    *(toolchain.base_cxx, toolchain.full, toolchain.node),
)
PRINT_IDS = (
    "from hermetica_derivations import packages as p, toolchain as t;"
    "print(*(d.id.hex for d in (p.hello, p.lua, p.zlib, p.zpipe, t.base_c, t.busybox, t.cc, t.glibc_runtime,"
    "t.base_cxx, t.full, t.node)))"
)


def read_lock() -> Lock:
    return Lock.parse((resources.files("hermetica_derivations") / "hermetica.lock").read_text(encoding="utf-8"))


def test_the_lock_is_written_as_hermetica_writes_it() -> None:
    text = (resources.files("hermetica_derivations") / "hermetica.lock").read_text(encoding="utf-8")
    assert read_lock().text() == text


def test_the_lock_names_no_host_and_every_hash_is_a_strong_one() -> None:
    mirrors = ("mirror://debian/pool/", "mirror://pypi/", "mirror://npm/")
    for group in read_lock().groups:
        for pin in group.pins:
            assert pin.algorithm in {"sha256", "sha512"}
            assert all(address.startswith(mirrors) for address in pin.addresses)


def test_the_lock_is_what_the_locks_of_pip_and_npm_beside_it_say(tmp_path: Path) -> None:
    with resources.as_file(resources.files("hermetica_derivations")) as directory:
        system = SystemMirrors(environ={}, apt_directory=tmp_path / "no-apt", system_directory=tmp_path / "no-etc")
        assert check_lock(directory / "hermetica.lock", mirrors=Mirrors(system=system))[1] >= 4


def test_the_lock_has_a_shell_a_compiler_and_the_sources() -> None:
    lock = read_lock()
    assert {"binutils", "coreutils", "dash", "gcc", "libc6", "libc6-dev", "make", "sed"} <= {
        pin.name for pin in lock.group("base-c").pins
    }
    assert {"hello", "lua5.4", "zlib"} <= {pin.name for pin in lock.group("sources").pins}


def test_larger_trees_of_tools_have_all_that_smaller_ones_have() -> None:
    def names(group: str) -> set[str]:
        return {pin.name for pin in pins.lock().group(group).pins}

    assert names("base-c") < names("base-cxx") < names("full")
    assert names("base-c") | {"nodejs", "g++"} < names("node")


def test_ids_are_the_same_in_another_process_and_place(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "7", "HOME": str(tmp_path), "TZ": "Asia/Tokyo"}
    ended = subprocess.run(
        [sys.executable, "-c", PRINT_IDS], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert ended.stdout.split() == [each.id.hex for each in ALL]


def test_a_changed_address_of_a_pin_changes_no_id_downstream() -> None:
    def pin(address: str) -> hm.Derivation:
        made = hm.Pin(
            kind="debian-source", name="x", version="1", algorithm="sha256", hash="0" * 64, addresses=(address,)
        )
        return pins.fetch(made)

    here, moved = pin("mirror://a/x.tar.gz"), pin("mirror://b/x.tar.gz")
    assert here.id != moved.id
    assert packages.make_hello(src=here).id == packages.make_hello(src=moved).id


def test_only_users_of_zlib_change_with_it() -> None:
    zlib = packages.make_zlib(build_phase="# a comment\nmake")
    assert zlib.id != packages.zlib.id
    assert packages.make_zpipe(zlib).id != packages.zpipe.id
    assert packages.make_hello().id == packages.hello.id


def test_names_that_no_store_path_can_have_are_mended() -> None:
    assert all(set("~:%").isdisjoint(drv.name) for drv in (*pins.debs("base-c"), *pins.debs("busybox")))


def test_what_is_not_pinned_is_an_error_that_lists_what_is() -> None:
    with pytest.raises(hm.LockError, match="no pin called 'emacs'"):
        pins.source("emacs")
    with pytest.raises(hm.LockError, match="no group 'fortran'") as caught:
        pins.debs("fortran")
    assert caught.value.details == (("groups", ", ".join(group.name for group in pins.lock().groups)),)


def test_the_certificates_lie_over_the_tree_that_has_everything() -> None:
    over = {source.id for _, source in toolchain.full.inputs.derivations}
    assert toolchain.ca_bundle.id in over
    assert toolchain.ca_bundle.rootfs == str(toolchain.base_c)
