"""Drives a headless Chromium over its own protocol, through two pipes: a page, clicks, keys, and what the page says.

Source: Chrome DevTools Protocol; ``--remote-debugging-pipe`` reads from descriptor 3 and writes to 4, NUL after each.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Generator

_ANSWER_S: Final = 60.0
_KEYS: Final = {"ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "Enter": 13, "Escape": 27, "Tab": 9}
_QUIET: Final = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update"),
    *("--disable-extensions", "--disable-sync", "--force-color-profile=srgb", "--remote-debugging-pipe"),
)


def missing_chromium() -> str:
    """Why no page can be opened here; empty where one can, or where it has to be."""
    is_required = os.environ.get("HERMETICA_REQUIRE_CHROMIUM") == "1"
    return (
        ""
        if is_required or _program()
        else "no Chromium on this machine: neither chromium nor google-chrome is on PATH"
    )


def _program() -> str | None:
    direct = Path("/usr/lib/chromium/chromium")  # Debian's, without the script around it
    return str(direct) if direct.exists() else shutil.which("chromium") or shutil.which("google-chrome")


class Chromium:
    """A browser of its own, with a profile that vanishes.

    Args:
        profile: an empty directory.
    """

    def __init__(self, profile: Path) -> None:
        program = _program()
        assert program is not None, "HERMETICA_REQUIRE_CHROMIUM is set, and there is none"
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]  # clear of 3 and 4
        actions = [
            *((os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)),
            *((os.POSIX_SPAWN_DUP2, end, number) for end, number in zip(high, (3, 4), strict=True)),
        ]
        words = [program, *_QUIET, f"--user-data-dir={profile}", "about:blank"]
        environment = {**os.environ, "HOME": str(profile)}
        self._process = os.posix_spawn(program, words, environment, file_actions=actions, setpgroup=0)
        for end in (theirs_in, theirs_out, *high):
            os.close(end)
        self._number = 0
        self._rest = b""
        self.pages: dict[str, Page] = {}

    def command(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Gives one command and waits for its answer; what happens meanwhile is told to the page it concerns."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._out, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        until = time.monotonic() + _ANSWER_S
        while True:
            answer = self._message(until)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self._tell(answer)

    def _message(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            left = until - time.monotonic()
            assert left > 0, "the browser does not answer"
            assert select.select([self._in], [], [], left)[0], "the browser does not answer"
            data = os.read(self._in, 1 << 20)
            assert data, "the browser ended"
            self._rest += data
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _tell(self, event: dict[str, Any]) -> None:
        page = self.pages.get(event.get("sessionId", ""))
        if page is not None:
            page.take(event["method"], event["params"])

    def page(self, path: Path, *, width: int = 1440, height: int = 900, dark: bool = False) -> Page:
        """Opens a file, and returns once its scripts have run."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.command(f"{domain}.enable")
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.command("Emulation.setEmulatedMedia", features=[feature])
        page.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        page.command("Page.navigate", url=path.resolve().as_uri())
        page.until("document.readyState === 'complete'")
        return page

    def close(self) -> None:
        """Ends it, and waits until it has."""
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._in)
        os.close(self._out)


@attrs.define
class Page:
    """One page.

    Attributes:
        browser: its browser.
        session: what the protocol calls it.
        errors: what went wrong in it: exceptions, refused loads, errors on its console.
        requests: the addresses that it loaded or tried to.
    """

    browser: Chromium
    session: str
    errors: list[str] = attrs.field(factory=list[str])
    requests: list[str] = attrs.field(factory=list[str])

    def take(self, method: str, parameters: dict[str, Any]) -> None:
        """Learns from what the browser tells."""
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] in {"error", "warning"}:
            self.errors.append(parameters["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and parameters["type"] in {"error", "assert"}:
            self.errors.append(json.dumps(parameters["args"]))

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Gives a command that concerns this page."""
        return self.browser.command(method, self.session, **parameters)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript; of a promise, once it is there."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def text(self, selector: str) -> str:
        """What an element says."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def until(self, expression: str) -> None:
        """Waits until an expression is true."""
        until = time.monotonic() + _ANSWER_S
        while not self.evaluate(expression):
            assert time.monotonic() < until, f"never true: {expression}"
            time.sleep(0.02)

    def settle(self) -> None:
        """Waits until a frame was drawn, and another."""
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def click(self, selector: str, x: float | None = None, y: float | None = None) -> None:
        """Clicks an element, at its middle or at a place in it."""
        place = self.evaluate(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)});"
            " it.scrollIntoView({block: 'nearest'});"
            " const box = it.getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; })()"
        )
        self.press(place[0] + (place[2] / 2 if x is None else x), place[1] + (place[3] / 2 if y is None else y))

    def press(self, x: float, y: float) -> None:
        """Presses and releases the first button at a place of the window."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            buttons = {"button": "left", "clickCount": 1} if kind != "mouseMoved" else {}
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, **buttons)
        self.settle()

    def key(self, key: str) -> None:
        """Presses one key."""
        code = _KEYS.get(key, ord(key[0].upper()))
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text)
        self.settle()

    def write(self, text: str) -> None:
        """Types text where the focus is."""
        self.command("Input.insertText", text=text)
        self.settle()

    def screenshot(self, path: Path | None = None) -> bytes:
        """What is seen, as PNG."""
        data = base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            path.write_bytes(data)
        return data


@contextmanager
def chromium() -> Generator[Chromium]:
    """A browser while this holds."""
    with tempfile.TemporaryDirectory(prefix="hermetica-chromium-", ignore_cleanup_errors=True) as profile:
        browser = Chromium(Path(profile))
        try:
            yield browser
        finally:
            browser.close()
