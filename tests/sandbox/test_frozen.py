"""The clock that stands still, and strict worlds: real programs in real sandboxes, of which none is asked to help."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hermetica.sandbox import (
    Cancellation,
    FrozenClockFailed,
    Mount,
    Outcome,
    Spawner,
    Tier,
    TierUnavailable,
    World,
    enter,
    fixed_world,
    run,
    vary,
)
from hermetica.sandbox.frozen.process import check_machine
from tests.sandbox.conftest import ROOT, as_ordinary_user, import_paths, processes_with
from tests.sandbox.elf import EXIT_OF_I386, READ_CLOCK_OF_I386, READ_CLOCKS, elf32, elf64, is_static

if TYPE_CHECKING:
    from tests.sandbox.conftest import Box, Ran

needs_x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="a clock is held on x86-64 only")
pytestmark = [pytest.mark.sandbox, needs_x86_64]

CLOCK_S = 2082758400
FROZEN = World(clock_s=CLOCK_S)
STRICT = fixed_world(Tier.T3)
ENOSYS = 38


def given(box: Box, program: bytes) -> dict[str, Any]:
    """What a specification needs to run a program."""
    place = box.root / "elf"
    place.mkdir(exist_ok=True)
    (place / "program").write_bytes(program)
    (place / "program").chmod(0o755)
    inputs = (Mount(str(place), "/hermetica/store/elf"),)
    return {"builder": "/hermetica/store/elf/program", "args": (), "inputs": inputs}


def run_elf(box: Box, program: bytes, world: World) -> Ran:
    return box.run("", world=world, **given(box, program))


def in_python(box: Box, code: str, world: World = FROZEN, **limits: float) -> Ran:
    """Runs code by this machine's own Python, with this machine's files."""
    python = Path("/usr/bin/python3")
    if not python.exists():
        pytest.skip("needs /usr/bin/python3")
    where = {"builder": str(python), "args": ("-I", "-c", code), "rootfs": "/", "world": world}
    return box.run("", limits_of_run=dict(limits), env=(("PATH", "/usr/bin:/bin"),), **where)


def test_a_raw_system_call_reads_the_clock_that_stands(box: Box) -> None:
    ran = run_elf(box, elf64(READ_CLOCKS), FROZEN)
    assert struct.unpack("<5q", ran.output) == (CLOCK_S, CLOCK_S, 0, CLOCK_S, 0)
    assert struct.unpack("<5q", run_elf(box, elf64(READ_CLOCKS), World()).output)[0] == pytest.approx(
        time.time(), abs=9
    )


def test_a_static_program_reads_it_and_all_that_it_starts(box: Box) -> None:
    assert is_static((box.root / "busybox/bin/busybox").read_bytes())
    ran = box.run("date +%s; (date -u; sh -c 'date +%s' & wait); cat /dev/null | date +%F", world=FROZEN)
    assert ran.lines == ["2082758400", "Tue Jan  1 00:00:00 UTC 2036", "2082758400", "2036-01-01"]
    assert ran.exit.status == 0


def test_the_clock_can_stand_past_2038(box: Box) -> None:
    assert box.run("date +%FT%T", world=vary(FROZEN, {"clock": "2040-02-29"})).lines == ["2040-02-29T23:59:00"]


def test_the_monotonic_clock_goes_on_and_so_does_a_relative_wait(box: Box) -> None:
    script = "read a x < /proc/uptime; sleep 0.5; read b x < /proc/uptime; echo $a $b; date +%s"
    ran = box.run(script, world=FROZEN)
    first, second = map(float, ran.lines[0].split())
    assert second - first >= 0.49
    assert ran.exit.duration_s >= 0.5


def test_a_wait_on_a_condition_variable_of_one_second_takes_one_second(box: Box) -> None:
    code = """
import ctypes, struct, time
library = ctypes.CDLL(None)
def seconds(call):
    began = time.monotonic()
    print(call(), end=" ")
    return round(time.monotonic() - began, 1)
def until(after_s):
    return struct.pack("qq", *divmod(int((time.time() + after_s) * 1e9), 10**9))
