# SPDX-License-Identifier: Apache-2.0
"""The live page: a template, styles and scripts, those of the report among them; nothing comes from elsewhere."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from seal_bringup.report.page import ASSETS as REPORT_ASSETS

ASSETS = Path(__file__).resolve().parent / "assets"
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FILES = {
    "/report.css": REPORT_ASSETS / "report.css",
    "/viewer.js": REPORT_ASSETS / "viewer.js",
    "/live.css": ASSETS / "live.css",
    "/topdown.js": ASSETS / "topdown.js",
    "/live.js": ASSETS / "live.js",
}
"""What the page asks for, by its path."""


def page_bytes() -> bytes:
    """The page itself."""
    environment = Environment(
        loader=FileSystemLoader([ASSETS, REPORT_ASSETS]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("live.html.j2").render().encode("utf-8")


def files() -> dict[str, tuple[str, bytes]]:
    """Kind and bytes of everything that is served unchanged, by path."""
    found = {path: (_KINDS[file.suffix], file.read_bytes()) for path, file in FILES.items()}
    return {"/": ("text/html; charset=utf-8", page_bytes()), **found}
