# SPDX-License-Identifier: Apache-2.0
"""Runs of the stack on a fake LoCoBot, against four bars; with --soak an hour of driving, memory and queues watched.

python -m seal_bringup.experiments.robot --homes test --bases kobuki,create3 --minutes 10 --soak 60

Each run is kept under --work once it is done, so that an interrupted experiment resumes; one that fails says why, and
the rest go on.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from seal_bringup.demo.config import parse_homes
from seal_bringup.experiments.robot.bars import judged, print_table
from seal_bringup.experiments.robot.cells import Cell, run_cell
from seal_bringup.experiments.robot.growth import soak_figures
from seal_bringup.experiments.robot.soak_plot import draw_soak
from seal_bringup.provenance import provenance
from seal_bringup.stack.progress import clock
from seal_perception.errors import InputError, SealError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from sim_bridge.fake_robot.base import base_kind

_OVERHEAD_S = 75.0
"""Of a run: nodes that start and end, and its figures."""


class Campaign:
    """All runs, `at_once` of them at a time, each in a ROS domain of its own.

    Args:
        options: of the command line.
        cells: to run.
    """

    def __init__(self, options: argparse.Namespace, cells: list[Cell]) -> None:
        self._options, self._cells = options, cells
        self._lock = threading.Lock()
        self._domains = [options.domain_id + k for k in range(options.at_once)]
        self._left_s = {cell.name: 60.0 * cell.minutes / (cell.real_time_factor or 1.0) + _OVERHEAD_S for cell in cells}
        self._stop = threading.Event()
        self.failed: dict[str, str] = {}

    def run(self) -> dict[str, dict[str, Any]]:
        """Figures of the cells that went well, by name."""
        with ThreadPoolExecutor(self._options.at_once) as pool:
            try:
                found = list(pool.map(self._one, self._cells))
            except KeyboardInterrupt:
                self._stop.set()  # the pool waits until the nodes have ended
                raise
        return {cell.name: figures for cell, figures in zip(self._cells, found, strict=True) if figures is not None}

    def _one(self, cell: Cell) -> dict[str, Any] | None:
        if self._stop.is_set():
            return None
        with self._lock:
            domain = self._domains.pop()
        begun = time.monotonic()
        whole_s = self._left_s[cell.name]

        def say(text: str) -> None:
            self._left_s[cell.name] = max(0.0, whole_s - (time.monotonic() - begun))
            left = clock(sum(self._left_s.values()) / self._options.at_once)
            print(f"{cell.name} [all: {left} left]: {text}", flush=True)

        try:
            return run_cell(cell, self._options.work, domain, say, self._options.keep_bags, self._stop)
        except (SealError, ValueError, OSError) as error:
            self.failed[cell.name] = str(error)
            say(f"failed: {error}")
            return None
        finally:
            self._left_s[cell.name] = 0.0
            with self._lock:
                self._domains.append(domain)


def parse(words: list[str] | None = None) -> tuple[argparse.Namespace, list[Cell]]:
    """The options, and the cells that they ask for.

    Raises:
        InputError: if an option is wrong.
    """
    parser = argparse.ArgumentParser(
        prog="python -m seal_bringup.experiments.robot",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--homes", default="test", help='"test", or names with commas; "none" = the soak alone')
    parser.add_argument("--bases", default="kobuki,create3", help="with commas")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each run, from when it first drives")
    parser.add_argument("--soak", type=float, default=0.0, help="minutes of the soak; 0 = none")
    parser.add_argument("--soak-home", default="test_04")
    parser.add_argument("--soak-base", default="kobuki")
    parser.add_argument("--camera-hz", type=float, default=5.0, help="the throttled rate: pictures per second")
    parser.add_argument("--width", type=int, default=640, help="of the pictures, 4 : 3")
    parser.add_argument("--rtf", dest="real_time_factor", type=float, default=0.0, help="0 = the system's clock")
    parser.add_argument("--weights", default="seal-small")
    parser.add_argument("--policy", default="frontier")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=1, help="runs at a time")
    parser.add_argument("--domain-id", type=int, default=110, help="ROS domain of the first of these")
    parser.add_argument("--work", type=Path, default=Path("runs/robot"))
    parser.add_argument("--keep-bags", action="store_true", help="some GB each")
    parser.add_argument("--paced", type=Path, default=Path("results/paced.json"), help="the paced table")
    parser.add_argument("--out", type=Path, default=Path("results/robot.json"))
    parser.add_argument("--picture", type=Path, default=None, help="of the soak: docs/images/robot_soak.png")
    options = parser.parse_args(words)
    if options.at_once < 1 or not (options.minutes > 0 and options.soak >= 0):
        raise InputError(
            "need --at-once >= 1, --minutes > 0 and --soak >= 0, got "
            f"{options.at_once}, {options.minutes}, {options.soak}"
        )
    names = ("camera_hz", "width", "real_time_factor", "weights", "policy", "seed")
    shared = {name: getattr(options, name) for name in names}
    homes = () if options.homes == "none" else parse_homes(options.homes)
    bases = options.bases.split(",")
    cells = [Cell(home, base, options.minutes, **shared) for home in homes for base in bases]
    if options.soak:
        cells.append(Cell(options.soak_home, options.soak_base, options.soak, **shared, kind="soak"))
    for cell in cells:
        base_kind(cell.base)
        cell.robot(options.work)
    return options, cells


def main(words: list[str] | None = None) -> int:
    """Run the cells, write results and picture, print the table; 1 if a cell failed."""
    try:
        options, cells = parse(words)
        paced = read_json(options.paced)["homes"] if options.paced.is_file() else {}
    except SealError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options.work.mkdir(parents=True, exist_ok=True)
    campaign = Campaign(options, cells)
    try:
        found = campaign.run()
    except KeyboardInterrupt:
        print(f"interrupted: the runs that are done are kept in {options.work}, the same command goes on", flush=True)
        return 130
    runs = {name: judged(figures, paced) for name, figures in found.items() if figures["asked"]["kind"] == "run"}
    soaks = {}
    for name, figures in found.items():
        if figures["asked"]["kind"] == "soak":
            soaks[name] = judged(figures, paced) | {"soak": soak_figures(figures["memory"], figures["ages"])}
            if options.picture is not None:
                draw_soak(options.picture, name, figures)
    small = {
        name: {k: v for k, v in row.items() if k not in ("memory", "ages")} for name, row in {**runs, **soaks}.items()
    }
    write_json(options.out, {"provenance": provenance(), "runs": small, "failed": campaign.failed})
    print_table(small, campaign.failed)
    return 1 if campaign.failed else 0


if __name__ == "__main__":
    sys.exit(main())