mutex, condition, semaphore = (ctypes.create_string_buffer(64) for _ in range(3))
library.pthread_mutex_lock(mutex)
print(seconds(lambda: library.pthread_cond_timedwait(condition, mutex, until(1))))
library.sem_init(semaphore, 0, 0)
print(seconds(lambda: library.sem_timedwait(semaphore, until(0.3))))
print(seconds(lambda: library.pthread_mutex_timedlock(mutex, until(0.3))))
print(seconds(lambda: library.clock_nanosleep(0, 1, until(0.3), None)))
print(seconds(lambda: library.clock_nanosleep(0, 0, struct.pack("qq", 0, 300_000_000), None)))
print(seconds(lambda: library.clock_nanosleep(0, 1, until(-5), None)))
"""
    lines = in_python(box, code).lines
    assert lines == ["110 1.0", "-1 0.3", "110 0.3", "0 0.3", "0 0.3", "0 0.0"]


def test_timers_of_the_wall_clock_ring_when_they_should_and_others_are_left_alone(box: Box) -> None:
    code = """
import ctypes, os, struct, time
library = ctypes.CDLL(None)
for clock in (0, 1):
    fd = library.timerfd_create(clock, 0)
    began = time.monotonic()
    at = divmod(int((time.clock_gettime(clock) + 0.4) * 1e9), 10**9)
    library.timerfd_settime(fd, 1, struct.pack("qqqq", 0, 0, *at), None)
    os.read(fd, 8)
    print(round(time.monotonic() - began, 1), library.timerfd_settime(fd, 1, bytes(32), None))
"""
    assert in_python(box, code).lines == ["0.4 0", "0.4 0"]


def test_threads_signals_stops_and_programs_started_from_threads_are_as_ever(box: Box) -> None:
    code = """
import os, signal, subprocess, sys, threading, time
seen = []
threads = [threading.Thread(target=lambda: seen.append(time.time())) for _ in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(set(seen))
children = [subprocess.Popen(["/bin/date", "+%s"], stdout=-1) for _ in range(30)]
print({child.communicate()[0] for child in children})
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.1)
time.sleep(0.3)
child = subprocess.Popen(["/bin/sleep", "9"])
os.kill(child.pid, signal.SIGSTOP)
print(os.WSTOPSIG(os.waitpid(child.pid, os.WUNTRACED)[1]))
os.kill(child.pid, signal.SIGCONT)
print(os.WIFCONTINUED(os.waitpid(child.pid, os.WCONTINUED)[1]))
child.terminate()
print(child.wait())
sys.stdout.flush()
threading.Thread(target=lambda: os.execv("/bin/date", ["date", "+from a thread %s"])).start()
time.sleep(5)
"""
    lines = in_python(box, code).lines
    assert lines == ["{2082758400.0}", "{b'2082758400\\n'}", "alarm", "19", "True", "-15", "from a thread 2082758400"]


def test_make_finds_no_file_in_the_future(box: Box) -> None:
    if not Path("/usr/bin/make").exists():
        pytest.skip("needs /usr/bin/make")
    code = """
import subprocess
open("Makefile", "w").write("a: b\\n\\ttouch a\\nb:\\n\\ttouch b\\n")
for _ in range(2):
    print(subprocess.run(["/usr/bin/make"], capture_output=True, text=True))
