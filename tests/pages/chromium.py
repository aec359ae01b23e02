"""A headless Chromium, driven over the DevTools protocol through a pipe: no port, no package.

https://chromedevtools.github.io/devtools-protocol/; with `--remote-debugging-pipe`, messages are JSON that ends in a
zero byte, read by the browser from file descriptor 3 and written to 4.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE = 60.0
_HIGH = 10
_WITH_PIPES = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chromium:
    """One tab of a browser, and every address that it has asked for."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._left = b""
        self._number = 0
        self._session = ""
        self._loaded = False
        self.asked: list[str] = []
        self.said: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Ask for something, and wait for the answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, page: Path, *, width: int, dark: bool = False) -> None:
        """Open a page in a window of this width, as a phone or a desktop with light or dark colours shows it."""
        self.asked.clear()
        self.said.clear()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=800,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self._loaded = False
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not self._loaded:
            self._next()

    def value(self, expression: str) -> Any:
        """What a piece of JavaScript is on the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def screenshot(self) -> bytes:
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def _next(self) -> Any:
        """The next message; events are noted on the way."""
        while b"\0" not in self._left:
            assert select.select([self._reading], [], [], _PATIENCE)[0], "the browser says nothing"
            read = os.read(self._reading, 1 << 20)
            assert read, "the browser is gone"
            self._left += read
        line, _, self._left = self._left.partition(b"\0")
        message = json.loads(line)
        parameters = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(parameters["request"]["url"])
            case "Page.loadEventFired":
                self._loaded = True
            case "Log.entryAdded":
                self.said.append(parameters["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.said.append(json.dumps(parameters))
        return message


def is_chromium(program: str) -> bool:
    """Whether it is one, and not a note of where to get one, as some distributions have it."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return said.returncode == 0 and "Chrom" in said.stdout


def pipe() -> tuple[int, int]:
    """The two ends of a pipe, under numbers that are in nobody's way."""
    low = os.pipe()
    high = (
        fcntl.fcntl(low[0], fcntl.F_DUPFD_CLOEXEC, _HIGH),
        fcntl.fcntl(low[1], fcntl.F_DUPFD_CLOEXEC, _HIGH),
    )
    for end in low:
        os.close(end)
    return high


@contextmanager
def chromium() -> Iterator[Chromium]:
    """A browser with a profile of its own; the test is skipped where there is none.

    The sandbox of its processes needs rights that root in a container does not have; the pages are our own.
    """
    program = next((found for name in NAMES if (found := shutil.which(name)) and is_chromium(found)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    to_browser, from_us = pipe()
    from_browser, to_us = pipe()
    with TemporaryDirectory(prefix="sdflow-chromium-", ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        options += ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars"]
        starter = [sys.executable, "-S", "-c", _WITH_PIPES, str(to_browser), str(to_us), program, *options]
        browser = subprocess.Popen(starter, pass_fds=(to_browser, to_us), stdout=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(to_us)
        try:
            yield Chromium(from_browser, from_us)
        finally:
            os.close(from_us)
            os.close(from_browser)
            browser.terminate()
            browser.wait(timeout=20)
            time.sleep(0.1)  # its children still write into the profile
