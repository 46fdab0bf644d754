"""A pin whose every address is dead: each is told with its failure, and the store that still has the content."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fetch.git_servers import repository
from tests.fetch.servers import Server, whole

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import CommandLine

DEAD = "http://127.0.0.1:9/data-1.0.tar.gz"


def dying(hermetica: CommandLine, content: bytes = b"one") -> None:
    """Locks a file of a server that goes away, and adds addresses that never were."""
    with Server() as server:
        hermetica("lock", "url", server.add("/data-1.0.tar.gz", whole(content)))
    lock = hermetica.directory / "hermetica.lock"
    addresses = f'"{server.url}/data-1.0.tar.gz", "{DEAD}", "mirror://nobody/data-1.0.tar.gz"'
    lock.write_text(re.sub(r"addresses = \[.*\]", f"addresses = [{addresses}]", lock.read_text()))


def test_every_address_is_named_with_its_own_failure(hermetica: CommandLine, tmp_path: Path) -> None:
    dying(hermetica)
    said = hermetica("prefetch", status=100).stderr
    assert f"{DEAD}  Connection refused" in said
    assert said.count("Connection refused") == 2
    assert "mirror://nobody/data-1.0.tar.gz" in said
    assert "not configured" in said
    empty = tmp_path / "other"
    hermetica("store", "info", "--store", os.fspath(empty))
    told = hermetica("prefetch", status=100, env={"HERMETICA_STORES": f"{empty}:{tmp_path}/absent"}).stderr
    assert f"store {empty}  does not have it" in told
    assert f"store {tmp_path}/absent" in told


@pytest.mark.parametrize("rooted", [True, False])
def test_the_store_that_has_it_is_named_with_a_command_that_copies(
    rooted: bool,  # noqa: FBT001 -- a parameter of the test
    hermetica: CommandLine,
    tmp_path: Path,
) -> None:
    other = tmp_path / "other"
    with Server() as server:
        url = server.add("/data-1.0.tar.gz", whole(b"one"))
        hermetica("lock", "url", url)
        if rooted:
            hermetica("prefetch", "--store", os.fspath(other))
        else:  # nothing but the object: it was added by hand
            (tmp_path / "data-1.0.tar.gz").write_bytes(b"one")
            hermetica("store", "add", os.fspath(tmp_path / "data-1.0.tar.gz"), "--store", os.fspath(other))
    settings = tmp_path / "config.toml"
    settings.write_text(f'stores = ["{other}"]\n')
    refused = hermetica("prefetch", status=100, env={"HERMETICA_CONFIG": os.fspath(settings)})
    assert f"{url}  Connection refused" in refused.stderr
    assert re.search(rf"store {other}  has it: /hermetica/store/hx\S+-data-1\.0\.tar\.gz", refused.stderr)
    command = re.search(r"(hermetica --store .*import), then again", refused.stderr)
    assert command is not None
    shell = command[1].replace("hermetica --store", f"{sys.executable} -m hermetica --store")
    subprocess.run(["/bin/sh", "-c", shell], check=True, env=hermetica.environment, cwd=hermetica.directory)
    assert "1 file of 1 in the store" in hermetica("prefetch").stderr
    assert "1 file of 1 in the store" in hermetica("prefetch", "--offline").stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_a_tree_is_found_in_another_store_too_and_offline_as_well(hermetica: CommandLine, tmp_path: Path) -> None:
    origin, other = repository(tmp_path / "origin"), tmp_path / "other"
    origin.commit(a=b"1")
    hermetica("lock", "git", origin.url)
    hermetica("prefetch", "--store", os.fspath(other))
    (tmp_path / "origin").rename(tmp_path / "moved")
    for more in ([], ["--offline"]):
        refused = hermetica("prefetch", *more, status=100, env={"HERMETICA_STORES": os.fspath(other)})
        assert f"store {other}  has it: " in refused.stderr
        assert "then again" in refused.stderr


def test_a_store_below_needs_no_copying(hermetica: CommandLine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with Server() as server:
        hermetica("lock", "url", server.add("/data-1.0.tar.gz", whole(b"one")))
        hermetica("prefetch", "--store", os.fspath(other))
    assert "1 file of 1 in the store" in hermetica("prefetch", env={"HERMETICA_LOWER": os.fspath(other)}).stderr
