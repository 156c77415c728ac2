# SPDX-License-Identifier: Apache-2.0
"""A real headless browser for tests of pages: Chromium, spoken to over two pipes in its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--no-first-run", "--disable-gpu-sandbox", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--remote-debugging-pipe", "--hide-scrollbars", "--disable-background-networking",
    "--disable-dev-shm-usage", "--force-color-profile=srgb",
)  # fmt: skip


def find() -> str:
    """The browser's program; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


class Browser:
    """One page of a browser.

    Attributes:
        problems: what the page wrote to the console as an error, or threw.
    """

    def __init__(self, read: int, write: int, width: int, height: int, dark: bool) -> None:
        self._read, self._write = read, write
        self._rest, self._number, self._session = b"", 0, ""
        self.problems: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer}"
                return answer["result"]

    def _next(self, patience_s: float = 60.0) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert select.select([self._read], [], [], patience_s)[0], "the browser does not answer"
            came = os.read(self._read, 1 << 20)
            assert came, "the browser has ended"
            self._rest += came
        one, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(one)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        about = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(about["exceptionDetails"].get("exception", about["exceptionDetails"]))[:500])
        elif message.get("method") == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.problems.append(str([arg.get("value", arg.get("description")) for arg in about["args"]])[:500])
        elif message.get("method") == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.problems.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")

    def open(self, url: str) -> None:
        """Go to a page and wait until all of it is there."""
        self._call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, code: str) -> Any:
        """What a JavaScript expression gives, promises awaited."""
        answer = self._call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{code}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait_for(self, code: str, timeout_s: float = 30.0) -> Any:
        """Wait until an expression gives something true; returns that."""
        until = time.monotonic() + timeout_s
        while not (found := self.value(code)):
            assert time.monotonic() < until, f"it never was so: {code}; the page's problems: {self.problems}"
            time.sleep(0.1)
        return found

    def picture(self, path: Path) -> None:
        """Write what is to be seen as a PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(width: int = 1440, height: int = 900, dark: bool = False) -> Iterator[Browser]:
    """A browser with one empty page; it ends with the block."""
    program = find()
    to_child, from_child = os.pipe(), os.pipe()
    theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (to_child[0], from_child[1])]

    def connect() -> None:  # in the child: the protocol wants descriptors 3 and 4
        os.dup2(theirs[0], 3)
        os.dup2(theirs[1], 4)

    with tempfile.TemporaryDirectory(prefix="seal-browser-") as profile:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={profile}"], pass_fds=(3, 4), preexec_fn=connect,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        for fd in (to_child[0], from_child[1], *theirs):
            os.close(fd)
        try:
            yield Browser(from_child[0], to_child[1], width, height, dark)
        finally:
            os.close(to_child[1])  # it ends when nobody talks to it any more
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
            os.close(from_child[0])
