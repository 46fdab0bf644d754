"""Looking at what was built, through the real command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hermetica.cli.commands.doctor import file_system
from hermetica.cli.mentions import mentions
from hermetica_store.digest import Digest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox

CHAIN = (
    "deep = sh('deep', 'echo deep > $out')",
    "middle = sh('middle', 'mkdir $out; echo uses $deep > $out/file; ln -s $deep $out/link', env={'deep': f'{deep}'})",
    "top = sh('top', 'mkdir -p $out/bin; echo run $middle/file > $out/bin/top', env={'middle': f'{middle}'})",
    "apart = sh('apart', 'echo apart > $out')",
)


@pytest.fixture
def built(hermetica: CommandLine) -> CommandLine:
    hermetica.module(*CHAIN)
    hermetica("build", "--no-link", "./pkgs.py")
    return hermetica


def path_of(command: CommandLine, name: str) -> str:
    return command("query", "outputs", f"./pkgs.py:{name}").stdout.strip()


def test_why_depends_shows_each_step_with_file_and_offset(built: CommandLine) -> None:
    top, middle, deep = (path_of(built, name) for name in ("top", "middle", "deep"))
    lines = built("why-depends", "./pkgs.py:top", deep).stdout.splitlines()
    digest = middle.removeprefix("/hermetica/store/")[:32]
    assert lines[0] == top
    assert lines[1].startswith("└─ bin/top, bytes, offset 21: …run /hermetica/store/")
    assert digest in lines[1]
    assert lines[2] == f"   {middle}"
    assert lines[3].startswith("   └─ file, bytes, offset 22: …uses ")
    assert lines[4].startswith("   └─ link, link target, offset ")
    assert lines[5] == f"      {deep}"
    apart = built("why-depends", "./pkgs.py:top", "./pkgs.py:apart", status=2)
    assert "does not depend on" in apart.stderr


def test_every_way_to_name_an_object_leads_to_it(built: CommandLine) -> None:
    path = path_of(built, "top")
    place = built("store", "path", path).stdout.strip()
    link = built.directory / "mine"
    link.symlink_to(place)
    for text in (
        path,
        path.removeprefix("/hermetica/store/"),
        path[17:27],
        place,
        "./mine",
        f"{place}/bin/top",
        "./pkgs.py:top",
    ):
        assert built("store", "path", text).stdout.strip() == place
    assert Path(place, "bin/top").is_file()
    assert "no object" in built("store", "path", "hx00000000", status=2).stderr


def test_queries_agree(built: CommandLine) -> None:
    top, middle, deep = (path_of(built, name) for name in ("top", "middle", "deep"))
    assert built("query", "references", top).stdout.split() == [middle]
    assert built("query", "referrers", deep).stdout.split() == [middle]
    assert built("query", "closure", top).stdout.split() == sorted([top, middle, deep])
    assert built("query", "deps", "./pkgs.py:top").stdout.split()[1::2] == ["middle"]
    assert built("query", "deps", "--all", "./pkgs.py:top").stdout.split()[1::2] == ["deep", "middle"]
    assert built("query", "rdeps", "./pkgs.py:deep").stdout.split()[1::2] == ["middle"]
    assert built("query", "rdeps", "--all", "./pkgs.py:deep").stdout.split()[1::2] == ["middle", "top"]
    assert built("query", "derivers", deep).stdout.split()[1:] == ["deep^out"]
    info = json.loads(built("query", "path-info", "--json", middle).stdout)
    assert (info["path"], info["references"], info["referrers"]) == (middle, [deep], [top])
    sizes = json.loads(built("query", "closure", "--json", middle).stdout)
    assert info["closure_size_bytes"] == sizes["size_bytes"]
    assert len(info["nar_sha256"]) == 64


def test_a_derivation_is_shown_and_its_hashed_bytes_are_exact(built: CommandLine) -> None:
    shown = json.loads(built("show", "--json", "./pkgs.py:top").stdout)
    canonical = built("show", "--canonical", "./pkgs.py:top").stdout
    assert Digest.derive("hermetica 2026-11 derivation id v1", canonical.encode()).hex == shown["id"]
    text = built("show", "./pkgs.py:top").stdout
    assert "env       middle=${middle}" in text.splitlines()
    assert f"outputs   out  {path_of(built, 'top')}" in text.splitlines()
    by_id = json.loads(built("show", "--json", shown["id"][:10]).stdout)
    assert by_id["id"] == shown["id"]
    assert built("show", "--canonical", shown["id"][:12]).stdout == canonical
    assert "no derivation with an id" in built("show", "0" * 12, status=2).stderr


def test_a_log_is_found_by_target_object_and_id(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo said; echo > $out')", "bad = sh('bad', 'echo cried; exit 1')")
    hermetica("build", "-k", "--no-link", "./pkgs.py", status=100)
    drv = json.loads(hermetica("show", "--json", "./pkgs.py:x").stdout)["id"]
    for text in ("./pkgs.py:x", path_of(hermetica, "x"), drv[:10]):
        assert hermetica("log", text).stdout == "said\n"
    assert hermetica("log", "./pkgs.py:bad").stdout == "cried\n"
    assert hermetica("log", "--failed", "./pkgs.py:bad").stdout == "cried\n"
    assert "no build of" in hermetica("log", "--failed", "./pkgs.py:x", status=2).stderr


def test_listing_says_what_is_realized(hermetica: CommandLine) -> None:
    hermetica.module(*CHAIN)
    hermetica("build", "--no-link", "./pkgs.py:deep")
    lines = hermetica("ls").stdout.splitlines()
    assert lines == [
        "realized  ./pkgs.py:deep    deep",
        "-         ./pkgs.py:middle  middle",
        "-         ./pkgs.py:top     top",
        "-         ./pkgs.py:apart   apart",
    ]


def test_roots_keep_and_the_rest_goes(built: CommandLine) -> None:
    built("root", "add", "keep", "./pkgs.py:middle")
    assert "no root 'kep'" in built("root", "rm", "kep", status=2).stderr
    would = built("gc", "--dry-run")
    assert len(built("store", "ls").stdout.split()) == 5
    gone = built("gc")
    assert sorted(gone.stdout.split()) == sorted(would.stdout.split())
    assert sorted(path[50:] for path in built("store", "ls").stdout.split()) == ["deep", "middle"]
    assert "error[" in built("store", "delete", path_of(built, "deep"), status=2).stderr
    built("root", "rm", "keep")
    built("gc")
    assert built("store", "ls").stdout == ""


def test_a_damaged_object_is_found(built: CommandLine) -> None:
    assert built("store", "verify").stderr.endswith(": everything is as it was registered\n")
    file = Path(built("store", "path", "./pkgs.py:top").stdout.strip(), "bin/top")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().upper())
    ended = built("store", "verify", status=5)
    assert "-top" in ended.stdout
    assert "bin/top" in ended.stdout
    built("store", "verify", "./pkgs.py:deep")


def test_the_store_is_described_and_added_to(hermetica: CommandLine) -> None:
    hermetica.write("tree/file", "content")
    path = hermetica("store", "add", "tree").stdout.strip()
    assert path.endswith("-tree")
    assert hermetica("store", "ls").stdout.split() == [path]
    assert hermetica("store", "du").stdout.split()[-1] == path
    info = json.loads(hermetica("store", "info", "--json").stdout)
    assert info["root"] == str(hermetica.store_root)
    assert hermetica("store", "add", "no-such-tree", status=2).stderr.startswith("error[HM")
    hermetica("store", "delete", path)
    assert hermetica("store", "ls").stdout == ""


def test_the_doctor_finds_a_machine_that_can_build(hermetica: CommandLine) -> None:
    ended = hermetica("doctor", "--json")
    document = json.loads(ended.stdout)
    assert document["can_build"] is True
    assert {finding["about"] for finding in document["findings"]} >= {"trial sandbox", "store", "disk"}
    broken = hermetica("doctor", status=4, env={"HERMETICA_STORE": "/proc/nowhere"})
    assert "error    store" in broken.stdout
    assert broken.stderr == "this machine cannot build\n"


def test_the_doctor_explains_a_missing_bubblewrap(hermetica: CommandLine) -> None:
    ended = hermetica("doctor", status=4, env={"PATH": "/nowhere", "HERMETICA_BWRAP": "/nowhere/bwrap"})
    assert "remedy" in ended.stdout


def test_settings_are_shown(hermetica: CommandLine) -> None:
    assert f"store in use = {hermetica.store_root}" in hermetica("config", "show").stdout
    assert json.loads(hermetica("config", "show", "--json").stdout)["format"] == "hermetica.config/1"


def test_settings_say_where_their_file_is_and_which_mirrors_hold(hermetica: CommandLine) -> None:
    file = Path(hermetica.environment["HOME"]) / ".config" / "hermetica" / "config.toml"
    npm = {"npm_config_registry": "http://user:secret@npm.example"}
    shown = hermetica("config", "show", env=npm).stdout
    assert f"configuration file = {file}  (not there)" in shown.splitlines()
    assert "mirrors.npm = http://***@npm.example  (the system's npm)" in shown.splitlines()
    file.parent.mkdir(parents=True)
    file.write_text('[mirrors]\nnpm = ["http://mine.example/npm"]\nown = ["http://me:secret@own.example"]\n')
    text = hermetica("config", "show", "--json", env=npm).stdout
    document = json.loads(text)
    assert (document["file"], document["file_exists"]) == (str(file), True)
    assert document["settings"]["mirrors.npm"] == {"value": ["http://mine.example/npm"], "origin": f"{file}:2"}
    assert document["settings"]["mirrors.own"]["value"] == ["http://***@own.example"]
    assert "secret" not in text


def test_the_files_of_a_declared_source_are_listed(hermetica: CommandLine) -> None:
    for name in ("src/a.c", "src/b.h", "notes.md"):
        hermetica.write(name, name)
    hermetica.module(
        "class pkgs:",
        "    here = hm.source('.', include=['src/**'], exclude=['**/*.h'])",
        "    app = sh('app', f'cat {here} > $out')",
        "one = hm.source('notes.md')",
    )
    assert hermetica("source", "ls", "./pkgs.py:pkgs.here").stdout.split() == ["src/a.c"]
    assert hermetica("source", "ls", "./pkgs.py:one").stdout.split() == ["notes.md"]
    left_out = hermetica("source", "ls", "./pkgs.py:pkgs.here", "--left-out").stdout
    why = {file: reason for file, _, reason in (line.partition("  ") for line in left_out.splitlines())}
    assert set(why) == {"notes.md", "pkgs.py", "src/b.h"}
    assert "pkgs.py:11" in why["src/b.h"]
    document = json.loads(hermetica("source", "ls", "--json", "./pkgs.py:pkgs.here").stdout)
    assert (document["root"], document["files"]) == (str(hermetica.directory), ["src/a.c"])
    wrong = hermetica("source", "ls", "./pkgs.py:pkgs.app", status=2).stderr
    assert "./pkgs.py:pkgs.app is a Derivation, not what hm.source(…) gives" in wrong
    assert "has no 'nothing'" in hermetica("source", "ls", "./pkgs.py:nothing", status=2).stderr
    assert "names no source" in hermetica("source", "ls", "./pkgs.py:", status=2).stderr


def test_a_source_says_which_files_are_out_and_why(hermetica: CommandLine) -> None:
    for name in ("src/a.c", "src/b.h", "notes.md"):
        hermetica.write(name, name)
    assert hermetica("source", "ls", ".", "--include", "src/**").stdout.split() == ["src/a.c", "src/b.h"]
    out = hermetica("source", "ls", ".", "--exclude", "**/*.h", "--left-out").stdout
    assert out.startswith("src/b.h")


def test_mentions_are_found_across_chunks_and_in_names(tmp_path: Path) -> None:
    digest = "hx" + "0" * 30
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "big").write_bytes(b"x" * ((1 << 20) - 7) + digest.encode() + b"y" * (3 << 20) + digest.encode())
    (tree / "link").symlink_to(f"../{digest}-x")
    (tree / digest).write_bytes(b"")
    found = [(each.file, each.kind, each.offset) for each in mentions(tree, digest)]
    assert found == [
        ("big", "bytes", (1 << 20) - 7),
        ("big", "bytes", (1 << 20) - 7 + 32 + (3 << 20)),
        (digest, "name", 0),
        ("link", "link target", 3),
    ]


def test_the_file_system_of_a_path_is_the_nearest_mount() -> None:
    mounts = "root / ext4 rw 0 0\nhost:/x /home nfs4 rw 0 0\ntmpfs /home/me/with\\040space tmpfs rw 0 0\n"
    assert file_system(Path("/var/x"), mounts) == "ext4"
    assert file_system(Path("/home/me"), mounts) == "nfs4"
    assert file_system(Path("/home/me/with space/x"), mounts) == "tmpfs"
    assert file_system(Path("/homestead"), mounts) == "ext4"