"""
    for world in (FROZEN, STRICT):
        text = in_python(box, code, world).text
        assert "stderr=''" in text
        assert "future" not in text
        assert "up to date" in text


def test_a_builder_that_signals_everybody_ends_as_it_would_without(box: Box) -> None:
    assert box.run("kill -TERM 0; echo on", world=FROZEN).exit.status == 143


def test_what_a_build_used_is_still_known(box: Box) -> None:
    ended = box.run("i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done", world=FROZEN).exit
    assert ended.cpu_user_s is not None
    assert ended.cpu_user_s > 0.005
    assert ended.peak_memory_bytes is not None
    assert ended.peak_memory_bytes > 500_000


def test_a_32_bit_program_is_refused_and_the_other_abi_of_a_64_bit_one_tells_no_time(box: Box) -> None:
    with pytest.raises(FrozenClockFailed, match="could not be given its world") as told:
        run_elf(box, elf32(EXIT_OF_I386), FROZEN)
    assert told.value.code == "HM261"
    assert "32-bit" in told.value.cause
    with pytest.raises(FrozenClockFailed, match="could not be given its world"):
        enter(box.spec("", world=FROZEN, **given(box, elf32(EXIT_OF_I386))), ["/hermetica/store/elf/program"])
    assert run_elf(box, elf32(EXIT_OF_I386), World()).exit.status == 0
    assert struct.unpack("<i4x", run_elf(box, elf64(READ_CLOCK_OF_I386), FROZEN).output) == (-ENOSYS,)


def test_a_program_that_cannot_be_run_is_told_as_ever(box: Box) -> None:
    from hermetica.sandbox import BuilderNotFound

    with pytest.raises(BuilderNotFound):
        box.run("", builder="/absent", world=FROZEN)
    assert box.run("exit 3", world=FROZEN).exit.status == 3


def test_other_machines_are_refused() -> None:
    with pytest.raises(TierUnavailable, match="needs tier T2") as told:
        check_machine("aarch64")
    assert told.value.code == "HM304"
    assert "this is aarch64" in told.value.cause


def test_a_cancelled_build_and_one_out_of_time_leave_nothing_behind(box: Box) -> None:
    cancellation = Cancellation()
    threading.Timer(0.5, cancellation.cancel).start()
    long = "12.3456"
    ran = box.run(f"sleep {long} & sleep {long}", world=FROZEN, limits_of_run={"cancellation": cancellation})
    assert ran.exit.outcome is Outcome.CANCELLED
    ran = box.run(f"sleep {long} & sleep {long}", world=FROZEN, limits_of_run={"timeout_s": 0.5})
    assert ran.exit.outcome is Outcome.TIMED_OUT
    assert processes_with(long) == []


def children_of(pid: int) -> set[int]:
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "stat").read_text().rpartition(")")[2].split()[1] == str(pid):
                found.add(int(entry.name))
    return found


def test_a_tracer_that_is_killed_takes_the_build_with_it_and_the_next_build_gets_another(box: Box) -> None:
    before = children_of(os.getpid())
    with Spawner.with_own_thread() as spawner:
        output = bytearray()
        assert run(box.spec("date +%s", world=FROZEN), log=output.extend, spawner=spawner).status == 0
        (tracer,) = children_of(os.getpid()) - before
        threading.Timer(0.5, lambda: os.kill(tracer, signal.SIGKILL)).start()
        with pytest.raises(FrozenClockFailed, match="could not be given its world") as told:
            run(box.spec("sleep 45.678", world=FROZEN), log=output.extend, spawner=spawner)
        assert "killed" in told.value.cause
        assert processes_with("45.678") == []
        assert run(box.spec("date +%s", world=FROZEN), log=output.extend, spawner=spawner).status == 0
    assert output.decode().split() == ["2082758400"] * 2
    assert children_of(os.getpid()) <= before


def test_a_killed_embedding_process_leaves_neither_build_nor_tracer(box: Box) -> None:
    code = """
import sys
from pathlib import Path
from hermetica.sandbox import World
from tests.sandbox.conftest import Box
Box(Path(sys.argv[1])).run("echo up > /build/up; sleep 78.912", world=World(clock_s=2082758400))
"""
    command = [sys.executable, "-c", code, str(box.root), "token-of-killed"]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": import_paths()}) as process:
        deadline = time.monotonic() + 30
        while not (box.build_dir / "up").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert processes_with("78.912")
        process.kill()
    deadline = time.monotonic() + 10
    while (processes_with("78.912") or processes_with("token-of-killed")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_with("78.912") == []
    assert processes_with("token-of-killed") == []


def test_an_ordinary_user_gets_the_same_clock_and_the_same_strict_world(box: Box) -> None:
    code = """
import sys, tempfile
from pathlib import Path
from hermetica.sandbox import fixed_world
from tests.sandbox.conftest import make_box
with tempfile.TemporaryDirectory() as scratch:
    sys.stdout.write(make_box(Path(scratch)).run(sys.argv[1], world=fixed_world()).text)
