# SPDX-License-Identifier: Apache-2.0
r"""Consoles of the commands: lines fit the terminal; in a pipe or a log no line is ever broken.

Names in a file that somebody else wrote may hold control characters. A terminal obeys them: its title, colours and
clipboard change, lines that were printed before vanish. So all that the commands print goes through here, and such
characters are shown as `\x1b`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_UNBROKEN = 100_000
"""Columns of what is no terminal: more than any line has. Tables without `expand` stay as wide as their content."""

# Controls of both sets but tab and newline, marks that turn the direction of writing, breaks of lines other than \n,
# and halves of pairs, which cannot be written at all.
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str, one_line: bool = False) -> str:
    r"""A text whose control characters are spelled out: `\x1b`, `\u202e`.

    Args:
        text: to be printed.
        one_line: whether a newline is spelled out too.
    """
    text = _HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return text.replace("\n", "\\n") if one_line else text


class VisibleConsole(Console):
    """A console that spells out control characters; its own colours and movements stay."""

    def render_str(self, text: str, **how: Any) -> Text:
        """A text as the terminal may have it, before its width is measured."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments of something to print."""
        for segment in super().render(renderable, options):
            plain = segment.control or _HIDDEN.search(segment.text) is None
            yield segment if plain else Segment(visible(segment.text), segment.style)


def make_console(stderr: bool = False) -> Console:
    """A console on standard output, or on standard error; `[bold]` in a text is text, as it may be a file's."""
    console = VisibleConsole(stderr=stderr, markup=False, emoji=False)
    return console if console.is_terminal else VisibleConsole(stderr=stderr, markup=False, emoji=False, width=_UNBROKEN)


def echo(text: object = "") -> None:
    """Print a line as it is: not wrapped, without colours."""
    import click

    click.echo(visible(str(text)))


class VisibleFormatter(logging.Formatter):
    """Lines of the log with control characters spelled out."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        return visible(super().format(record))


def log_visibly() -> None:
    """Spell out control characters in warnings that nobody else handles."""
    handler: Any = logging.lastResort
    if handler is not None:
        handler.setFormatter(VisibleFormatter())
