"""A build service: HTTP in front of hermetica, with asyncio and the standard library. README.md says how to use it."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from builds import Builds, Limits, Refused
from jobs import JOBS, TARGETS, NotAJob, declare
from wire import HEAD_BYTES, Answer, Request, head, json_answer, read_request

import hermetica as hm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from builds import Build

BEAT_S = 15.0
LOG = logging.getLogger("build-service")


class Service:
    """Answers requests."""

    def __init__(self, builds: Builds) -> None:
        self._builds = builds
        self._connections: set[asyncio.Task[Any]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the one request of a connection. Who goes away hinders nobody, and no build."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            try:
                await self._answer(await read_request(reader), writer)
            except Answer as answer:
                document = {"error": str(answer)}
                writer.write(json_answer(answer.status, document, **answer.headers))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def drained(self) -> None:
        """Returns when everybody has the end of what they follow, or does not read it."""
        if self._connections:
            await asyncio.wait(self._connections, timeout=BEAT_S)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        match request.method, request.path.strip("/").split("/"):
            case "GET", [""]:
                writer.write(json_answer(HTTPStatus.OK, {"targets": [*TARGETS], "jobs": [*JOBS]}))
            case "GET", ["builds"]:
                writer.write(json_answer(HTTPStatus.OK, [build.document() for build in self._builds]))
            case "POST", ["builds"]:
                build = self._submit(request.document())
                if "follow" in request.query:
                    await _stream(build, request, writer)
                else:
                    place = f"/builds/{build.id}"
                    writer.write(json_answer(HTTPStatus.CREATED, build.document(), Location=place))
            case "GET", ["builds", key]:
                writer.write(json_answer(HTTPStatus.OK, self._build(key).document()))
            case "GET", ["builds", key, "events"]:
                await _stream(self._build(key), request, writer)
            case "DELETE", ["builds", key]:
                build = self._build(key)
                await self._builds.cancel(build)
                writer.write(json_answer(HTTPStatus.OK, build.document()))
            case _:
                raise Answer(HTTPStatus.NOT_FOUND, f"nothing answers {request.method} {request.path}")

    def _submit(self, document: Any) -> Build:
        try:
            return self._builds.submit(lambda: declare(document))
        except NotAJob as error:
            raise Answer(HTTPStatus.BAD_REQUEST, str(error)) from None
        except Refused as error:
            if error.is_final:
                raise Answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
            raise Answer(HTTPStatus.TOO_MANY_REQUESTS, str(error), Retry_After="5") from None
        except hm.HermeticaError as error:
            raise Answer(HTTPStatus.BAD_REQUEST, f"{error.code}: {error.message}") from None

    def _build(self, key: str) -> Build:
        try:
            return self._builds[key]
        except KeyError:
            raise Answer(HTTPStatus.NOT_FOUND, f"no build {key}") from None


async def _stream(build: Build, request: Request, writer: asyncio.StreamWriter) -> None:
    """The events of a build: a JSON document a line, or server-sent events where the client accepts those."""
    is_sse = "text/event-stream" in request.headers.get("accept", "")
    writer.write(head(HTTPStatus.OK, "text/event-stream" if is_sse else "application/jsonl", Cache_Control="no-store"))
    last = request.headers.get("last-event-id", "")
    events = build.follow(int(last) + 1 if last.isdecimal() else 0)
    pending = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait([pending], timeout=BEAT_S)
            if not done:
                writer.write(b": still there\n\n" if is_sse else b"\n")  # so that who went away is noticed
            elif (found := pending.result()) is None:
                return
            else:
                number, event = found
                text = json.dumps(event)
                writer.write(
                    (f"id: {number}\nevent: {event['kind']}\ndata: {text}\n\n" if is_sse else f"{text}\n").encode()
                )
                pending = asyncio.ensure_future(anext(events, None))
            await writer.drain()  # a slow client waits alone
    finally:
        pending.cancel()


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="builds what it is asked for over HTTP")
    parser.add_argument("--host", default="127.0.0.1", help="whoever reaches it may build (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one (%(default)s)")
    parser.add_argument("--store", help="root of the store; $HERMETICA_STORE, else the user's own")
    parser.add_argument("--running", type=int, default=2, help="builds at once (%(default)s)")
    parser.add_argument("--waiting", type=int, default=8, help="builds that may wait (%(default)s)")
    parser.add_argument("--timeout", type=float, default=600.0, metavar="SECONDS", help="of a builder (%(default)s)")
    parser.add_argument("--grace", type=float, default=10.0, metavar="SECONDS", help="to end in (%(default)s)")
    return parser.parse_args(arguments)


async def main(options: argparse.Namespace) -> None:
    """Serves until a signal comes, and leaves no builder behind."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    limits = Limits(running=options.running, waiting=options.waiting, timeout_s=options.timeout)
    async with hm.aio.open_store(options.store) as store:
        builds = Builds(store, limits)
        service = Service(builds)
        server = await asyncio.start_server(service.connected, options.host, options.port, limit=HEAD_BYTES)
        host, port = server.sockets[0].getsockname()[:2]
        LOG.info("listening on http://%s:%s", host, port)
        await stop.wait()
        LOG.info("ending")
        await builds.stop(options.grace)
        await service.drained()
        server.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")  # to stderr; where that is gone, nobody minds
    asyncio.run(main(parse()))
