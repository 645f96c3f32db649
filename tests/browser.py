"""A real headless Chromium, driven by its DevTools protocol: open, evaluate, click, look."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

START_S = 60.0
LONG_S = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium() -> str:
    """Its path, or a reason to skip the test."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


class Page:
    """One tab. What it logs as an error is kept in `faults`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.faults: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        until_s = time.monotonic() + LONG_S
        while True:
            message = json.loads(self._socket.recv(timeout=until_s - time.monotonic()))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            what = details.get("exception", {}).get("description", details["text"])
            self.faults.append(what)
        elif message["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.faults.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def open(self, address: str) -> None:
        self.send("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def reload(self) -> None:
        self("window.before = true")
        self.send("Page.reload")
        self.until("window.before === undefined && document.readyState === 'complete'")

    def __call__(self, expression: str) -> Any:
        """The value of an expression; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str, limit_s: float = LONG_S) -> Any:
        """Wait until it is true (as JavaScript has it), and return its value."""
        until_s = time.monotonic() + limit_s
        while True:
            found = None
            with suppress(AssertionError):  # a page that is being replaced has nothing to ask
                found = self(expression)
            if found:
                return found
            assert time.monotonic() < until_s, f"never true: {expression}; {self.faults}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        return self(f"document.querySelector({json.dumps(selector)}).textContent")

    def click(self, selector: str) -> None:
        self(f"document.querySelector({json.dumps(selector)}).click()")

    def drag(self, selector: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """With the mouse, from and to places given as shares of the element's width and height."""
        box = self(
            f"(({{x, y, width, height}}) => [x, y, width, height])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        places = [(box[0] + x * box[2], box[1] + y * box[3]) for x, y in (begin, end)]
        steps = [("mousePressed", 0), ("mouseMoved", 1), ("mouseReleased", 1)]
        for kind, at in steps if begin != end else (steps[0], steps[2]):
            x, y = places[at]
            held = {"button": "left", "buttons": 1, "clickCount": 1}
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **held)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def press(self, key: str) -> None:
        more = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        code = {"Enter": 13, "Escape": 27}.get(key, ord(key.upper()[0]))
        for kind in ("keyDown", "keyUp"):
            text = more if kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text
            )

    def look(self, *, width: int, height: int, dark: bool = False, touch: bool = False) -> None:
        """Take this size and theme."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=touch,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """Write what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))

    def heap_bytes(self) -> int:
        """What JavaScript holds once its garbage is collected."""
        for _ in range(2):
            self.send("HeapProfiler.collectGarbage")
        return int(self.send("Runtime.getHeapUsage")["usedSize"])


class Browser:
    def __init__(self, port: int) -> None:
        self._port = port

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A tab of its own, closed in the end."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._port}/json/new?about:blank", method="PUT"
        )
        with urllib.request.urlopen(request, timeout=START_S) as answer:
            address = json.load(answer)["webSocketDebuggerUrl"]
        with connect(address, max_size=None, open_timeout=START_S, ping_interval=None) as socket:
            page = Page(socket)
            yield page
            page.send("Page.close")


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Started with a profile of its own in `folder`, and ended with all its processes."""
    profile = folder / "chromium"
    words = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--no-first-run", "--disable-extensions", "--disable-background-networking"),
        *("--remote-debugging-port=0", f"--user-data-dir={profile}", "--hide-scrollbars"),
        *("--window-size=1280,720", "about:blank"),
    ]
    process = subprocess.Popen(
        [chromium(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        note = profile / "DevToolsActivePort"
        until_s = time.monotonic() + START_S
        while not note.exists() or "\n" not in note.read_text():
            assert process.poll() is None, "the browser ended"
            assert time.monotonic() < until_s, "the browser never came"
            time.sleep(0.05)
        yield Browser(int(note.read_text().split()[0]))
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
