"""The pure half: worlds, limits, the command line, and what becomes of output and reports."""

# ruff: noqa: E501 -- scripts and tables are read as they are run
from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermetica.sandbox import (
    CONTRACT_VERSION,
    DirectoryOrder,
    Exit,
    Limits,
    Mount,
    Outcome,
    SandboxSpec,
    Tier,
    World,
    differences,
    environment,
    required_tier,
)
from hermetica.sandbox.command import command_line
from hermetica.sandbox.complaint import Complaint
from hermetica.sandbox.limits import resource_limits
from hermetica.sandbox.outcome import Watchdog
from hermetica.sandbox.rootfs import Entry, rootfs_options
from hermetica.sandbox.status import Started, StatusReader

SPEC = SandboxSpec(
    builder="/hermetica/store/t/sh",
    args=("-c", "true"),
    env=(("out", "/hermetica/store/o"),),
    inputs=(Mount("/s/t", "/hermetica/store/t"), Mount("/s/a", "/hermetica/store/a")),
    store_dir="/w/store",
    build_dir="/w/build",
)

CONTRACT_1 = """
--unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try --disable-userns
--die-with-parent --clearenv --cap-drop ALL
--uid 1000 --gid 100 --hostname localhost --new-session
--setenv HERMETICA_BUILD_CORES 1 --setenv HERMETICA_SANDBOX 1
--setenv HOME /homeless-shelter --setenv LC_ALL C.UTF-8 --setenv PATH /path-not-set --setenv PWD /build
--setenv SHELL /noshell --setenv SOURCE_DATE_EPOCH 315532800 --setenv TEMP /build --setenv TEMPDIR /build
--setenv TERM xterm-256color --setenv TMP /build --setenv TMPDIR /build --setenv TZ UTC
--setenv out /hermetica/store/o
--dev /dev --size 2147483648 --perms 1777 --tmpfs /dev/shm --proc /proc --size 2147483648 --perms 1777 --tmpfs /tmp
--perms 0755 --dir /hermetica --bind /w/build /build --bind /w/store /hermetica/store
--ro-bind /s/a /hermetica/store/a --ro-bind /s/t /hermetica/store/t
--perms 0444 --file 6 /etc/passwd --perms 0444 --file 7 /etc/group --perms 0444 --file 8 /etc/hosts
--perms 0444 --ro-bind-data 9 /proc/cmdline
--remount-ro /dev --remount-ro /proc --remount-ro / --chdir /build --seccomp 5 --json-status-fd 4
"""
"""Changing this is a change of the contract: count CONTRACT_VERSION up, and say in docs/format-sandbox.md what changed."""


def test_the_default_contract_is_this_command_line() -> None:
    launch = command_line(SPEC)
    assert list(launch.options) == CONTRACT_1.split()
    assert launch.argv == ("bwrap", "--args", "3", "--", "/hermetica/store/t/sh", "-c", "true")
    assert launch.data[0] == (
        b"root:x:0:0:root:/build:/noshell\nbuild:x:1000:100:build:/build:/noshell\n"
        b"nobody:x:65534:65534:nobody:/:/noshell\n"
    )
    assert launch.data[1:] == (
        b"root:x:0:\nbuild:x:100:\nnogroup:x:65534:\n",
        b"127.0.0.1 localhost\n::1 localhost\n",
        b"hermetica\n",
    )
    assert CONTRACT_VERSION == 2


@given(order=st.permutations(SPEC.inputs))
def test_the_order_of_inputs_does_not_show(order: list[Mount]) -> None:
    assert command_line(attrs.evolve(SPEC, inputs=tuple(order))) == command_line(SPEC)


@given(st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw))
def test_any_bytes_that_a_program_can_get_reach_the_arguments_unchanged(raw: bytes) -> None:
    value = raw.decode("utf-8", "surrogateescape")
    launch = command_line(attrs.evolve(SPEC, env=(("X", value),)))
    assert b"\0--setenv\0X\0" + raw + b"\0" in launch.arguments


def test_a_terminal_shares_the_callers_session() -> None:
    assert "--new-session" not in command_line(attrs.evolve(SPEC, terminal=True)).options


@given(st.dictionaries(st.text("ABCHOME_", min_size=1), st.text()))
def test_the_environment_is_the_contracts_with_the_declared_on_top_and_again_changes_nothing(
    declared: dict[str, str],
) -> None:
    once = environment(World(), declared)
    assert {name: once[name] for name in declared} == declared
    assert set(once) == set(environment(World(), {})) | set(declared)
    assert list(once) == sorted(once)
    assert environment(World(), once) == once


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(World)])
def test_every_factor_of_a_world_but_the_number_of_jobs_counts_as_a_difference(field: str) -> None:
    default: Any = getattr(World(), field)
    others: dict[str, Any] = {
        "cpus": frozenset({0}),
        "kernel_name": ("a", "b"),
        "directory_order": DirectoryOrder.REVERSED,
        **dict.fromkeys(("uptime", "cpu_info", "memory_info"), "x"),
        **dict.fromkeys(("clock_s", "file_time_s", "random_seed"), 5),
        "randomise_addresses": True,
    }
    other = others.get(field, default + 1 if isinstance(default, int) else f"{default}-other")
    assert (field in differences(attrs.evolve(World(), **{field: other}))) is (field != "jobs")
    assert differences(World()) == {}


def test_the_tier_follows_from_the_world() -> None:
    assert required_tier(World(uid=7, uptime="1 1\n")) is Tier.T0
    assert required_tier(World(clock_s=1)) is Tier.T2
    assert required_tier(World(clock_s=1, random_seed=1)) is Tier.T3
    assert sorted(Tier) == [Tier.T0, Tier.T1, Tier.T2, Tier.T3]


