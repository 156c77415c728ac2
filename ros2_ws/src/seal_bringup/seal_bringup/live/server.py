# SPDX-License-Identifier: Apache-2.0
"""The live page's HTTP server: the page, its parts, a stream of states, and the requests that do something."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from seal_bringup.live.access import own_names, refusal
from seal_bringup.live.config import LiveConfig, open_socket
from seal_bringup.live.hub import Hub
from seal_bringup.live.page import files
from seal_bringup.live.presses import ENABLE, STOP, Ask, Find, Presses, nobody_searches

MOST_CONNECTIONS = 64
"""Of all browsers together; one keeps up to six."""
_PERIOD_S, _HEARTBEAT_S = 0.1, 1.0
_PATIENCE_S = 20.0
"""A browser that takes nothing for so long is let go; it comes back by itself."""
_SEND_BUFFER = 16384
"""Of a stream of states: what waits there is old when it is read."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class LiveServer:
    """Serves a `Hub` in threads of its own until it is closed.

    Args:
        config: where.
        hub: what.
        ask: begins what the buttons ask for.
        find: sends the robot to look for a category, or exploring (an empty text).

    Attributes:
        url: where a browser on this machine finds the page.

    Raises:
        InputError: if the port is taken.
    """

    def __init__(self, config: LiveConfig, hub: Hub, ask: Ask, find: Find = nobody_searches) -> None:
        self._hub = hub
        self._server = _Server(open_socket(config), hub, ask, find, config.buttons)
        self.port = int(self._server.server_address[1])
        self.url = config.url(self.port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="live", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests and let the browsers go."""
        self._hub.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server.let_go()


class _Server(ThreadingHTTPServer):
    """Threads for a bounded number of connections."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, hub: Hub, ask: Ask, find: Find, buttons: bool) -> None:
        self.address_family = listener.family
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_address = listener.getsockname()
        self.hub, self.buttons, self.find = hub, buttons, find
        self.presses = Presses(ask, hub.now)
        self.names, self.files = own_names(), files()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            room = len(self._open) < MOST_CONNECTIONS
            if room:
                self._open.add(request)
        if room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def let_go(self) -> None:
        """End all connections: a browser keeps them open, and a thread would go on to answer there."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):  # its browser was quicker
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that is gone is no error; all else is raised into the thread's hook, which prints it."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE_S
    server: _Server

    def log_message(self, *args: Any) -> None:
        """Nothing: a page asks ten times a second."""

    def do_GET(self) -> None:
        """The page, a part of what it shows, or the stream of states."""
        if not self._allowed(acts=False):
            return
        path = urlsplit(self.path).path
        if path == "/events":
            self._stream()
        elif path in self.server.files:
            self._answer(HTTPStatus.OK, *self.server.files[path])
        elif path.startswith("/part/") and (part := self.server.hub.part(path.removeprefix("/part/"))) is not None:
            self._answer(HTTPStatus.OK, part.kind, part.body(), {"X-Version": str(part.version)})
        else:
            self._say(HTTPStatus.NOT_FOUND, False, "there is no such page, or nothing to show yet")

    def do_POST(self) -> None:
        """Start (`?at=` the time of the state that the page shows), stop, or send the robot to look for something."""
        self.close_connection = True  # a body, if there is one, is not read
        if not self._allowed(acts=True):
            return
        url = urlsplit(self.path)
        what = {"/explore/enable": ENABLE, "/explore/stop": STOP, "/object_goal": ""}.get(url.path)
        given = parse_qs(url.query)
        if what is None:
            self._say(HTTPStatus.NOT_FOUND, False, "there is nothing of this name to do")
        elif not self.server.buttons:
            self._say(HTTPStatus.FORBIDDEN, False, "this page only shows (its server was started without buttons)")
        else:
            if what:
                answer = self.server.presses.press(what, given.get("at", [""])[0])
            else:
                answer = self.server.find(given.get("category", [""])[0])
            self._say(HTTPStatus.OK if answer.done else HTTPStatus.CONFLICT, answer.done, answer.text)

    def _allowed(self, acts: bool) -> bool:
        why = refusal(self.headers, self.server.names, acts)  # type: ignore[arg-type]
        if why:
            self._say(HTTPStatus.FORBIDDEN, False, why)
        return not why

    def _say(self, status: HTTPStatus, done: bool, text: str) -> None:
        self._answer(status, "application/json", json.dumps({"done": done, "text": text}).encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        length = {} if kind == "text/event-stream" else {"Content-Length": str(len(body))}
        for name, value in {**_HEADERS, "Content-Type": kind, **length, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        """States as server-sent events, the newest at each time, until the browser or the server goes."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self._answer(HTTPStatus.OK, "text/event-stream", b"retry: 1000\n\n")
        hub, seen = self.server.hub, -1
        while not hub.closed:
            seen = hub.wait(seen, _HEARTBEAT_S)
            self.wfile.write(f"data: {hub.text()}\n\n".encode())
            time.sleep(_PERIOD_S)
