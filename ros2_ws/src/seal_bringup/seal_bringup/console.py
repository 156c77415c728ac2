# SPDX-License-Identifier: Apache-2.0
"""Consoles of the commands: lines fit the terminal; in a pipe or a log no line is ever broken."""

from __future__ import annotations

from rich.console import Console

_UNBROKEN = 100_000
"""Columns of what is no terminal: more than any line has. Tables without `expand` stay as wide as their content."""


def make_console(stderr: bool = False) -> Console:
    """A console on standard output, or on standard error."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=_UNBROKEN)