def test_limits_name_every_resource_once_and_soft_never_exceeds_hard() -> None:
    import resource

    limits = resource_limits(Limits(memory_bytes=1 << 30, cpu_s=60))
    assert len({limit.name for limit in limits}) == len(limits)
    known = {name for name in dir(resource) if name.startswith("RLIMIT_")} - {"RLIMIT_OFILE", "RLIMIT_RTTIME"}
    assert {limit.name for limit in limits} == known
    for limit in limits:
        assert limit.hard is None or (limit.soft is not None and limit.soft <= limit.hard)


ENTRIES = st.lists(
    st.builds(
        Entry,
        st.sampled_from(["usr", "bin", "dev", "proc", "tmp", "sys", "hermetica", "build", "x"]),
        st.none() | st.just("usr/x"),
    ),
    unique_by=lambda entry: entry.name,
)


@given(ENTRIES)
def test_a_rootfs_never_touches_what_the_contract_owns(entries: list[Entry]) -> None:
    options = rootfs_options("/o", tuple(entries), "/build")
    targets = {option for option in options if option.startswith("/") and not option.startswith("/o/")}
    assert targets == {f"/{entry.name}" for entry in entries if entry.name in {"usr", "bin", "x"}}


def test_links_of_a_rootfs_keep_their_meaning() -> None:
    def option(target: str) -> str:
        return rootfs_options("/o", (Entry("l", target),), "/build")[1]

    assert option("usr/bin") == "usr/bin"
    assert option("/abs") == "/abs"
    assert option("../hx1-tool/bin") == "/hermetica/store/hx1-tool/bin"
    assert option("./usr/../bin") == "./usr/../bin"


@given(st.lists(st.binary(max_size=20)), st.sampled_from([b"", b"bwrap: ", b"bwrap: x\n", b"hermetica-farm: "]))
def test_no_output_is_lost_or_reordered_by_looking_for_complaints(pieces: list[bytes], head: bytes) -> None:
    complaint = Complaint()
    passed = b"".join(complaint.feed(piece) for piece in (head, *pieces)) + complaint.release()
    assert passed == head + b"".join(pieces)


@given(st.binary(min_size=1))
def test_output_is_held_back_only_while_it_may_be_a_complaint(output: bytes) -> None:
    prefixes = (b"bwrap: ", b"hermetica-farm: ")
    may_be = any(output.startswith(prefix) or prefix.startswith(output) for prefix in prefixes) and len(output) <= 8192
    assert (Complaint().feed(output) == b"") is may_be


def test_only_bubblewraps_own_sentence_is_an_exec_failure() -> None:
    def reason(said: bytes) -> str | None:
        complaint = Complaint()
        complaint.feed(said)
        return complaint.exec_failure("/b/sh")

    assert reason(b"bwrap: execvp /b/sh: No such file or directory\n") == "No such file or directory"
    assert reason(b"bwrap: execvp /b/other: No such file or directory\n") is None
    assert reason(b"bwrap: execvp /b/sh: No\nmore\n") is None
    assert reason(b"") is None


@given(cuts=st.lists(st.integers(0, 120)), status=st.integers(0, 255))
def test_a_report_in_any_number_of_pieces_reads_the_same(cuts: list[int], status: int) -> None:
    first = json.dumps({"child-pid": 7, "pid-namespace": 99, "net-namespace": 5})
    report = f"{first}\n{json.dumps({'exit-code': status})}\n".encode()
    reader, before = StatusReader(), 0
    for cut in (*sorted(cuts), len(report)):
        reader.feed(report[before:cut])
        before = max(before, cut)
    assert (reader.started, reader.exit_status, reader.is_complete) == (Started(7, 99), status, True)


@given(
    sizes=st.lists(st.integers(0, 100)),
    limit=st.none() | st.integers(0, 500),
)
def test_a_watchdog_lets_through_exactly_what_the_log_may_hold(sizes: list[int], limit: int | None) -> None:
    dog = Watchdog(started_s=0.0, log_limit_bytes=limit)
    kept = sum(dog.take(size, 1.0) for size in sizes)
    assert kept == dog.logged_bytes == (sum(sizes) if limit is None else min(sum(sizes), limit))
    assert (dog.verdict(2.0) is Outcome.LOG_LIMIT) is (limit is not None and sum(sizes) > limit)


@given(
    timeout=st.none() | st.floats(0.1, 10),
    silence=st.none() | st.floats(0.1, 10),
    output=st.floats(0, 5),
    now=st.floats(5, 30),
)
def test_a_watchdog_barks_when_no_time_remains_and_not_before(
    timeout: float | None, silence: float | None, output: float, now: float
) -> None:
    dog = Watchdog(started_s=0.0, timeout_s=timeout, silence_timeout_s=silence)
    dog.take(1, output)
    remaining = dog.remaining_s(now)
    assert (dog.verdict(now) is not None) == (remaining is not None and remaining <= 0) or abs(remaining or 0) < 1e-9
    assert (remaining is None) is (timeout is None and silence is None)


@pytest.mark.parametrize(
    ("status", "signal"), [(0, None), (1, None), (128, None), (129, 1), (137, 9), (192, 64), (193, None), (255, None)]
)
def test_a_status_above_128_tells_a_signal(status: int, signal: int | None) -> None:
    ended = Exit(
        outcome=Outcome.EXITED,
        status=status,
        duration_s=0,
        cpu_user_s=None,
        cpu_system_s=None,
        peak_memory_bytes=None,
        log_bytes=0,
    )
    assert ended.signal == signal
    assert ended.succeeded is (status == 0)
