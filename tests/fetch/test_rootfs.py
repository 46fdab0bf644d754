"""Trees of tools from Debian packages: merged, linked, and never outside of themselves."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermetica.fetch.rootfs import unpack_deb
from hermetica.fetch.rootfs_alternatives import (
    Alternative,
    alternatives_of,
    chosen_links,
    read_alternatives,
    write_alternatives,
)
from hermetica.fetch.rootfs_merge import MalformedPackage, PackageConflict
from hermetica.realize.rootfs import merge_packages
from hermetica_store import Candidate, ObjectStore, StorePath
from tests.fetch.debian_archive import Content, HardLink, Link, Special, ar_of, deb_of


def merged(tmp_path: Path, *packages: bytes) -> Path:
    """The object of packages that are given by their bytes, in this order; the store that it is in is whole."""
    with ObjectStore.open(tmp_path / "store") as store, store.lease() as lease, store.scratch() as scratch:
        paths: list[StorePath] = []
        for number, data in enumerate(packages):
            deb = scratch.path / f"p{number}.deb"
            deb.write_bytes(data)
            unpack_deb(deb, scratch.path / f"p{number}")
            (prepared,) = store.prepare([Candidate(tree=scratch.path / f"p{number}", name=f"p{number}")])
            store.publish([prepared], lease=lease)
            paths.append(prepared.path)
        composed = merge_packages(store, paths, [], scratch.path / "root")
        (whole,) = store.prepare([Candidate(tree=scratch.path / "root", name="root", composed=composed)])
        store.publish([whole], lease=lease).wait()
        assert not store.verify().problems
        return store.on_disk(whole.path)


def listing(root: Path) -> dict[str, str | bytes]:
    """Path -> content or ``-> target``, of everything but directories."""
    found: dict[str, str | bytes] = {}
    for directory, directories, files in os.walk(root):
        for name in [*files, *directories]:
            path = Path(directory, name)
            where = path.relative_to(root).as_posix()
            if path.is_symlink():
                found[where] = f"-> {path.readlink()}"
            elif path.is_file():
                found[where] = path.read_bytes()
    return found


@pytest.mark.parametrize("compression", [".xz", ".gz", ".zst", ""])
def test_files_links_and_hard_links_arrive_under_the_merged_usr(tmp_path: Path, compression: str) -> None:
    files: dict[str, Content] = {
        "./": None,
        "./bin/": None,
        "./bin/dash": b"program",
        "./bin/sh": Link("dash"),
        "./usr/bin/": None,
        "./usr/bin/twin": HardLink("./bin/dash"),
        "./lib64/loader": b"",
    }
    root = merged(tmp_path, deb_of(files, modes={"./bin/dash": 0o4755}, compression=compression))
    assert listing(root) == {
        "bin": "-> usr/bin",
        "lib64": "-> usr/lib64",
        "usr/bin/dash": b"program",
        "usr/bin/sh": "-> dash",
        "usr/bin/twin": b"program",
        "usr/lib64/loader": b"",
    }
    assert stat.S_IMODE((root / "usr/bin/dash").stat().st_mode) & 0o7111 == 0o111
    assert stat.S_IMODE((root / "usr/lib64/loader").stat().st_mode) & 0o111 == 0


def test_links_of_the_merged_usr_that_a_package_brings_are_its_directories(tmp_path: Path) -> None:
    root = merged(tmp_path, deb_of({"./bin": Link("usr/bin"), "./usr/bin/": None, "./usr/bin/x": b"1"}))
    assert listing(root) == {"bin": "-> usr/bin", "usr/bin/x": b"1"}


def test_manuals_and_the_like_and_empty_directories_at_the_top_are_left_out(tmp_path: Path) -> None:
    files: dict[str, Content] = {
        "./usr/share/man/man1/x.1.gz": b"x",
        "./usr/share/doc/x/copyright": b"x",
        "./usr/share/locale/de/LC_MESSAGES/x.mo": b"x",
        "./usr/share/misc/magic": b"m",
        "./proc/": None,
        "./var/cache/": None,
        "./etc/x.conf": b"c",
    }
    root = merged(tmp_path, deb_of(files))
    assert sorted(path.name for path in root.iterdir()) == ["etc", "usr"]
    assert [path.name for path in (root / "usr/share").iterdir()] == ["misc"]
    assert listing(root)["etc/passwd"] == b""  # the sandbox covers it; so that etc can be mounted whole


CONTENTS = st.dictionaries(st.sampled_from(["a", "b", "c", "d/e", "d/f"]), st.binary(max_size=3), max_size=5)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CONTENTS, min_size=1, max_size=6))
def test_where_packages_have_one_path_the_later_one_stands(
    tmp_path_factory: pytest.TempPathFactory, packages: list[dict[str, bytes]]
) -> None:
    root = merged(
        tmp_path_factory.mktemp("merge"),
        *(deb_of({f"./usr/{name}": data for name, data in files.items()}, compression="") for files in packages),
    )
    expected: dict[str, bytes] = {}
    for files in packages:
        expected |= {f"usr/{name}": data for name, data in files.items()}
    assert listing(root) == expected


NAMES = st.sampled_from([
    *("bin/a", "usr/bin/a", "usr/bin/awkq", "lib/x", "usr/lib/x", "usr/sbin/s", "etc/passwd", "etc/c", "opt/o/p"),
    *("usr/share/man/man1/a.1", "usr/share/doc/d", "usr/share/misc/m"),
])  # fmt: skip
LEAVES = st.one_of(st.binary(max_size=3), st.builds(Link, st.sampled_from(["a", "../x", "/nowhere"])))
GROUPS = st.lists(
    st.tuples(
        st.sampled_from(["awk", "cc"]), st.sampled_from(["a", "s"]), st.integers(0, 3), st.sampled_from(["n", "q"])
    ),
    max_size=2,
)
PACKAGES = st.lists(
    st.tuples(st.dictionaries(NAMES, LEAVES, max_size=6), st.lists(st.sampled_from(["proc", "usr/e"])), GROUPS),
    min_size=1,
    max_size=4,
)


def straight(packages: list[tuple[dict[str, bytes | Link], list[str], list[tuple[str, str, int, str]]]]) -> set[str]:
    """The tree as somebody would make it who unpacks one package over the other and then runs the scripts."""
    tree: dict[str, str] = {}
    for files, directories, _ in packages:
        tree |= {f"{each}/": "" for each in directories if each.startswith("usr/")}
        for name, content in files.items():
            if not name.startswith(("usr/share/man/", "usr/share/doc/")):
                where = f"usr/{name}" if name.startswith(("bin/", "lib/")) else name
                tree[where] = f"-> {content.target}" if isinstance(content, Link) else repr(content)
    run_scripts(tree, [each for package in packages for each in package[2]])
    tree |= {name: f"-> usr/{name}" for name in ("bin", "lib", "sbin") if is_there(f"usr/{name}/", tree)}
    if is_there("etc/", tree):
        tree = {f"etc/{name}": repr(b"") for name in ("group", "hosts", "passwd")} | tree
    return {f"{path} {content}" for path, content in tree.items()}


def is_there(directory: str, tree: dict[str, str]) -> bool:
    return any(path.startswith(directory) for path in tree)


def run_scripts(tree: dict[str, str], found: list[tuple[str, str, int, str]]) -> None:
    groups: dict[str, tuple[int, str, str]] = {}
    for group, target, priority, follower in found:
        if group not in groups or priority > groups[group][0]:
            groups[group] = (priority, target, follower)
    for group, (_, target, follower) in sorted(groups.items()):
        directory = "usr/bin" if target == "a" else "usr/sbin"
        for link in (f"usr/bin/{group}", f"usr/bin/{group}{follower}"):
            if f"{directory}/{target}" in tree and link not in tree:
                tree[link] = f"-> {target}" if directory == "usr/bin" else f"-> ../sbin/{target}"


def script_of(groups: list[tuple[str, str, int, str]]) -> str:
    lines: list[str] = []
    for group, target, priority, follower in groups:
        path = f"/usr/{'bin' if target == 'a' else 'sbin'}/{target}"
        lines.append(f"update-alternatives --install /usr/bin/{group} {group} {path} {priority} \\\n")
        lines.append(f" --slave /usr/bin/{group}{follower} {group}{follower} {path}\n")
    return "".join(lines)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PACKAGES)
def test_merging_by_links_makes_what_unpacking_one_over_the_other_makes(
    tmp_path_factory: pytest.TempPathFactory,
    packages: list[tuple[dict[str, bytes | Link], list[str], list[tuple[str, str, int, str]]]],
) -> None:
    debs = [
        deb_of(
            {**{f"./{each}/": None for each in directories}, **{f"./{name}": each for name, each in files.items()}},
            scripts={"postinst": script_of(groups)},
            compression="",
        )
        for files, directories, groups in packages
    ]
    root = merged(tmp_path_factory.mktemp("merge"), *debs)
    found = {
        f"{path} {content if isinstance(content, str) else repr(content)}" for path, content in listing(root).items()
    }
    assert found | {"usr/e/ " for _ in [0] if (root / "usr/e").is_dir()} == straight(packages)


def test_a_later_package_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    first = deb_of({"./usr/a": b"kept", "./usr/link": Link("a")})
    assert listing(merged(tmp_path, first, deb_of({"./usr/link": b"new"}))) == {"usr/a": b"kept", "usr/link": b"new"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"./usr/d/f": b"1"}, {"./usr/d": b"2"}),
        ({"./usr/d/f": b"1"}, {"./usr/d": Link("/etc")}),
        ({"./usr/d": Link("../..")}, {"./usr/d/f": b"2"}),
        ({"./usr/d": b"1"}, {"./usr/d/": None}),
    ],
)
def test_a_directory_in_one_and_a_file_or_link_in_the_other_is_a_conflict(
    tmp_path: Path, one: dict[str, Content], other: dict[str, Content]
) -> None:
    with pytest.raises(PackageConflict, match="usr/d is a directory"):
        merged(tmp_path, deb_of(one), deb_of(other))


@pytest.mark.parametrize("name", ["/etc/x", "../x", "./a/../../x", "./a/../x", "./.."])
def test_a_file_outside_of_the_tree_is_refused(tmp_path: Path, name: str) -> None:
    deb = tmp_path / "p.deb"
    deb.write_bytes(deb_of({name: b"x"}))
    with pytest.raises(MalformedPackage, match="outside of its tree"):
        unpack_deb(deb, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "p.deb"]
    assert [path for path in (tmp_path / "out").rglob("*") if not path.is_dir()] == []


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_and_other_special_files_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(MalformedPackage, match=r"special file: '\./dev/x'"):
        merged(tmp_path, deb_of({"./dev/x": Special(kind)}))


WHOLE = deb_of({"./usr/x": b"x" * 4000})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "no ar archive"),
        (b"PK\x03\x04", "no ar archive"),
        (WHOLE[:-40], "no whole Debian package"),
        (WHOLE[:100], "no whole Debian package"),
        (ar_of({"debian-binary": b"2.0\n"}), "no data.tar"),
        (ar_of({"data.tar.xz": b"not xz"}), "no whole Debian package"),
        (ar_of({"data.tar.lz": b""}), "unknown compression"),
        (ar_of({"data.tar": b"x" * 600}), "cannot be read"),
    ],
)
def test_what_is_no_package_is_refused(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(MalformedPackage, match=what):
        merged(tmp_path, data)


def test_alternatives_are_linked_by_priority_and_no_script_runs(tmp_path: Path) -> None:
    gawk = "#!/bin/sh\ntouch /tmp/never-run\nupdate-alternatives --install /usr/bin/awk awk /usr/bin/gawk 10\n"
    mawk = (
        "update-alternatives --quiet \\\n --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n"
        "  --slave /usr/bin/nawk nawk /usr/bin/mawk\n"
    )
    both = (
        deb_of({"./usr/bin/gawk": b"g"}, scripts={"postinst": gawk}),
        deb_of({"./usr/bin/mawk": b"m"}, scripts={"postinst": mawk}),
    )
    (tmp_path / "both").mkdir()
    assert listing(merged(tmp_path / "both", *both))["usr/bin/awk"] == "-> gawk"
    (tmp_path / "one").mkdir()
    found = listing(merged(tmp_path / "one", both[1]))
    assert (found["usr/bin/awk"], found["usr/bin/nawk"]) == ("-> mawk", "-> mawk")


def test_an_alternative_takes_no_place_and_needs_its_target(tmp_path: Path) -> None:
    script = (
        "update-alternatives --install /usr/bin/taken taken /usr/bin/x 5\n"
        "update-alternatives --install /usr/bin/dangling dangling /usr/bin/gone 5\n"
        "update-alternatives --install /usr/share/man/man1/x.1 x.1 /usr/bin/x 5\n"
        "update-alternatives --install /usr/lib/deep/y y /usr/bin/x 5\n"
    )
    root = merged(tmp_path, deb_of({"./usr/bin/x": b"x", "./usr/bin/taken": b"t"}, scripts={"postinst": script}))
    found = listing(root)
    assert found.pop("lib") == "-> usr/lib"
    assert found == {
        "bin": "-> usr/bin", "usr/bin/x": b"x", "usr/bin/taken": b"t", "usr/lib/deep/y": "-> ../../bin/x"
    }  # fmt: skip


def test_variables_that_are_literal_are_read_and_computed_ones_left_out() -> None:
    script = """
