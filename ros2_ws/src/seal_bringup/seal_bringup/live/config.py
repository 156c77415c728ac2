# SPDX-License-Identifier: Apache-2.0
"""Where the live page is served, and to whom."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from seal_perception.errors import InputError
from seal_perception.parameters import parameter

PORT = 7325
"""The default port: SEAL on a telephone's keys."""
MAX_PORT = 65535


@dataclass(frozen=True)
class LiveConfig:
    """The live page's server."""

    address: str = parameter("127.0.0.1", "address to listen on; 0.0.0.0 = all of this machine's, for anybody there")
    port: int = parameter(PORT, "TCP port; 0 = any free one", minimum=0, maximum=MAX_PORT)
    buttons: bool = parameter(True, "the page may start and stop the robot; false = it only shows")

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_address(self.address)
        except ValueError as error:
            if self.address != "localhost":
                raise InputError(
                    f"the live page's address must be an IP address of this machine such as 127.0.0.1 or 0.0.0.0, "
                    f"got {self.address[:60]!r}"
                ) from error
        if not 0 <= self.port <= MAX_PORT:
            raise InputError(f"the live page's port must be 0..{MAX_PORT}, got {self.port}")

    @property
    def family(self) -> socket.AddressFamily:
        """Of the address."""
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def url(self, port: int) -> str:
        """Where a browser on this machine finds the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def open_socket(config: LiveConfig) -> socket.socket:
    """A socket that listens where the page is to be served.

    Raises:
        InputError: if the port is taken or the address is none of this machine's; one line.
    """
    listener = socket.socket(config.family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.address, config.port))
        listener.listen(32)
    except OSError as error:
        listener.close()
        raise InputError(
            f"the live page cannot listen on port {config.port} of {config.address}: {error.strerror or error}; choose "
            "another port (--port N, live_port:=N), 0 for any free one, or another address"
        ) from error
    return listener


def require_free(config: LiveConfig) -> None:
    """Refuse a port that is taken, before anything starts.

    Raises:
        InputError: if it is.
    """
    open_socket(config).close()
