"""Factors of worlds: the vocabulary, and that each level is what a builder in a real sandbox finds."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import attrs
import pytest

from hermetica.sandbox import (
    FACTORS,
    Factor,
    InvalidSandboxSpec,
    Tier,
    UnknownFactor,
    UnknownLevel,
    World,
    WorldUnavailable,
    differences,
    fixed_world,
    required_tier,
    vary,
)
from tests.sandbox.conftest import ROOT, as_ordinary_user, make_box

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.conftest import Box

every_factor = pytest.mark.parametrize("factor", FACTORS.values(), ids=FACTORS)


def test_the_factors_are_those_of_the_design() -> None:
    names = (
        "aslr build_path clock cpuinfo cpus domainname env fs gid home hostname jobs kernel locale meminfo mtime path"
        " pid random readdir shell src_mtime tty tz uid ulimit umask uptime username"
    )
    assert list(FACTORS) == names.split()


@every_factor
def test_every_level_of_a_factor_is_another_world_and_only_in_its_fields(factor: Factor) -> None:
    base = fixed_world()
    worlds = [vary(base, {factor.name: level}) for level in factor.levels]
    assert worlds[0] == base
    assert len(worlds) >= 2
    assert len(set(worlds)) == len(worlds)
    for world in worlds:
        fields = {field.name for field in attrs.fields(World)}
        assert {name for name in fields if getattr(world, name) != getattr(base, name)} <= set(factor.fields)


@every_factor
def test_a_factor_says_the_lowest_tier_that_gives_it(factor: Factor) -> None:
    for level in factor.levels:
        world = vary(World(), {factor.name: level})
        assert required_tier(world) == factor.tier or world == World()


def test_no_field_belongs_to_two_factors_and_each_has_one_but_the_few_that_studies_leave_alone() -> None:
    fields = [field for factor in FACTORS.values() for field in factor.fields]
    assert len(fields) == len(set(fields))
    left = {field.name for field in attrs.fields(World)} - set(fields)
    assert left == {"source_date_epoch", "path", "terminal_type"}


def test_a_fixed_world_of_a_tier_needs_no_more_than_that_tier() -> None:
    assert [required_tier(fixed_world(tier)) for tier in Tier] == [Tier.T0, Tier.T0, Tier.T2, Tier.T3]
    assert differences(vary(World(), {"tz": "ahead", "jobs": "4"})) == {"time_zone": "'GMT-14'"}


def test_one_level_of_the_clock_is_past_2038_and_none_is_in_the_past() -> None:
    clocks = [values["clock_s"] for values in FACTORS["clock"].levels.values()]
    times = [values["file_time_s"] for values in FACTORS["mtime"].levels.values()]
    assert max(clocks) > 2**31
    assert min(clocks) >= max(times) > 2_000_000_000


def test_an_unknown_factor_is_told_with_what_is_like_it() -> None:
    with pytest.raises(UnknownFactor, match="no factor of a world is called 'hostnam'") as told:
        vary(World(), {"hostnam": "other"})
    assert told.value.details[0] == ("like it", "hostname")
    assert told.value.code == "HM259"


def test_an_unknown_level_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownLevel) as told:
        vary(World(), {"tz": "Europe/Tallinn"})
    assert told.value.details == (("its levels", "UTC, ahead, behind"),)
    assert told.value.code == "HM260"


PROBE = """
test -t 0 -a -t 1 -a -t 2; tty=$?
echo tz=$TZ locale=$LC_ALL home=$HOME path=$PATH env=$HERMETICA_CANARY shell=$SHELL jobs=$HERMETICA_BUILD_CORES
echo build_path=$(pwd) umask=$(umask) hostname=$(uname -n) domainname=$(cat /proc/sys/kernel/domainname)
echo uid=$(id -u) gid=$(id -g) username=$(id -un):$(id -gn) cpus=$(nproc) pid=$$
echo aslr=$(cat /proc/self/personality) ulimit=$(ulimit -n):$(ulimit -s) tty=$tty:$(wc -c)
echo uptime=$(cat /proc/uptime | tr ' ' _) cpuinfo=$(grep 'model name' /proc/cpuinfo | md5sum | cut -c1-8)
echo meminfo=$(grep MemTotal /proc/meminfo | md5sum | cut -c1-8)
"""
ELSEWHERE = {"src_mtime", "fs"}  # of a realized derivation: tests/realize
AT_T0 = [factor for factor in FACTORS.values() if factor.tier is Tier.T0 and factor.name not in ELSEWHERE]


def probed(box: Box, world: World) -> dict[str, str]:
    ran = box.run(PROBE, world=world)
    assert ran.exit.status == 0
    return dict(re.findall(r"(\w+)=(\S*)", ran.text))


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return probed(make_box(tmp_path_factory.mktemp("fixed")), fixed_world(Tier.T0))


@pytest.mark.sandbox
@pytest.mark.parametrize("factor", AT_T0, ids=[factor.name for factor in AT_T0])
def test_a_builder_finds_what_varies_and_nothing_else(factor: Factor, box: Box, fixed: dict[str, str]) -> None:
    level = factor.varied[0]
    if factor.name == "cpus" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two processors")
    found = probed(box, vary(fixed_world(Tier.T0), {factor.name: level}))
    changed = {name for name in found if found[name] != fixed[name]}
    assert changed == {factor.name}


@pytest.mark.sandbox
def test_the_fixed_world_is_the_same_each_time(box: Box, fixed: dict[str, str]) -> None:
    assert probed(box, fixed_world(Tier.T0)) == fixed


@pytest.mark.sandbox
def test_an_ordinary_user_can_vary_what_root_can(box: Box, fixed: dict[str, str]) -> None:
    code = """
