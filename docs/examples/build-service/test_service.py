"""The service as clients meet it: a process of its own, real builds in sandboxes. ``python -m unittest`` runs it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


class Client:
    """Asks a service."""

    def __init__(self, port: int) -> None:
        self.port = port

    def open(self, method: str, path: str, document: Any = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = None if document is None else json.dumps(document)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return connection.getresponse()

    def ask(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        with self.open(method, path, document) as answer:
            return answer.status, json.load(answer)

    def events(self, path: str) -> list[dict[str, Any]]:
        with self.open("GET", path) as answer:
            return [json.loads(line) for line in answer if line.strip()]

    def until(self, path: str, kind: str) -> dict[str, Any]:
        """Follows until an event of a kind comes."""
        with self.open("GET", path) as answer:
            return next(event for event in map(json.loads, answer) if event["kind"] == kind)


def countdown(seconds: int) -> dict[str, Any]:
    """A job that nobody has built before."""
    return {"job": "countdown", "arguments": {"seconds": seconds, "salt": uuid.uuid4().hex}}


class Served(unittest.TestCase):
    """A service for the tests of a class."""

    options: tuple[str, ...] = ()
    process: subprocess.Popen[str]
    client: Client

    @classmethod
    def setUpClass(cls) -> None:
        command = [sys.executable, "service.py", "--port", "0", "--grace", "0.2", *cls.options]
        here = Path(__file__).parent
        cls.process = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, text=True)
        assert cls.process.stderr is not None
        cls.addClassCleanup(cls.process.stderr.close)
        cls.addClassCleanup(cls.process.wait)
        cls.addClassCleanup(cls.process.kill)
        line = cls.process.stderr.readline()
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        assert found is not None, line
        cls.client = Client(int(found[1]))

    def submit(self, request: dict[str, Any]) -> dict[str, Any]:
        status, build = self.client.ask("POST", "/builds", request)
        self.assertEqual(status, 201, build)
        return dict(build)

    def state(self, build: dict[str, Any]) -> str:
        return str(self.client.ask("GET", f"/builds/{build['id']}")[1]["state"])


class Building(Served):
    def test_a_job_is_built_and_its_output_is_there_and_a_root(self) -> None:
        build = self.submit({"job": "page", "arguments": {"title": uuid.uuid4().hex, "rows": ["a", "b"]}})
        events = self.client.events(build["events"])
        kinds = [event["kind"] for event in events]
        self.assertEqual(kinds[:2], ["build-waiting", "build-running"])
        self.assertEqual(kinds[-1], "build-succeeded")
        self.assertEqual("".join(event["text"] for event in events if event["kind"] == "log"), "2 rows\n")
        output = events[-1]["outputs"]["out"]
        self.assertIn("<p>b</p>", Path(output).read_text())
        roots = [sys.executable, "-m", "hermetica", "root", "ls", "--json"]
        listed = json.loads(subprocess.run(roots, capture_output=True, text=True, check=True).stdout)["roots"]
        self.assertIn(f"build-service/{build['id']}/out", {root["name"] for root in listed})

    def test_clients_follow_one_build_and_take_up_where_they_were(self) -> None:
        build = self.submit(countdown(2))
        with ThreadPoolExecutor(3) as threads:
            first, *others = threads.map(self.client.events, [build["events"]] * 3)
        self.assertEqual([first, first], others)
        with self.client.open("GET", build["events"], Accept="text/event-stream", Last_Event_ID="1") as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
            text = answer.read().decode()
        numbers = [int(number) for number in re.findall(r"^id: (\d+)$", text, re.MULTILINE)]
        self.assertEqual(numbers, list(range(2, len(first))))
        self.assertEqual(re.findall(r"^event: (.+)$", text, re.MULTILINE)[-1], "build-succeeded")

    def test_who_goes_away_hinders_no_build(self) -> None:
        with self.client.open("POST", "/builds?follow", countdown(1)) as answer:
            build = json.loads(answer.readline())
        self.assertEqual(self.client.events(build["events"])[-1]["kind"], "build-succeeded")

    def test_a_build_that_is_cancelled_ends_at_once_with_its_sandbox(self) -> None:
        build = self.submit(countdown(500))
        self.client.until(build["events"], "log")
        begun = time.monotonic()
        status, cancelled = self.client.ask("DELETE", f"/builds/{build['id']}")
        self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual((status, cancelled["state"]), (200, "cancelled"))
        self.assertEqual(self.client.events(build["events"])[-1]["kind"], "build-cancelled")

    def test_what_is_no_request_is_told_what_would_be_one(self) -> None:
        for document, said in (
            ({"job": "pge"}, "no job 'pge'; there are page, countdown"),
            ({"target": "helo"}, "no target 'helo'; there are hello, lua, zlib"),
            ({"job": "page", "arguments": {"titel": "x"}}, "it takes title: str, rows: list[str] | None"),
            ({"job": "page", "arguments": {"title": 3}}, "page: title is 3, and has to be str"),
            ([], "ask for"),
        ):
            status, answer = self.client.ask("POST", "/builds", document)
            self.assertEqual(status, 400)
            self.assertIn(said, answer["error"])
        self.assertEqual(self.client.ask("POST", "/builds", {"job": "x" * (64 << 10)})[0], 413)
        self.assertEqual(self.client.ask("GET", "/" + "x" * (17 << 10))[0], 431)
        self.assertEqual(self.client.ask("GET", "/builds/none")[0], 404)
        self.assertEqual(self.client.ask("PUT", "/builds")[0], 404)


class Ending(Served):
    def test_a_signal_ends_builds_and_streams_and_then_the_service(self) -> None:
        build = self.submit(countdown(500))
        self.client.until(build["events"], "log")
        with self.client.open("GET", build["events"]) as answer:
            self.process.send_signal(signal.SIGTERM)
            self.assertEqual(json.loads(answer.read().splitlines()[-1])["kind"], "build-cancelled")
        self.assertEqual(self.process.wait(60), 0)
        builders = [each for each in Path("/proc").glob("[0-9]*/stat") if _parent(each) == self.process.pid]
        self.assertEqual(builders, [])


class Limited(Served):
    options = ("--running", "1", "--waiting", "1", "--timeout", "6")

    def test_builds_wait_for_a_place_and_more_are_told_to_come_again(self) -> None:
        first, second = self.submit(countdown(500)), self.submit(countdown(500))
        self.client.until(first["events"], "log")
        self.assertEqual([self.state(first), self.state(second)], ["running", "waiting"])
        with self.client.open("POST", "/builds", countdown(1)) as answer:
            self.assertEqual((answer.status, answer.headers["Retry-After"]), (429, "5"))
        self.client.ask("DELETE", f"/builds/{second['id']}")
        ended = self.client.events(first["events"])[-1]
        self.assertEqual((ended["kind"], ended["error"]["code"]), ("build-failed", "HM101"))


def _parent(stat: Path) -> int:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return os.getpid()


if __name__ == "__main__":
    unittest.main()
