# SPDX-License-Identifier: Apache-2.0
"""Which requests the live page's server answers: a robot's camera and its start button are nobody else's business.

Any page that a browser shows can send requests to this machine. Two checks keep other pages out. The Host must be an
IP address or a name of this machine: a stranger's name that was made to lead here (DNS rebinding) is refused. A request
that does something must come from the page itself: its Origin, which browsers always send then, must be that Host.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit


def own_names() -> frozenset[str]:
    """Names by which a browser may call this machine."""
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, f"{name}.local"})


def host_is_ours(host: str, names: Collection[str]) -> bool:
    """Whether a Host header names this machine: an IP address, or one of `names`; any port, for tunnels."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        ipaddress.ip_address(name)
    except ValueError:
        return name_of(host) in names
    return True


def name_of(host: str) -> str:
    """The name in a Host header, in small letters; empty if it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


def refusal(headers: Mapping[str, str], names: Collection[str], acts: bool) -> str:
    """Why a request is refused; empty if it is answered.

    Args:
        headers: of the request; `get` must not mind the letters' case, as http.server's does not.
        names: of this machine.
        acts: whether it would do something.
    """
    host = headers.get("Host") or ""
    if not host_is_ours(host, names):
        return "the Host header names another machine: open the page by this machine's IP address or name"
    if not acts:
        return ""
    origin = headers.get("Origin") or ""
    if origin not in (f"http://{host}", f"https://{host}"):
        return "only the live page itself may do this: its Origin must be the page's own"
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return "only the live page itself may do this: the request comes from another site"
    return ""