version="12"
path=/usr/bin/tool-$version
update-alternatives --install /usr/bin/tool tool "$path" 50
update-alternatives --install /usr/bin/$(uname) other /usr/bin/x 50
update-alternatives --install /usr/bin/up up /usr/../../x 50
mode=1
mode=2
update-alternatives --install /usr/bin/mode mode /usr/bin/mode-$mode 50
update-alternatives --remove tool /usr/bin/tool-11
"""
    assert chosen_links(alternatives_of(script)) == {"/usr/bin/tool": "/usr/bin/tool-12"}


ALTERNATIVE = Alternative(name="awk", priority=5, links={"/usr/bin/awk": "/usr/bin/mawk"})


def test_alternatives_are_kept_as_text_and_read_back() -> None:
    text = write_alternatives([ALTERNATIVE])
    assert text == (
        '{"alternatives":[{"links":{"/usr/bin/awk":"/usr/bin/mawk"},"name":"awk","priority":5}],'
        '"format":"hermetica.alternatives/1"}\n'
    )
    assert read_alternatives(text) == (ALTERNATIVE,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"alternatives":[],"format":"hermetica.alternatives/9"}',
        '{"alternatives":[{"links":{},"name":1,"priority":5}],"format":"hermetica.alternatives/1"}',
        '{"alternatives":[{"links":{"/a/../../b":"/c"},"name":"n","priority":5}],"format":"hermetica.alternatives/1"}',
        '{"alternatives":[{"links":{"/a":5},"name":"n","priority":5}],"format":"hermetica.alternatives/1"}',
    ],
)
def test_another_text_is_no_list_of_alternatives(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_alternatives(text)


def test_what_is_no_unpacked_package_is_refused(object_store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with object_store.lease() as lease:
        path = object_store.add_tree(tmp_path / "plain", "plain", lease=lease)
        with pytest.raises(MalformedPackage, match="no unpacked Debian package"):
            merge_packages(object_store, [path], [], tmp_path / "root")


def test_a_tree_may_not_have_what_is_a_link_into_usr(object_store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "tree" / "bin").mkdir(parents=True)
    with object_store.lease() as lease:
        path = object_store.add_tree(tmp_path / "tree", "tree", lease=lease)
        with pytest.raises(PackageConflict, match="in the place of a link into usr"):
            merge_packages(object_store, [], [path], tmp_path / "root")
