# SPDX-License-Identifier: Apache-2.0
"""The live page's server: who is answered, what a slow browser costs, ports that are taken, a clean end."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seal_bringup.live.access import host_is_ours, refusal
from seal_bringup.live.config import LiveConfig, require_free
from seal_bringup.live.hub import Hub
from seal_bringup.live.page import files
from seal_bringup.live.presses import Answer, Presses, nobody_searches
from seal_bringup.live.server import MOST_CONNECTIONS, LiveServer
from seal_perception.errors import InputError


class Page:
    """A server with a hub of its own, and what it was asked to do."""

    def __init__(self, **changes: Any) -> None:
        self.hub = Hub()
        self.asked: list[str] = []
        self.server = LiveServer(LiveConfig(port=0, **changes), self.hub, self._ask, self._find)
        self.host = f"127.0.0.1:{self.server.port}"

    def _ask(self, what: str) -> Callable[[], Answer]:
        self.asked.append(what)
        return lambda: Answer(what == "stop", f"{what} was asked for")

    def _find(self, category: str) -> Answer:
        self.asked.append(f"find {category}")
        return Answer(category != "lamp", f"asked to look for: {category}")

    def enable(self) -> str:
        """Where a page that shows the newest state presses Start."""
        return f"/explore/enable?at={json.loads(self.hub.text())['now']!r}"

    def request(self, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        reply = connection.getresponse()
        found = reply.status, dict(reply.getheaders()), reply.read()
        connection.close()
        return found


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page()
    yield made
    made.server.close()


def test_the_page_and_all_that_it_asks_for_come_from_this_server(page: Page) -> None:
    status, headers, body = page.request("GET", "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    asked = re.findall(r'(?:src|href)="([^"]+)"', body.decode())
    assert len(asked) == 6 and all(path.startswith("/") or path == "data:," for path in asked)
    for path in asked:
        if path != "data:,":
            assert page.request("GET", path)[0] == 200, path
    everything = b"".join(text for _, text in files().values()).decode()
    assert set(re.findall(r"https?://[\w.]+", everything)) == {"http://www.w3.org"}, "an SVG's name, never fetched"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"] and headers["X-Frame-Options"] == "DENY"
    assert page.request("GET", "/nothing")[0] == page.request("GET", "/part/camera")[0] == 404


def test_a_part_comes_with_its_version(page: Page) -> None:
    page.hub.put("camera", "image/jpeg", lambda: b"one")
    page.hub.put("camera", "image/jpeg", lambda: b"two")
    status, headers, body = page.request("GET", "/part/camera")
    assert (status, headers["X-Version"], headers["Content-Type"], body) == (200, "2", "image/jpeg", b"two")


def test_the_page_itself_may_start_and_stop(page: Page) -> None:
    own = {"Origin": f"http://{page.host}"}
    status, _, body = page.request("POST", "/explore/stop", **own)
    assert (status, json.loads(body)) == (200, {"done": True, "text": "stop was asked for"})
    assert page.request("POST", page.enable(), **own, Sec_Fetch_Site="same-origin")[0] == 409  # refused by the gate
    assert page.asked == ["stop", "enable"]


def test_the_page_itself_may_say_what_to_look_for(page: Page) -> None:
    own = {"Origin": f"http://{page.host}"}
    status, _, body = page.request("POST", "/object_goal?category=potted%20plant", **own)
    assert (status, json.loads(body)["text"]) == (200, "asked to look for: potted plant")
    assert page.request("POST", "/object_goal?category=lamp", **own)[0] == 409
    assert page.request("POST", "/object_goal", **own)[0] == 200  # nothing: explore
    assert page.request("POST", "/object_goal?category=bed", Origin="http://elsewhere.example")[0] == 403
    assert page.request("GET", "/object_goal?category=bed")[0] == 404
    assert page.asked == ["find potted plant", "find lamp", "find "]
    only_shows = Page(buttons=False)
    try:
        own = {"Origin": f"http://{only_shows.host}"}
        assert only_shows.request("POST", "/object_goal?category=bed", **own)[0] == 403 and only_shows.asked == []
    finally:
        only_shows.server.close()
    assert not nobody_searches("bed").done


def test_a_start_that_comes_late_or_after_a_stop_is_none() -> None:
    """A browser may hold a request back for long: whoever pressed Start has given up, or pressed Stop since."""
    time_s, asked = 100.0, []
    presses = Presses(lambda what: asked.append(what) or (lambda: Answer(True, what)), lambda: time_s)
    for at in ("", "soon", "nan", "inf", "100.1"):
        answer = presses.press("enable", at)
        assert not answer.done and "must name the time of the page's state" in answer.text, at
    assert "3.1 s late" in presses.press("enable", "96.9").text and asked == []
    assert presses.press("enable", "97.5").done and presses.press("stop", "").done
    time_s = 101.0
    for at in ("99.5", "100.0"):
        assert "a stop came after this start" in presses.press("enable", at).text
    assert presses.press("enable", "100.5").done and asked == ["enable", "stop", "enable"]


def test_a_stop_waits_for_no_start_and_is_asked_for_after_it() -> None:
    """The start is still waited for; it is asked for first, whoever's thread runs next."""
    asked: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def ask(what: str) -> Callable[[], Answer]:
        asked.append(what)
        return (lambda: Answer(begun.set() is None and go_on.wait(10.0), what)) if what == "enable" else (
            lambda: Answer(True, what)
        )  # fmt: skip

    presses = Presses(ask, time.monotonic)
    thread = threading.Thread(target=presses.press, args=("enable", repr(time.monotonic())))
    thread.start()
    assert begun.wait(10.0) and presses.press("stop", "").done and thread.is_alive()
    assert asked == ["enable", "stop"]
    go_on.set()
    thread.join()