"""
    command = as_ordinary_user(code, SURROUNDINGS)
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    assert done.stdout == box.run(SURROUNDINGS, world=STRICT).text


SURROUNDINGS = """
date; echo x > f; stat -c '%n %y %z %x %b %s' f . /hermetica/store
rm -rf d; mkdir d; for i in 5 3 9 1 7; do echo > d/f$i; done; find d; ls -la d
uname -srvm; cat /proc/version /proc/sys/kernel/osrelease
for i in 1 2 3; do mktemp -u nameXXXXXX; done; (mktemp -u nameXXXXXX)
od -An -N8 -tx1 /dev/urandom; od -An -N8 -tx1 /dev/random; cat /proc/sys/kernel/random/uuid
uptime | cut -d, -f1; free | head -2
"""


def test_a_strict_world_is_the_same_each_time(box: Box) -> None:
    first = box.run(SURROUNDINGS, world=STRICT).text
    time.sleep(1.1)
    assert box.run(SURROUNDINGS, world=STRICT).text == first
    names = re.findall(r"^name\w+$", first, re.MULTILINE)
    assert len(names) == len(set(names)) == 4
    assert "2035-12-31 00:00:00.000000000 +0000 2035-12-31" in first
    assert "Linux 6.1.0 #1 SMP x86_64" in first


@pytest.mark.parametrize(
    ("factor", "level", "changed"),
    [
        ("random", "seed-2", r"^(name\w+| [\da-f ]{23}|[\da-f-]{36})$"),
        ("kernel", "other", r"6\.1\.0|5\.4\.0-99-other"),
        ("mtime", "2035-02-03", r"2035-|Dec 31|Feb +3"),
        ("clock", "2037-02-02", r"20[03][0-9]|07:13|00:00|Feb +2"),
        ("readdir", "reversed", r"^d/f\d$"),
    ],
)
def test_a_factor_of_a_strict_world_changes_what_it_should(box: Box, factor: str, level: str, changed: str) -> None:
    first = box.run(SURROUNDINGS, world=STRICT).lines
    second = box.run(SURROUNDINGS, world=vary(STRICT, {factor: level})).lines
    different = [pair for pair in zip(first, second, strict=True) if pair[0] != pair[1]]
    assert different
    assert all(re.search(changed, line) for pair in different for line in pair)


def test_a_directory_larger_than_any_buffer_is_read_in_order_whole_and_from_where_one_left(box: Box) -> None:
    code = """
import ctypes, os
os.mkdir("d")
for number in range(2500):
    os.close(os.open(f"d/{number * 1009 % 2500:06}-{'x' * 40}", os.O_CREAT | os.O_WRONLY))
names = os.listdir("d")
print(len(names), names == sorted(names, reverse=WAY), len(os.listdir("d")))
library = ctypes.CDLL(None)
library.opendir.restype = library.readdir.restype = ctypes.c_void_p
library.telldir.restype = ctypes.c_long
stream = ctypes.c_void_p(library.opendir(b"d"))
name = lambda: ctypes.string_at(library.readdir(stream) + 19)
first = [name() for _ in range(1000)]
place = library.telldir(stream)
after = name()
library.seekdir(stream, ctypes.c_long(place))
print(name() == after)
library.rewinddir(stream)
print(name() == first[0])
"""
    for order, reverse in (("sorted", False), ("reversed", True)):
        lines = in_python(box, code.replace("WAY", str(reverse)), vary(STRICT, {"readdir": order})).lines
        assert lines == ["2500 True 2500", "True", "True"]
        (box.build_dir / "d").rename(box.root / order)


def test_shuffled_directories_differ_by_their_seed_and_not_by_the_run(box: Box) -> None:
    script = "mkdir -p d; for i in 1 2 3 4 5 6 7 8 9; do : > d/$i; done; find d"
    runs = [box.run(script, world=vary(STRICT, {"readdir": level})).text for level in ("shuffled-1", "shuffled-2") * 2]
    assert runs[:2] == runs[2:]
    assert runs[0] != runs[1]


def test_python_draws_the_same_numbers_and_no_two_processes_the_same_ones(box: Box) -> None:
    code = """
import os, random, subprocess, sys, uuid
print(hash("a"), random.random(), uuid.uuid4(), os.urandom(3).hex())
if "child" not in sys.argv:
    sys.stdout.flush()
    for _ in range(2):
        subprocess.run([sys.executable, "-I", "-c", CODE, "child"])
"""
    whole = f"CODE = {code!r}\n{code}"
    first, second = (in_python(box, whole, STRICT).lines for _ in range(2))
    assert first == second
    assert len(set(first)) == 3
    assert in_python(box, whole, vary(STRICT, {"random": "seed-2"})).lines != first
