"""Building through the real command, in the real sandbox."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandLine

pytestmark = pytest.mark.sandbox

GREETING = "hello = sh('hello', 'echo hello > $out')"
PAIR = "lib = sh('lib', 'mkdir $out $dev; echo $out > $dev/ref; echo lib > $out/f', outputs=('out', 'dev'))"
FAILURES = (
    "bad = sh('bad', 'echo about to fail; exit 7')",
    "slow = sh('slow', 'sleep 100')",
    "after = sh('after', 'cat $bad > $out', env={'bad': f'{bad}'})",
    "more = sh('more', 'cat $after > $out', env={'after': f'{after}'})",
    "fine = sh('fine', 'echo > $out')",
    "gone = sh('gone', 'no-such-program')",
    "fixed = sh('fixed', 'echo x > $out', fixed=hm.FixedOutput(algorithm='sha256', digest='0' * 64))",
)


def test_stdout_is_the_places_of_the_outputs_and_a_second_build_says_nothing(hermetica: CommandLine) -> None:
    hermetica.module(GREETING)
    first = hermetica("build", "./pkgs.py:hello")
    (place,) = first.stdout.split()
    assert Path(place).read_text() == "hello\n"
    assert place.startswith(str(hermetica.store_root))
    assert re.fullmatch(r"to do: 1 build\nbuilt     hello  \d+\.\d s\n1 built in \d+\.\d s\n", first.stderr)
    second = hermetica("build", "./pkgs.py:hello")
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert hermetica("build", "--print-paths", "./pkgs.py:hello").stdout.startswith("/hermetica/store/hx")


def test_links_are_made_for_every_output_and_every_target(hermetica: CommandLine) -> None:
    hermetica.module(GREETING, PAIR)
    places = hermetica("build", "./pkgs.py:lib", "./pkgs.py:hello").stdout.split()
    links = [hermetica.directory / name for name in ("result", "result-dev", "result-1")]
    assert [str(link.readlink()) for link in links] == places
    assert (links[0] / "f").read_text() == "lib\n"
    roots = json.loads(hermetica("root", "ls", "--json").stdout)["roots"]
    assert {root["link"] for root in roots} == {str(link) for link in links}
    hermetica("build", "-o", "other", "./pkgs.py:lib^dev")
    assert (hermetica.directory / "other-dev").is_symlink()


def test_a_file_in_the_way_of_a_link_stays(hermetica: CommandLine) -> None:
    hermetica.module(GREETING)
    mine = hermetica.write("result", "mine")
    ended = hermetica("build", "--ui=quiet", "./pkgs.py:hello", status=2)
    assert ended.stderr.splitlines() == [
        "error[HM223] result is in the way, and is no link",
        "  fix  --out-link NAME, or --no-link",
    ]
    assert mine.read_text() == "mine"


def test_a_failure_is_told_once_with_its_log_and_dependants_are_counted(hermetica: CommandLine) -> None:
    hermetica.module(*FAILURES)
    ended = hermetica("build", "-k", "--no-link", "./pkgs.py:more", "./pkgs.py:fine", status=100)
    assert len(ended.stdout.split()) == 1
    assert ended.stderr.count("error[") == 1
    assert "1 built, 1 failed, 2 not tried because an input failed" in ended.stderr
    assert ended.stderr.splitlines()[-4:] == [
        "error[HM105] bad: the builder ended with status 7",
        "  --> pkgs.py:10",
        "      through pkgs.py:7 in sh",
        "  | about to fail",
    ]


@pytest.mark.parametrize(
    ("targets", "status"),
    [
        (["bad"], 100),
        (["slow"], 101),
        (["fixed"], 102),
        (["slow", "bad"], 100),
        (["slow", "bad", "fixed", "fine"], 102),
    ],
)
def test_exit_statuses_say_what_failed_and_combine(hermetica: CommandLine, targets: list[str], status: int) -> None:
    hermetica.module(*FAILURES)
    words = [f"./pkgs.py:{target}" for target in targets]
    ended = hermetica("build", "-k", "--json", "--timeout", "1", "--no-link", *words, status=status)
    document = json.loads(ended.stdout)
    assert document["format"] == "hermetica.build/1"
    assert document["status"] == status
    assert [row["target"] for row in document["results"]] == words


def test_a_missing_program_is_an_error_with_a_way_out(hermetica: CommandLine) -> None:
    hermetica.module(*FAILURES)
    text = hermetica("build", "--ui=quiet", "./pkgs.py:gone", status=100).stderr
    assert text.splitlines()[0] == "error[HM103] gone: no-such-program: not found in the sandbox (exit 127)"
    assert "\n  fix  give it a PATH" in text


def test_a_dry_run_says_what_and_why_and_leaves_nothing(hermetica: CommandLine) -> None:
    hermetica.module(GREETING, "next = sh('next', 'cat $h > $out', env={'h': f'{hello}'})")
    assert hermetica("build", "-n", "./pkgs.py:next").stdout.splitlines() == [
        "build    hello  (nothing with these inputs is in the store)",
        "build    next  (its input hello is not there yet; once it is, equal content would be reused)",
        "2 builds, 0 fetches, 0 reused",
    ]
    assert json.loads(hermetica("build", "-n", "--json", "./pkgs.py:next").stdout)["format"] == "hermetica.plan/1"
    assert not (hermetica.directory / "result").exists()


def test_logs_scroll_with_their_speakers_name_when_wanted(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo one; printf two; echo > $out')")
    lines = hermetica("build", "-v", "./pkgs.py:x").stderr.splitlines()
    assert "x> one" in lines
    assert "x> two" in lines


def test_json_events_are_one_object_a_line(hermetica: CommandLine) -> None:
    hermetica.module(GREETING)
    ended = hermetica("build", "--ui", "json", "./pkgs.py:hello")
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds[0] == "run-started"
    assert kinds[-1] == "run-finished"
    assert {event["format"] for event in events} == {"hermetica.event/1"}
    assert ended.stderr == ""
    last = hermetica("build", "--ui", "json", "--json", "./pkgs.py:hello").stdout.splitlines()[-1]
    assert json.loads(last)["format"] == "hermetica.build/1"


def test_build_services_get_folded_logs_that_command_nothing(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo ::error::mine; echo > $out')")
    lines = hermetica("build", "./pkgs.py:x", env={"GITHUB_ACTIONS": "true"}).stderr.splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith("::group::built     x"))
    token = lines[begin + 1].removeprefix("::stop-commands::")
    assert lines[begin + 2 : begin + 5] == ["::error::mine", f"::{token}::", "::endgroup::"]
    plain = hermetica("build", "--ui=ci", "./pkgs.py:x").stderr
    assert plain == ""


def test_gitlab_folds_each_log_and_no_log_ends_its_section(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', r'printf \"\\033[0Ksection_end:1:hermetica\\r\\033[0Kmine\\n\"; echo > $out')")
    told = hermetica("build", "./pkgs.py:x", env={"GITLAB_CI": "true"}).stderr  # carriage returns are line feeds here
    assert re.search(
        r"^\x1b\[0Ksection_start:\d+:(hermetica_\w+)\[collapsed=true\]\n\x1b\[0Kbuilt +x .*\n"
        r"section_end:1:hermetica\nmine\n"
        r"\x1b\[0Ksection_end:\d+:\1\n\x1b\[0K\n",
        told,
        re.MULTILINE,
    )
    assert told.count("\x1b[0Ksection_end") == 1


def test_a_failure_is_pinned_to_its_line_and_the_job_has_a_summary(hermetica: CommandLine) -> None:
    hermetica.module("low = sh('low', 'echo > $out')", "bad = sh('bad', 'echo the reason; exit 3')")
    line = (
        (hermetica.directory / "pkgs.py")
        .read_text(encoding="utf-8")
        .splitlines()
        .index("bad = sh('bad', 'echo the reason; exit 3')")
    )
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(hermetica.directory / "summary.md")}
    told = hermetica("build", "-k", "--no-link", "./pkgs.py", env=env, status=100).stderr
    assert re.search(rf"^::error file=pkgs.py,line={line + 1},title=HM105 bad::", told, re.MULTILINE)
    written = (hermetica.directory / "summary.md").read_text(encoding="utf-8")
    assert written.startswith("### ❌ low, bad: failed\n")
    assert "the reason" in written
    hermetica("build", "--no-link", "./pkgs.py:low", env=env)
    assert (hermetica.directory / "summary.md").read_text(encoding="utf-8") == written
    gone = env | {"GITHUB_STEP_SUMMARY": "no/such/place"}
    warned = hermetica("build", "--no-link", "./pkgs.py:bad", env=gone, status=100).stderr
    assert "warning: GITHUB_STEP_SUMMARY: no/such/place cannot be written: No such file or directory" in warned


def test_a_program_runs_with_its_closure_and_passes_everything_through(hermetica: CommandLine) -> None:
    script = '#!{busybox}/bin/sh\nread line; echo "got $line and $*"; ls /hermetica/store | wc -l; exit 9\n'
    hermetica.module(
        f"text = hm.text('greet', f{script!r}, executable=True)",
        "app = sh('greet-1.0', 'mkdir -p $out/bin; cp $t $out/bin/greet; chmod +x $out/bin/greet',",
        "         env={'t': f'{text}'})",
    )
    ended = hermetica("run", "./pkgs.py:app", "--", "-a", "b", status=9, input="typed\n")
    assert ended.stdout.splitlines() == ["got typed and -a b", "2"]
    assert hermetica("run", "./pkgs.py:app", "-a", "b", status=9, input="typed\n").stdout == ended.stdout
    wrong = hermetica("run", "--program", "gret", "./pkgs.py:app", status=2).stderr
    assert "did you mean greet?" in wrong


def test_a_failed_build_is_kept_and_entered(hermetica: CommandLine) -> None:
    hermetica.module("x = sh('x', 'echo half > half; exit 4', env={'V': 'declared'})")
    ended = hermetica("build", "--keep-failed", "./pkgs.py:x", status=100)
    kept = next(line.split()[-1] for line in ended.stderr.splitlines() if line.strip().startswith("kept"))
    entered = hermetica("develop", "--failed", kept, "--", *_shell(kept), "-c", "cat half; echo $V")
    assert entered.stdout.split() == ["half", "declared"]
    assert f"hermetica develop --failed {kept}" in ended.stderr
    for words in ([], ["./pkgs.py:x"]):  # the newest; the newest of a target
        entered = hermetica("develop", "--failed", *words, "--", *_shell(kept), "-c", "cat half")
        assert entered.stdout == "half\n"
    gone = hermetica("develop", "--failed", kept, "--", "/bin/none", status=100).stderr
    assert "error[HM302] the builder cannot be executed: /bin/none" in gone
    assert "error[HM117]" in hermetica("develop", "--failed", ".", status=2).stderr


def test_where_nothing_is_kept_it_says_how_to_keep(hermetica: CommandLine) -> None:
    hermetica.module("y = sh('y', 'true')")
    assert "no failed build is kept" in hermetica("develop", "--failed", status=2).stderr
    assert "no failed build of y is kept" in hermetica("develop", "--failed", "./pkgs.py:y", status=2).stderr
    assert "not a kept build" in hermetica("develop", "--failed", "/nowhere/kept", status=2).stderr


def test_an_output_that_is_no_program_is_not_run(hermetica: CommandLine) -> None:
    hermetica.module(GREETING)
    assert "./pkgs.py:hello is a file, and no program" in hermetica("run", "./pkgs.py:hello", status=2).stderr


def test_the_links_that_builds_leave_are_no_part_of_a_source(hermetica: CommandLine) -> None:
    hermetica.module("here = hm.source('.')", "x = sh('x', 'ls -A $h > $out', env={'h': f'{here}'})")
    first = hermetica("build", "./pkgs.py:x").stdout
    again = hermetica("build", "./pkgs.py:x")
    assert (again.stdout, again.stderr) == (first, "")
    left_out = hermetica("source", "ls", "--left-out").stdout
    assert "result  a link to an output, as builds make them" in left_out.splitlines()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_results_that_cannot_be_written_are_an_error_with_a_reason(hermetica: CommandLine) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*hermetica.words, "store", "info"],
            cwd=hermetica.directory,
            env=hermetica.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert ended.stderr == "error[HM600] stdout cannot be written: No space left on device\n"
    assert ended.returncode == 2


def _shell(kept: str) -> list[str]:
    return [json.loads(Path(kept, "kept-build.json").read_text())["builder"]]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_and_leaves_nothing(hermetica: CommandLine, number: int, status: int) -> None:
    mark = f"98{os.getpid()}{status}"
    hermetica.module(f"x = sh('x', 'echo begun; sleep {mark}')")
    process = subprocess.Popen(
        [*hermetica.words, "build", "-v", "./pkgs.py:x"],
        cwd=hermetica.directory,
        env=hermetica.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "begun" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    text = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == status
    assert "Traceback" not in text
    assert text.splitlines()[-1] == "interrupted"
    assert not [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if mark in _text(entry)]
    assert list((hermetica.store_root / "tmp").iterdir()) == []


def test_a_signal_that_interrupts_no_wait_is_obeyed_all_the_same(hermetica: CommandLine) -> None:
    """A signal that another thread takes does to the waiting one what one does that comes just before it waits."""
    hermetica.module("x = sh('x', 'echo begun; sleep 1000')")
    taken = (
        "import signal, sys, threading, time\n"
        "from hermetica.cli.main import main\n"
        "from hermetica.cli.views import plain\n"
        "lines_of = plain.PlainView.lines_of\n"
        "def later():\n"
        "    time.sleep(0.3)\n"
        "    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)\n"
        "def watched(self, event):\n"
        "    if event.kind == 'log': threading.Thread(target=later).start()\n"
        "    return lines_of(self, event)\n"
        "plain.PlainView.lines_of = watched\n"
        "sys.exit(main(['build', './pkgs.py:x']))\n"
    )
    script = hermetica.write("taken.py", taken)
    ended = subprocess.run(
        [sys.executable, script],
        cwd=hermetica.directory,
        env=hermetica.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 143
    assert ended.stderr.splitlines()[-1] == "interrupted"


def _text(entry: Path) -> str:
    try:
        return entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_a_reader_that_leaves_is_no_error(hermetica: CommandLine) -> None:
    hermetica.module(*(f"x{index} = sh('x{index}', 'true')" for index in range(2000)))
    process = subprocess.Popen(
        [*hermetica.words, "ls"],
        cwd=hermetica.directory,
        env=hermetica.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)  # less than it has to say, so it waits for the reader
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=20) == 141
