"""B20-B27: content addressing, fixed outputs and fetching."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import hermetica as hm
from hermetica.model.builtins import FetchWithoutHash
from hermetica.realize import Warned
from hermetica.realize.errors import FetchFailed, FixedOutputMismatch, FixedOutputRefers
from hermetica_store import hash_tree
from hermetica_store.path import store_path
from tests.behaviours.conftest import TOOLS, module, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.behaviours.conftest import CommandLine, Shell

pytestmark = pytest.mark.sandbox


class Server(http.server.ThreadingHTTPServer):
    """Serves a directory on loopback and counts what was asked for."""

    def __init__(self, directory: Path) -> None:
        self.requests: list[str] = []
        self.delay_s = 0.0
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(directory)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.requests.append(self.path)
        time.sleep(self.server.delay_s)
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name it has there
        """Says nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    directory = tmp_path / "served"
    directory.mkdir()
    (directory / "file").write_text("content")
    serving = Server(directory)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield serving
    serving.shutdown()
    thread.join()
    serving.server_close()


CONTENT = hashlib.sha256(b"content").hexdigest()


def test_b20_equal_output_is_one_path_and_dependants_are_not_rebuilt(store: hm.Store, sh: Shell) -> None:
    def graph(comment: str) -> tuple[hm.Derivation, hm.Derivation]:
        library = sh("library", f"# {comment}\necho same > $out")
        return library, sh("app", "cat $lib > $out; echo $lib >> $out", {"lib": f"{library}"})

    first_library, first_app = graph("one")
    first = store.realize(first_app)
    second_library, second_app = graph("two")
    assert first_app.id != second_app.id
    results = store.realize_all([second_library, second_app])
    assert results[second_library].outcome == "built"
    assert store.path(second_library) == store.path(first_library)
    assert results[second_app].outcome == "cached"
    assert results[second_app].out == first.out


def test_b21_a_self_reference_does_not_depend_on_the_scratch_name(store: hm.Store, sh: Shell) -> None:
    script = "mkdir -p $out/bin; echo $out/bin/x > $out/bin/x; ln -s $out/bin/x $out/link; echo {} > /dev/null"
    paths = {store.realize(sh("x", script.format(word))).out for word in ("one", "two")}
    assert len(paths) == 1
    (path,) = paths
    assert read(store, path, "bin/x") == f"{path}/bin/x\n"
    assert read(store, path, "link") == f"{path}/bin/x\n"
    assert path in store.objects.references(path)
    assert not store.objects.verify().problems


BUILD_ONCE = f"""
import sys, hermetica as hm
busybox = hm.source({TOOLS!r}, name="busybox")
d = hm.derivation(name="slow", builder=f"{{busybox}}/bin/sh", args=["-c", "sleep 1; echo done > $out"])
with hm.Store.open(sys.argv[1]) as store:
    print(store.realize(d).outcome)
"""


