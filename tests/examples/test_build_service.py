"""The example of a build service: its own tests, and the commands of its README."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.examples.conftest import Example

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]


def test_its_own_tests_pass(example: Example) -> None:
    said = example.run("python", "-W", "error", "-m", "unittest").stderr
    assert re.search(r"^Ran [1-9]\d* tests in [\d.]+s\n\nOK$", said, re.MULTILINE), said


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README asks with curl")
def test_the_commands_of_the_readme_work(example: Example) -> None:
    serve, ask = example.commands()
    assert serve[0] == "python"
    command = [sys.executable, *serve[1:], "--port", "0"]
    environment = example.environment
    with subprocess.Popen(command, cwd=example.directory, env=environment, stderr=subprocess.PIPE, text=True) as served:
        try:
            assert served.stderr is not None
            address = served.stderr.readline().removeprefix("listening on http://").strip()
            assert address
            answer = example.run(*(word.replace("localhost:8080", address) for word in ask)).stdout
        finally:
            served.send_signal(signal.SIGTERM)
        assert served.communicate(timeout=60)[1] == "ending\n"
    events = [json.loads(line) for line in answer.splitlines()]
    assert [event["kind"] for event in events[:2]] == ["build-waiting", "build-running"]
    assert events[-1]["kind"] == "build-succeeded"
    assert Path(events[-1]["outputs"]["out"]).read_text() == "<h1>Q3</h1>\n<p>a</p>\n<p>b</p>\n"
    assert served.returncode == 0
