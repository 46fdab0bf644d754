"""Pins from the locks of other tools: what each says, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.fetch.lock import Group, Lock, LockError, Pin
from hermetica.fetch.locking.cargo import cargo_pins
from hermetica.fetch.locking.foreign import ForeignLockError
from hermetica.fetch.locking.npm import npm_pins
from hermetica.fetch.locking.python import Project, parse_pylock, parse_requirements, parse_uv
from hermetica.fetch.locking.request import LockOutdated, asked_files, check_lock, make_group
from hermetica.fetch.locking.target import PythonTarget, python_pins
from hermetica.fetch.mirrors import Mirrors
from hermetica.fetch.system import SystemMirrors
from hermetica.fetch.tool_defaults import npm_registry, pip_index
from tests.fetch.servers import DATA, HURRIED, Server, whole

if TYPE_CHECKING:
    from pathlib import Path

SHA256 = "ab" * 32
SHA512 = "cd" * 64
INTEGRITY = "sha512-" + base64.b64encode(bytes.fromhex(SHA512)).decode()
WHEELS = [
    "thing-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "thing-1.0-cp311-cp311-musllinux_1_1_x86_64.whl",
    "thing-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
    "thing-1.0-cp38-abi3-manylinux_2_28_x86_64.whl",
    "thing-1.0-py3-none-any.whl",
]
SDIST = "thing-1.0.tar.gz"


def npm_lock(**packages: object) -> str:
    return json.dumps({"lockfileVersion": 3, "packages": {"": {"name": "app"}, **packages}})


def pylock(files: list[str], marker: str = "") -> str:
    lines = ['lock-version = "1.0"', "[[packages]]", 'name = "Thing"', 'version = "1.0"']
    lines += [f'marker = "{marker}"'] if marker else []
    for file in files:
        table = "[[packages.wheels]]" if file.endswith(".whl") else "[packages.sdist]"
        lines += [table, f'url = "https://files.example/{file}"', "size = 7", f'hashes = {{ sha256 = "{SHA256}" }}']
    return "\n".join(lines)


def chosen(projects: tuple[Project, ...], target: PythonTarget = PythonTarget()) -> list[str]:  # noqa: B008 -- frozen
    return [pin.file_name for pin in python_pins(projects, target, "wheel", "lock")]


def system(tmp_path: Path, **environ: str) -> Mirrors:
    return Mirrors(
        system=SystemMirrors(environ=environ, apt_directory=tmp_path / "no-apt", system_directory=tmp_path / "no-etc")
    )


# npm


def test_a_tarball_of_any_npm_registry_is_the_same_pin() -> None:
    for registry in ("https://one.example", "http://two.example:8080/npm/proxy"):
        lock = npm_lock(
            **{
                "node_modules/@a/b": {
                    "version": "1.0.0",
                    "resolved": f"{registry}/@a/b/-/b-1.0.0.tgz",
                    "integrity": INTEGRITY,
                }
            }
        )
        (pin,) = npm_pins(lock, "lock")
        assert pin == Pin(
            kind="npm",
            name="@a/b",
            version="1.0.0",
            algorithm="sha512",
            hash=SHA512,
            size_bytes=None,
            addresses=("mirror://npm/@a/b/-/b-1.0.0.tgz",),
        )


def test_npm_may_leave_the_registry_out() -> None:
    lock = npm_lock(**{"node_modules/@a/b": {"version": "1.0.0", "integrity": INTEGRITY}})
    assert npm_pins(lock, "lock")[0].addresses == ("mirror://npm/@a/b/-/b-1.0.0.tgz",)


def test_one_npm_package_in_two_versions_is_two_pins() -> None:
    entry = {"resolved": "https://x.example/a/-/a-1.tgz", "integrity": INTEGRITY}
    lock = npm_lock(
        **{
            "node_modules/a": {**entry, "version": "1.0.0"},
            "node_modules/b/node_modules/a": {**entry, "version": "2.0.0"},
            "node_modules/c/node_modules/a": {**entry, "version": "2.0.0"},
        }
    )
    group = Group(name="g", pins=npm_pins(lock, "lock"))
    assert group.pin("a", version="2.0.0").version == "2.0.0"
    with pytest.raises(LockError, match="several pins"):
        group.pin("a")


def test_what_lies_in_the_project_or_in_another_tarball_is_not_pinned() -> None:
    lock = npm_lock(
        **{
            "packages/own": {"version": "0.0.0"},
            "node_modules/own": {"resolved": "packages/own", "link": True},
            "node_modules/a/node_modules/b": {"version": "1.0.0", "inBundle": True},
        }
    )
    assert npm_pins(lock, "lock") == ()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"integrity": "sha1-" + base64.b64encode(b"x" * 20).decode()}, "sha1 only"),
        ({"integrity": "sha512-%%%"}, "no base64"),
        ({"integrity": INTEGRITY, "resolved": "git+ssh://git@x.example/a.git#0"}, "no address of a tarball"),
        ({}, "no integrity"),
        ({"integrity": "sha512-YQ=="}, "no sha512 hash"),
    ],
)
def test_what_npm_does_not_pin_by_content_is_refused(entry: dict[str, str], said: str) -> None:
    whole_entry = {"version": "1.0.0", "resolved": "https://x.example/a/-/a-1.0.0.tgz", **entry}
    with pytest.raises(ForeignLockError, match=said) as caught:
        npm_pins(npm_lock(**{"node_modules/a": whole_entry}), "package-lock.json")
    assert "package-lock.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"lockfileVersion": 1}', '{"lockfileVersion": 3}', "[" * 5000])
def test_what_is_no_npm_lock_is_refused(text: str) -> None:
    with pytest.raises(ForeignLockError):
        npm_pins(text, "package-lock.json")


# Cargo


def test_crates_of_registries_are_pinned_and_members_are_not() -> None:
    text = f"""
        version = 4
        [[package]]
        name = "app"
        version = "0.1.0"
        [[package]]
        name = "serde"
        version = "1.0.200"
        source = "registry+https://index.example/crates"
        checksum = "{SHA256}"
    """
    (pin,) = cargo_pins(text, "Cargo.lock")
    assert (pin.kind, pin.hash, pin.addresses) == ("crate", SHA256, ("mirror://crates/serde/serde-1.0.200.crate",))


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[metadata]",
        "package = 3",
        '[[package]]\nname = "a"\nversion = "1"\nsource = "git+https://x.example/a#0"',
        '[[package]]\nname = "a"\nversion = "1"\nsource = "registry+x"',
        '[[package]]\nname = "a"\nversion = "1"\nsource = "registry+x"\nchecksum = "12"',
    ],
)
def test_what_cargo_does_not_pin_by_content_is_refused(text: str) -> None:
    with pytest.raises(ForeignLockError):
        cargo_pins(text, "Cargo.lock")


# Python


def test_the_best_wheel_that_fits_is_taken() -> None:
    projects = parse_pylock(pylock([*WHEELS, SDIST]), "pylock.toml")
    assert chosen(projects) == [WHEELS[0]]
    assert chosen(projects, PythonTarget(version=(3, 12))) == [WHEELS[2]]
    assert chosen(projects, PythonTarget(version=(3, 10))) == [WHEELS[3]]
    assert chosen(projects, PythonTarget(version=(3, 10), glibc=(2, 27))) == [WHEELS[4]]
    assert chosen(projects, PythonTarget(machine="aarch64")) == [WHEELS[4]]


@given(st.permutations(WHEELS))
def test_the_order_of_a_lock_does_not_choose_the_wheel(wheels: list[str]) -> None:
    assert chosen(parse_pylock(pylock(wheels), "pylock.toml")) == [WHEELS[0]]


def test_an_sdist_is_taken_where_no_wheel_fits_or_it_is_preferred() -> None:
    projects = parse_pylock(pylock([WHEELS[1], SDIST]), "pylock.toml")
    assert chosen(projects) == [SDIST]
    (pin,) = python_pins(parse_pylock(pylock([*WHEELS, SDIST]), "l"), PythonTarget(), "sdist", "l")
    assert (pin.kind, pin.size_bytes, pin.addresses) == ("sdist", 7, (f"mirror://pypi/{SDIST}",))


def test_a_project_without_a_file_that_fits_is_refused_with_what_it_has() -> None:
    with pytest.raises(ForeignLockError, match=r"thing 1\.0 fits Python 3\.11") as caught:
        chosen(parse_pylock(pylock([WHEELS[1]]), "pylock.toml"))
    assert ("has", WHEELS[1]) in caught.value.details


def test_a_project_for_another_system_is_not_pinned() -> None:
    assert chosen(parse_pylock(pylock([WHEELS[4]], "sys_platform == 'win32'"), "l")) == []
    assert chosen(parse_pylock(pylock([WHEELS[4]], "python_version < '3.12'"), "l")) == [WHEELS[4]]
    with pytest.raises(ForeignLockError, match="not a marker"):
        chosen(parse_pylock(pylock([WHEELS[4]], "nonsense"), "l"))


def test_uv_members_are_left_out_and_direct_addresses_stay() -> None:
    text = f"""
        version = 1
        [[package]]
        name = "app"
        version = "0.1.0"
        source = {{ editable = "." }}
        [[package]]
        name = "thing"
        version = "1.0"
        source = {{ registry = "https://index.example/simple" }}
        sdist = {{ url = "https://files.example/{SDIST}", hash = "sha256:{SHA256}", size = 9 }}
        wheels = [{{ url = "https://files.example/{WHEELS[4]}", hash = "sha256:{SHA256}" }}]
        [[package]]
        name = "other"
        version = "2.0"
        source = {{ url = "https://x.example/other-2.0.tar.gz" }}
        sdist = {{ hash = "sha256:{SHA256}" }}
    """
    other, thing = python_pins(parse_uv(text, "uv.lock"), PythonTarget(), "wheel", "uv.lock")
    assert other.addresses == ("https://x.example/other-2.0.tar.gz",)
    assert (thing.kind, thing.size_bytes) == ("wheel", None)


@pytest.mark.parametrize("source", ['{ git = "https://x.example/r" }', "{ }", "3"])
def test_what_uv_does_not_pin_by_files_is_refused(source: str) -> None:
    text = f'version = 1\n[[package]]\nname = "a"\nversion = "1"\nsource = {source}'
    with pytest.raises(ForeignLockError):
        parse_uv(text, "uv.lock")


def test_requirements_with_hashes_are_read_over_continued_lines() -> None:
    text = (
        "# by a tool\n--index-url https://index.example/simple\n"
        f'Th_ing[extra]==1.0 ; python_version < "4" \\\n    --hash=sha256:{SHA256} \\\n    --hash=sha512:{SHA512}\n'
        "    # via app\n"
    )
    (found,) = parse_requirements(text, "requirements.txt")
    assert (found.name, found.version, found.marker) == ("th-ing", "1.0", 'python_version < "4"')
    assert found.hashes == {SHA256}


@pytest.mark.parametrize("line", ["thing", "thing==1.0", f"thing>=1.0 --hash=sha256:{SHA256}", "-e .\n./here"])
def test_a_requirement_that_is_not_pinned_is_refused(line: str) -> None:
    with pytest.raises(ForeignLockError, match="not pinned"):
        parse_requirements(line, "requirements.txt")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_pylock, parse_uv, parse_requirements, npm_pins, cargo_pins):
        try:
            parse(text, "lock")
        except ForeignLockError:
            continue


def test_without_packaging_the_error_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['packaging'] = None\n"
        "from hermetica.fetch.locking.target import PackagingMissing, PythonTarget\n"
        "try: PythonTarget().tags()\n"
        "except PackagingMissing as error: print(error.hint)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "packaging" in ended.stdout


# Groups


def test_requirements_find_their_files_in_the_index(server: Server, tmp_path: Path) -> None:
    page = {"files": [{"filename": WHEELS[4], "url": "x", "hashes": {"sha256": SHA256}, "size": 12}]}
    server.add("/simple/thing/", whole(json.dumps(page).encode(), **{"Content-Type": "application/json"}))
    (tmp_path / "requirements.txt").write_text(f"thing==1.0 --hash=sha256:{SHA256}\n")
    mirrors = system(tmp_path, PIP_INDEX_URL=f"{server.url}/simple")
    group = make_group("py", {"python-lock": ("requirements.txt",)}, base=tmp_path, mirrors=mirrors)
    assert [(pin.kind, pin.version, pin.size_bytes) for pin in group.pins] == [("wheel", "1.0", 12)]
    (tmp_path / "requirements.txt").write_text(f"thing==1.0 --hash=sha256:{'00' * 32}\n")
    with pytest.raises(ForeignLockError, match="no index lists"):
        make_group("py", {"python-lock": ("requirements.txt",)}, base=tmp_path, mirrors=mirrors)


def test_files_are_pinned_by_what_their_addresses_give(server: Server, tmp_path: Path) -> None:
    urls = (server.add("/thing-1.2.3.tar.gz", whole(DATA)), server.add("/data.bin", whole(b"more")))
    group = make_group("files", {"urls": urls}, base=tmp_path, mirrors=system(tmp_path), patience=HURRIED)
    by_name = {pin.name: pin for pin in group.pins}
    assert by_name["thing-1.2.3.tar.gz"].version == "1.2.3"
    assert by_name["thing-1.2.3.tar.gz"].hash == hashlib.sha256(DATA).hexdigest()
    assert by_name["data.bin"].version == hashlib.sha256(b"more").hexdigest()[:12]
    assert by_name["data.bin"].size_bytes == 4


@pytest.mark.parametrize("urls", [("https://x.example/",), ("https://x.example/a", "https://y.example/a")])
def test_addresses_need_names_of_their_own(urls: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(LockError):
        make_group("files", {"urls": urls}, base=tmp_path, mirrors=system(tmp_path))


def test_a_group_that_does_not_say_how_it_was_made_cannot_be_made_again(tmp_path: Path) -> None:
    with pytest.raises(LockError, match="does not say"):
        make_group("g", {"who": ("knows",)}, base=tmp_path, mirrors=system(tmp_path))


def test_the_lock_of_another_tool_has_to_be_there(tmp_path: Path) -> None:
    request = {"package-lock": ("package-lock.json",)}
    assert asked_files(request) == ("package-lock.json",)
    with pytest.raises(ForeignLockError, match="cannot read"):
        make_group("g", request, base=tmp_path, mirrors=system(tmp_path))


def test_a_lock_that_is_behind_says_by_what(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text(npm_lock())
    request, lock = {"package-lock": ("package-lock.json",)}, tmp_path / "hermetica.lock"
    Lock.update(lock, make_group("js", request, base=tmp_path, mirrors=system(tmp_path)))
    assert check_lock(lock, mirrors=system(tmp_path))[1] == 1
    entry = {"version": "1.0.0", "integrity": INTEGRITY}
    (tmp_path / "package-lock.json").write_text(npm_lock(**{"node_modules/a": entry}))
    with pytest.raises(LockOutdated, match="js is not what") as caught:
        check_lock(lock, mirrors=system(tmp_path))
    assert caught.value.group is not None
    assert [pin.name for pin in caught.value.group.pins] == ["a"]


def test_a_pin_without_a_size_survives_its_text() -> None:
    pins = npm_pins(npm_lock(**{"node_modules/a": {"version": "1.0.0", "integrity": INTEGRITY}}), "lock")
    lock = Lock((Group(name="g", pins=pins),))
    assert "size_bytes" not in lock.text()
    assert Lock.parse(lock.text()) == lock


# Defaults of the tools


def test_tools_that_are_not_there_have_no_defaults() -> None:
    assert pip_index({}) is None
    assert npm_registry({"PATH": "/nonexistent"}) is None


def test_pip_tells_its_own_index_where_none_is_set(tmp_path: Path) -> None:
    tool = tmp_path / "pip3"
    tool.write_text(
        "#!/bin/sh\necho '  -i, --index-url <url>  Base URL (default'\necho '   https://index.example/simple).'\n"
    )
    tool.chmod(0o755)
    assert pip_index({"PATH": os.fspath(tmp_path)}) == "https://index.example/simple"
    indices = system(tmp_path, PATH=os.fspath(tmp_path), PIP_EXTRA_INDEX_URL="https://more.example/simple")
    assert indices.system.pip_settings().indices == ("https://index.example/simple", "https://more.example/simple")
    own = system(tmp_path, PATH=os.fspath(tmp_path), PIP_INDEX_URL="https://own.example/simple")
    assert own.system.pip_settings().indices == ("https://own.example/simple",)


def test_npm_tells_its_own_registry_where_none_is_set(tmp_path: Path) -> None:
    tool = tmp_path / "npm"
    tool.write_text("#!/bin/sh\necho https://registry.example/\n")
    tool.chmod(0o755)
    assert system(tmp_path, PATH=os.fspath(tmp_path)).system.npm_registries() == {"": "https://registry.example"}
