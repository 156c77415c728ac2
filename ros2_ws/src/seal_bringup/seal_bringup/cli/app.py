# SPDX-License-Identifier: Apache-2.0
"""Entry point of `seal`: collects the commands and prints a user's mistakes as one line."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import click
import typer

from seal_bringup.console import log_visibly, make_console, visible
from seal_perception.errors import SealError
from seal_perception.reading.limits import raise_limits
from seal_perception.running.environment import check_numbers

MODULES = (
    "doctor",
    "detect",
    "demo",
    "explore",
    "live.page",
    "label",
    "annotate",
    "learn",
    "benchmark",
    "scene",
    "homes",
    "episodes",
    "bag",
    "map",
    "navigation.objectnav",
    "navigation.train_policy",
    "experiment.group",
)

RESUMING = ("demo", "detect", "label", "finetune", "pretrain", "objectnav", "experiment", "train-policy")
"""Commands that resume after an interruption."""

app = typer.Typer(
    name="seal",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="SEAL: a robot maps a home in 3D, labels what it saw, and comes back with a better detector.",
)


@app.callback()
def common(
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Let files ask for more than usual, such as json_mb=2000; may be repeated. See docs/limits.md.",
        ),
    ] = None,
) -> None:
    """SEAL: a robot maps a home in 3D, labels what it saw, and comes back with a better detector."""
    raise_limits(limit or [])


for _module in MODULES:
    import_module(f"seal_bringup.cli.{_module}").register(app)


INTERRUPTED = 130
"""Exit code; typer gives it for Ctrl-C, and no command ends with it otherwise."""


def main() -> None:
    """Run `seal`; exit 1 (3: nothing to learn from) and one line for a user's mistake, 130 when interrupted."""
    console = make_console(stderr=True)
    log_visibly()
    try:
        check_numbers()
        code = app(standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        if isinstance(code, int):  # typer.Exit in a command comes back as its code
            sys.exit(code)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        again = "; run the same command again to resume" if sys.argv[1:2] and sys.argv[1] in RESUMING else ""
        console.print(f"interrupted{again}", style="yellow")
        sys.exit(INTERRUPTED)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.message = visible(error.message)
        error.show()
        sys.exit(error.exit_code)
    except (SealError, OSError) as error:
        console.print(f"error: {visible(_error_line(error), one_line=True)}", style="red", highlight=False)
        sys.exit(getattr(error, "exit_code", 1))
    except MemoryError:
        line = "error: there is not enough memory for this; close other programs or use smaller inputs"
        console.print(line, style="red", highlight=False)
        sys.exit(1)


def _error_line(error: Exception) -> str:
    """The error in one line; a temporary file is named by the file that it becomes."""
    if not isinstance(error, OSError) or error.filename is None or error.strerror is None:
        return str(error)
    path = Path(os.fsdecode(error.filename2 or error.filename))
    beside = re.fullmatch(r"\.(.+)\.\d+\.part(\.\w+)?", path.name)
    return f"{path.with_name(beside[1]) if beside else path}: {error.strerror}"


if __name__ == "__main__":
    main()