def test_over_http_a_start_needs_the_time_of_its_state(page: Page) -> None:
    own = {"Origin": f"http://{page.host}"}
    status, _, body = page.request("POST", "/explore/enable", **own)
    assert status == 409 and "reload the page" in json.loads(body)["text"] and page.asked == []
    before = page.enable()
    assert page.request("POST", "/explore/stop", **own)[0] == 200
    assert "a stop came after this start" in json.loads(page.request("POST", before, **own)[2])["text"]
    assert page.request("POST", page.enable(), **own)[0] == 409 and page.asked == ["stop", "enable"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1"},  # another port is another site
        {"Origin": "OWN", "Sec_Fetch_Site": "cross-site"},
        {"Origin": "http://evil.example", "Host": "evil.example"},  # its name was made to lead here
        {"Origin": "http://127.0.0.1.evil.example", "Host": "127.0.0.1.evil.example"},
    ],
)
def test_nobody_else_may_start_or_stop(page: Page, headers: dict[str, str]) -> None:
    given = {k: v.replace("OWN", f"http://{page.host}") for k, v in headers.items()}
    for path in (page.enable(), "/explore/stop"):
        assert page.request("POST", path, **given)[0] == 403
    assert page.asked == []


def test_a_link_or_a_picture_starts_nothing(page: Page) -> None:
    own = {"Origin": f"http://{page.host}"}
    for method in ("GET", "HEAD", "PUT", "OPTIONS", "DELETE"):
        assert page.request(method, "/explore/enable", **own)[0] in (404, 501)
    assert page.request("POST", "/explore/other", **own)[0] == 404 and page.asked == []


def test_a_strange_name_does_not_even_see_the_camera(page: Page) -> None:
    page.hub.put("camera", "image/jpeg", lambda: b"private")
    for path in ("/", "/part/camera", "/events"):
        status, _, body = page.request("GET", path, Host="evil.example")
        assert status == 403 and b"private" not in body
    assert page.request("GET", "/part/camera", Host="localhost:9000")[0] == 200  # through a tunnel


def test_a_page_without_buttons_only_shows() -> None:
    page = Page(buttons=False)
    try:
        status, _, body = page.request("POST", "/explore/stop", Origin=f"http://{page.host}")
        assert status == 403 and b"without buttons" in body and page.asked == []
    finally:
        page.server.close()


@pytest.mark.parametrize(
    ("host", "ours"),
    [("127.0.0.1:7325", True), ("[::1]:80", True), ("192.168.1.7", True), ("LocalHost:1", True), ("box.local", True),
     ("", False), ("evil.example:7325", False), ("127.0.0.1.evil.example", False), ("[::1", False), ("a b", False),
     ("localhost.evil.example", False), ("user@evil.example", False)],
)  # fmt: skip
def test_a_host_is_an_address_or_a_name_of_this_machine(host: str, ours: bool) -> None:
    names = {"localhost", "box.local"}
    assert host_is_ours(host, names) is ours
    assert bool(refusal({"Host": host}, names, acts=False)) is not ours