import sys, tempfile
from pathlib import Path
from hermetica.sandbox import Tier, fixed_world, vary
from tests.sandbox.conftest import make_box
from tests.sandbox.test_factors import PROBE, AT_T0
levels = {factor.name: factor.varied[0] for factor in AT_T0 if factor.name != "cpus"}
with tempfile.TemporaryDirectory() as scratch:
    box = make_box(Path(scratch))
    sys.stdout.write(box.run(PROBE, world=vary(fixed_world(Tier.T0), levels)).text)
"""
    done = subprocess.run(as_ordinary_user(code), capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    levels = {factor.name: factor.varied[0] for factor in AT_T0 if factor.name != "cpus"}
    found = dict(re.findall(r"(\w+)=(\S*)", done.stdout))
    assert found == probed(box, vary(fixed_world(Tier.T0), levels))
    assert {name for name in found if found[name] == fixed[name]} == {"cpus"}


@pytest.mark.sandbox
def test_more_processors_than_there_are_is_told(box: Box) -> None:
    with pytest.raises(WorldUnavailable, match="cannot give the world's cpus") as told:
        box.run(":", world=World(cpus=4096))
    assert told.value.code == "HM258"


@pytest.mark.sandbox
def test_a_domain_name_that_the_kernel_refuses_is_told(box: Box) -> None:
    with pytest.raises(WorldUnavailable, match="domainname"):
        box.run(":", world=World(domain_name="x" * 100))


@pytest.mark.sandbox
def test_the_shell_of_a_rootfs_is_another_one_and_links_lead_where_they_lead(box: Box, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "usr/bin").mkdir(parents=True)
    for name in ("dash", "bash"):
        (tree / "usr/bin" / name).write_text(f"#!/hermetica/store/busybox/bin/sh\necho {name}\n")
        (tree / "usr/bin" / name).chmod(0o755)
    (tree / "usr/bin/sh").symlink_to("dash")
    (tree / "bin").symlink_to("/usr/bin")
    script = "/bin/sh; /usr/bin/dash; /bin/bash"
    assert box.run(script, rootfs=str(tree)).lines == ["dash", "dash", "bash"]
    varied = vary(World(), {"shell": "bash"})
    assert box.run(script, rootfs=str(tree), world=varied).lines == ["bash", "bash", "bash"]
    (tree / "usr/bin/bash").unlink()
    assert box.run("/bin/sh", rootfs=str(tree), world=varied).lines == ["dash"]


@pytest.mark.sandbox
def test_what_is_written_to_a_terminal_arrives_as_it_was_written(box: Box) -> None:
    script = (
        "printf 'a\\nb\\n'; printf c >&2; i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done; read x || echo end"
    )
    ran = box.run(script, world=World(on_terminal=True))
    assert ran.text.startswith("a\nb\nc0\n1\n")
    assert ran.lines[-2:] == ["2999", "end"]


def test_a_build_path_that_the_contract_owns_is_refused(box: Box) -> None:
    with pytest.raises(InvalidSandboxSpec):
        box.spec(":", world=World(build_path="/proc/build"))
