"""What a process is refused for its own limits: descriptors, memory, file sizes, processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.faults.namespaces import HEAD

_REPOSITORY: Final = Path(__file__).parents[2]


def run(code: str, place: Path) -> str:
    """What a program prints; it may lower its own limits."""
    ended = subprocess.run(
        [sys.executable, "-c", HEAD + code, str(place)],
        cwd=_REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.sandbox
def test_too_few_descriptors_are_named_and_more_of_them_help_the_same_process(tmp_path: Path) -> None:
    run(
        """
def allow(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

usual = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
with hm.evaluation(), hm.Store.open(place / "store") as store:
    for name in ("warm", "up"):
        store.realize(sh(name, "echo $out > $out"))
    for spare in range(0, 24, 3):
        built = sh(f"built{spare}", f"echo {spare} > $out")
        probe = os.open("/", os.O_RDONLY)
        os.close(probe)
        allow(probe + spare)
        try:
            outcome = store.realize(built).outcome
        except TooManyOpenFiles as error:
            assert error.code == "HM461" and "ulimit -n" in error.hint
            outcome = "refused"
        finally:
            allow(usual)
        print(outcome)
        assert store.realize(built).outcome == ("built" if outcome == "refused" else "cached")
        assert is_whole(store.objects)
""",
        tmp_path,
    )


def test_an_index_that_finds_no_addresses_to_grow_into_goes_on_when_it_does(tmp_path: Path) -> None:
    said = run(
        """
from hermetica_store.index import Index
Index.__init__.__kwdefaults__["map_bytes"] = 1 << 20  # what a real store has after years comes after a megabyte

def mapped():
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")

def put(number):
    store.put([Row(Table.RECORDS, b"%d-%d" % (number, row), os.urandom(4000)) for row in range(50)]).wait()

with ObjectStore.open(place / "store") as store, store.lease() as lease:
    kept = store.add_bytes(b"kept", "kept", lease=lease)
    store.flush()
    put(0)
    usual = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped() + (3 << 20), usual[1]))
    done = 0
    try:
        for number in range(1, 40):
            put(number)
            done = number
    except OutOfMemory as error:
        assert error.code == "HM465" and error.hint
        assert store.has(kept)
        print("refused")
    resource.setrlimit(resource.RLIMIT_AS, usual)
    assert store.has(kept) and len(list(store.items(Table.RECORDS))) == 50 * (done + 1)
    put(100)
    assert store.has(kept) and len(list(store.items(Table.RECORDS))) == 50 * (done + 2)
    assert is_whole(store)
""",
        tmp_path,
    )
    assert said == "refused\n"


@pytest.mark.sandbox
def test_a_limit_on_file_sizes_ends_a_build_typed(tmp_path: Path) -> None:
    run(
        """
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
source = place / "source"
source.write_bytes(bytes(3 << 20))
usual = resource.getrlimit(resource.RLIMIT_FSIZE)
with hm.evaluation(), hm.Store.open(place / "store") as store:
    copied = hm.derivation(name="copied", builder=f"{hm.source(TOOLS, name='busybox')}/bin/sh",
                           args=("-euc", "wc -c < $source > $out"), env={"source": f"{hm.source(source)}"})
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, usual[1]))
    error = meets(StoreFull, lambda: store.realize(copied))
    assert "ulimit -f" in error.hint
    resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert store.realize(copied).outcome == "built" and is_whole(store.objects)
""",
        tmp_path,
    )


@pytest.mark.sandbox
def test_no_further_process_is_a_refusal_of_the_host_and_no_failed_build(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root has no limit on processes")
    run(
        """
usual = resource.getrlimit(resource.RLIMIT_NPROC)
with hm.evaluation(), hm.Store.open(place / "store") as store:
    store.realize(sh("warm", "echo > $out"))
    built = sh("built", "echo built > $out")
    resource.setrlimit(resource.RLIMIT_NPROC, (1, usual[1]))
    meets(TooManyProcesses, lambda: store.realize(built))
    resource.setrlimit(resource.RLIMIT_NPROC, usual)
    assert store.realize(built).outcome == "built"
""",
        tmp_path,
    )