def events(stream: socket.socket, until: float) -> list[dict[str, Any]]:
    """States that come before a time, or until the stream is quiet."""
    stream.settimeout(0.7)
    raw = b""
    while time.monotonic() < until:
        try:
            raw += stream.recv(1 << 16)
        except TimeoutError:
            break
    return [json.loads(row[6:]) for row in raw.decode().split("\n\n")[:-1] if row.startswith("data: ")]


def listen(page: Page, room: int = 4096) -> socket.socket:
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    stream.connect(("127.0.0.1", page.server.port))
    stream.sendall(f"GET /events HTTP/1.1\r\nHost: {page.host}\r\n\r\n".encode())
    return stream


def test_several_browsers_see_each_state_and_a_slow_one_the_newest(page: Page) -> None:
    """One reads nothing for 3 s: it gets far fewer states than there were, and the last one soon."""
    slow, quick = listen(page), listen(page, 1 << 16)
    fast: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: fast.extend(events(quick, time.monotonic() + 4.0)))
    reader.start()
    page.hub.say("filling", "x" * 20_000)
    for number in range(30):
        page.hub.say("number", number)
        time.sleep(0.1)
    reader.join()
    late = events(slow, time.monotonic() + 1.5)
    numbers = {"fast": [s.get("number") for s in fast], "late": [s.get("number") for s in late]}
    assert numbers["fast"][-1] == numbers["late"][-1] == 29
    assert len(set(numbers["fast"])) > 20 and len(set(numbers["late"])) < 15
    for stream in (slow, quick):
        stream.close()


def test_there_are_connections_for_so_many_and_no_more(page: Page) -> None:
    streams = [listen(page) for _ in range(MOST_CONNECTIONS)]
    try:
        for stream in streams:
            stream.settimeout(10)
            assert stream.recv(8) == b"HTTP/1.1"
        one_more = listen(page)
        one_more.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert one_more.recv(8) == b"", "it is let go at once"
    finally:
        for stream in streams:
            stream.close()
    for _ in range(100):  # a browser that goes makes room for another
        page.hub.say("x", 0)
        try:
            assert page.request("GET", "/")[0] == 200
            return
        except (ConnectionError, http.client.RemoteDisconnected):
            time.sleep(0.1)
    pytest.fail("no room came back")


def test_the_end_of_the_server_lets_the_browsers_go() -> None:
    page = Page()
    stream = listen(page)
    stream.settimeout(10)
    assert stream.recv(8) == b"HTTP/1.1"
    kept = http.client.HTTPConnection("127.0.0.1", page.server.port, timeout=10)
    kept.request("GET", "/live.js")
    kept.getresponse().read()
    before = time.monotonic()
    page.server.close()
    with pytest.raises((ConnectionError, http.client.HTTPException)):  # on the connection that was kept open, too
        kept.request("POST", "/explore/stop", headers={"Origin": f"http://{page.host}"})
        kept.getresponse()
    assert page.asked == []
    while stream.recv(1 << 16):
        pass
    assert time.monotonic() - before < 5
    assert not [t for t in threading.enumerate() if t.name == "live"]
    require_free(LiveConfig(port=page.server.port))


def test_a_port_that_is_taken_is_one_line(page: Page) -> None:
    with pytest.raises(
        InputError, match=rf"cannot listen on port {page.server.port} of 127.0.0.1: .*--port N"
    ) as error:
        LiveServer(LiveConfig(port=page.server.port), Hub(), lambda what: lambda: Answer(True, what))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": "robot.example"}, "must be an IP address of this machine .*got 'robot.example'"),
        ({"port": 70000}, "port must be 0..65535, got 70000"),
        ({"port": -1}, "port must be"),
    ],
)
def test_an_address_that_is_none_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LiveConfig(**changes)


@pytest.mark.parametrize(
    ("address", "url"),
    [("0.0.0.0", "http://127.0.0.1:5/"), ("::1", "http://[::1]:5/"), ("192.168.0.2", "http://192.168.0.2:5/")],
)
def test_the_url_is_one_that_a_browser_opens(address: str, url: str) -> None:
    assert LiveConfig(address).url(5) == url
