# SPDX-License-Identifier: Apache-2.0
"""`seal experiment`: the group of commands."""

from __future__ import annotations

import typer

from seal_bringup.cli.experiment.table1 import table1
from seal_bringup.cli.experiment.table2 import table2
from seal_bringup.cli.experiment.table3 import table3
from seal_bringup.cli.experiment.table4 import table4

experiment_app = typer.Typer(
    no_args_is_help=True, help="Make the paper's tables: long runs that are kept cell by cell and resume."
)


def register(app: typer.Typer) -> None:
    """Add `seal experiment`."""
    experiment_app.command("table1")(table1)
    experiment_app.command("table2")(table2)
    experiment_app.command("table3")(table3)
    experiment_app.command("table4")(table4)
    app.add_typer(experiment_app, name="experiment")
