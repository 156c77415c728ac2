# SPDX-License-Identifier: Apache-2.0
"""`seal doctor`: what is installed, what is missing, what that costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from seal_bringup.console import echo

if TYPE_CHECKING:
    from seal_bringup.doctor import Check

STYLES = {"ok": "green", "MISSING": "bold red", "absent": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="doctor")(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object instead of the table.")] = False,
) -> None:
    """Show what is installed, what is missing and what that costs.

    Libraries are imported and a ray is cast, so "ok" means that it works. "absent" things are optional: the line names
    what does not work without them. The exit code is 0 when nothing required is MISSING, else 1.
    """
    from seal_bringup.doctor import complete, run_checks

    checks = run_checks()
    ready = complete(checks)
    if as_json:
        content = [{**asdict(check), "status": check.status} for check in checks]
        echo(json.dumps({"ok": ready, "checks": content}, indent=1))
    else:
        _print(checks, ready)
    if not ready:
        raise typer.Exit(1)


def _print(checks: list[Check], ready: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from seal_bringup.console import make_console

    table = Table(box=None, pad_edge=False)
    for title in ("", "what", "found", "what its absence costs"):
        table.add_column(title, overflow="fold")
    for check in checks:
        table.add_row(Text(check.status, STYLES[check.status]), check.name, Text(check.found), Text(check.cost))
    console = make_console()
    console.print(table)
    if ready:
        console.print("\nEverything that the main job needs is here: `seal demo`.", style="green")
    else:
        console.print("\nSomething required is missing; see the lines marked MISSING.", style="red")