def test_b22_six_processes_build_once(store_root: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD_ONCE, str(store_root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 6, ended
    assert sorted(out.strip() for out, _ in ended) == ["built"] + ["cached"] * 5


def test_b23_a_wrong_hash_tells_both_and_keeps_the_bytes(store: hm.Store, server: Server) -> None:
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(hm.fetchurl(f"{server.url}/file", sha256="0" * 64))
    assert caught.value.expected == f"sha256 {'0' * 64}"
    assert caught.value.got == f"sha256 {CONTENT}"
    asked = len(server.requests)
    result = store.realize(hm.fetchurl(f"{server.url}/file", sha256=CONTENT))
    assert read(store, result.out) == "content"
    assert len(server.requests) == asked


def test_b23_the_command_line_says_so_with_its_own_status(command: CommandLine, server: Server) -> None:
    command.write("pkgs.py", module(f"f = hm.fetchurl('{server.url}/file', sha256='{'0' * 64}')"))
    ended = command("build", "./pkgs.py:f", status=102)
    assert "error[HM102]" in ended.stderr
    assert "pkgs.py:5" in ended.stderr
    assert CONTENT in ended.stderr


def test_b24_a_fixed_output_may_not_refer_and_equals_the_tree_added_by_hand(
    store: hm.Store, sh: Shell, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("fixed\n")
    digest = hash_tree(tree).tree
    fixed = hm.FixedOutput(method="tree", algorithm="blake3", digest=digest.hex)
    result = store.realize(sh("x", "mkdir $out; echo fixed > $out/file", fixed=fixed))
    assert result.out == store_path("x", digest)
    with store.objects.lease() as lease:
        assert store.objects.add_tree(tree, "x", lease=lease) == result.out
    dependency = sh("dependency", "echo > $out")
    with pytest.raises(FixedOutputRefers):
        store.realize(sh("y", "mkdir $out; echo $d > $out/file", {"d": f"{dependency}"}, fixed=fixed))


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_b24_a_commit_is_fetched_by_its_content(
    store: hm.Store, sh: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "file").write_text("committed\n")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (["init", "-q"], ["add", "file"], [*who, "commit", "-q", "-m", "x"]):
        subprocess.run(["git", "-C", str(tmp_path / "r"), *command], check=True)
    told = subprocess.run(["git", "-C", str(tmp_path / "r"), "rev-parse", "HEAD"], check=True, stdout=subprocess.PIPE)
    url, rev = f"file://{tmp_path}/r", told.stdout.decode().strip()
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(hm.fetchgit(url, rev=rev, hash=hm.UNKNOWN))
    digest = caught.value.got.split()[-1]
    assert digest in str(caught.value.hint)
    shutil.rmtree(tmp_path / "r")
    fetched = hm.fetchgit(url, rev=rev, blake3=digest)
    result = store.realize(sh("x", "cat $repository/file > $out", {"repository": f"{fetched}"}))
    assert store.on_disk(result.out).read_text() == "committed\n"
    with pytest.raises(FetchFailed, match="cannot fetch the commit"):
        store.realize(hm.fetchgit(url, rev=rev, blake3="0" * 64))


def test_b25_equal_fetches_download_once_and_a_dead_url_does_not_matter(
    store: hm.Store, server: Server, sh: Shell
) -> None:
    fetch = hm.fetchurl(f"{server.url}/file", sha256=CONTENT)
    again = hm.fetchurl(f"{server.url}/file", sha256=CONTENT)
    users = [sh(f"u{index}", "cat $src > $out", {"src": f"{each}"}) for index, each in enumerate((fetch, again))]
    assert store.realize_all(users, jobs=2).ok
    assert server.requests == ["/file"]
    dead = hm.fetchurl("http://127.0.0.1:9/file", sha256=CONTENT)
    assert store.realize(dead).outcome == "cached"


def test_b25_two_recipes_for_one_content_download_once(store: hm.Store, server: Server, sh: Shell) -> None:
    fetches = [hm.fetchurl(f"{server.url}/{path}", name="file", sha256=CONTENT) for path in ("file", "./file")]
    assert fetches[0].id != fetches[1].id
    results = store.realize_all([sh(f"u{n}", f"cat {each} > $out") for n, each in enumerate(fetches)] + fetches, jobs=4)
    assert results.ok
    assert len(server.requests) == 1


FETCH_ONCE = """
import sys, hermetica as hm
fetch = hm.fetchurl(sys.argv[2], name="file", sha256=sys.argv[3])
with hm.Store.open(sys.argv[1]) as store:
    print(store.realize(fetch).outcome)
"""


def test_b25_six_processes_download_once_whatever_mirror_each_of_them_names(store_root: Path, server: Server) -> None:
    server.delay_s = 1.0
    running = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH_ONCE, str(store_root), f"{server.url}/{path}", CONTENT],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for path in ("file", "./file", "file", "././file", "file", "file")
    ]
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 6, ended
    assert sorted(out.strip() for out, _ in ended) == ["built"] + ["cached"] * 5
    assert len(server.requests) == 1


def test_b25_what_was_added_by_hand_needs_no_address(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    warnings: list[str] = []

    def note(event: hm.Event) -> None:
        if isinstance(event, Warned):
            warnings.append(event.message)

    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("fixed\n")
    (tmp_path / "file").write_text("content")
    (tmp_path / "other").write_text("other")
    with store.objects.lease() as lease:
        added = store.objects.add_tree(tree, "tree", lease=lease)
        store.objects.add_tree(tmp_path / "other", "file", lease=lease)
        file = store.objects.add_tree(tmp_path / "file", "file", lease=lease)
        fixed = hm.FixedOutput(method="tree", algorithm="blake3", digest=hash_tree(tree).tree.hex)
        by_builder = store.realize(sh("tree", "exit 1", fixed=fixed), on_event=note)
        assert (by_builder.outcome, by_builder.out) == ("cached", added)
        assert warnings == []
        dead = store.realize(hm.fetchurl("http://127.0.0.1:9/file", sha256=CONTENT), on_event=note)
    assert dead.out == file
    assert warnings == [f"file cannot be fetched; {file} is used, which has its hash"]
    assert store.realize(hm.fetchurl("http://127.0.0.1:9/file", sha256=CONTENT)).outcome == "cached"
    with pytest.raises(FetchFailed):
        store.realize(hm.fetchurl("http://127.0.0.1:9/file", sha256="1" * 64))
    with pytest.raises(FetchFailed):
        store.realize(hm.fetchurl("mirror://nowhere/file", name="absent", sha256=CONTENT))


def test_b26_a_fetch_without_a_hash_is_refused_and_unknown_tells_it(store: hm.Store, server: Server) -> None:
    with pytest.raises(FetchWithoutHash):
        hm.fetchurl(f"{server.url}/file")
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(hm.fetchurl(f"{server.url}/file", hash=hm.UNKNOWN))
    assert caught.value.message == "file: no hash is declared; this is it"
    assert caught.value.details == (("hash", f"sha256 {CONTENT}  (7 bytes)"),)
    assert f'write sha256="{CONTENT}" for hash=hm.UNKNOWN' in (caught.value.hint or "")
    with pytest.raises(FetchFailed):
        store.realize(hm.fetchurl(f"{server.url}/absent", sha256="1" * 64))
    assert list((store.objects.root / "tmp").iterdir()) == []


def test_b26_a_builder_without_a_hash_is_told_how_to_write_it(store: hm.Store, sh: Shell) -> None:
    with pytest.raises(FixedOutputMismatch) as caught:
        store.realize(sh("x", "printf content > $out", fixed=hm.FixedOutput(digest=hm.UNKNOWN)))
    assert f'write hm.FixedOutput(method="flat", algorithm="sha256", digest="{CONTENT}")' in (caught.value.hint or "")
    assert "mismatch" not in str(caught.value)


def test_b27_what_a_filter_leaves_out_is_never_in_the_store(store: hm.Store, sh: Shell, tmp_path: Path) -> None:
    tree = tmp_path / "src"
    (tree / "src").mkdir(parents=True)
    (tree / "src" / "main.c").write_text("int main;")
    (tree / "notes.md").write_text("secret")
    before = hm.source(tree, include=["src/**"])
    (tree / "notes.md").write_text("another secret")
    after = hm.source(tree, include=["src/**"])
    assert before.path == after.path
    result = store.realize(sh("x", "find $src -type f | sed s,$src/,, > $out", {"src": f"{after}"}))
    assert read(store, result.out) == "src/main.c\n"
