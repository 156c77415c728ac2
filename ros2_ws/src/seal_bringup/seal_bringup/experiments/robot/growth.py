# SPDX-License-Identifier: Apache-2.0
"""Memory of the nodes over time, and whether it, or a queue, grows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.types import FloatArray

WARM_S = 600.0
"""What is loaded, compiled and allocated once has come by then."""
FLAT = 0.05
"""A process is flat while its memory stays within this share of what it was then."""
_MINUTE_S = 60.0
LONGER_S, MORE, SILENT_S = 0.1, 2.0, 120.0
"""A queue grows if its age rises by more than half a picture's time at 5 Hz, or its length by more than two frames. A
topic that falls silent so many seconds before the end is as bad."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


def read_process(pid: int) -> tuple[float, float, float] | None:
    """Resident MB, of these private to the process (MB), and seconds of a core used so far; None if it has ended."""
    try:
        pages = (Path("/proc") / str(pid) / "statm").read_text().split()
        fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    resident, shared = int(pages[1]) * _PAGE / 1e6, int(pages[2]) * _PAGE / 1e6
    return round(resident, 2), round(resident - shared, 2), (int(fields[11]) + int(fields[12])) / _TICK


def by_minute(times_s: Sequence[float], values: Sequence[float], begin_s: float = 0.0) -> FloatArray:
    """Medians over each minute from `begin_s` on, of minutes that have a value."""
    times, found = np.asarray(times_s, np.float64), np.asarray(values, np.float64)
    minutes = np.floor((times - begin_s) / _MINUTE_S)
    return np.array([np.median(found[minutes == k]) for k in np.unique(minutes[minutes >= 0])])


def flatness(times_s: Sequence[float], values: Sequence[float], warm_s: float = WARM_S) -> dict[str, Any]:
    """Whether a process's memory is flat after its warm-up.

    Args:
        times_s: (N,) seconds since the start, rising.
        values: (N,) memory.
        warm_s: length of the warm-up.

    Returns:
        `start`: median of the first minute after it; `away`: greatest distance of a minute's median from that, as a
        share of it; `slope`: what a straight line through these medians rises by over the whole time, as a share;
        `flat`: whether both stay within `FLAT`. Empty if fewer than three minutes are left.
    """
    minutes = by_minute(times_s, values, warm_s)
    if len(minutes) < 3:
        return {}
    start = float(minutes[0])
    away = float(np.abs(minutes - start).max()) / start
    slope = float(np.polyfit(np.arange(len(minutes)), minutes, 1)[0]) * (len(minutes) - 1) / start
    flat = bool(away <= FLAT and abs(slope) <= FLAT)
    return {"start": round(start, 2), "away": round(away, 4), "slope": round(slope, 4), "flat": flat}


def queue_growth(
    times_s: Sequence[float], values: Sequence[float], more: float, warm_s: float = WARM_S
) -> dict[str, Any]:
    """Whether a queue grows after the warm-up: by a straight line through its minutes' medians.

    Args:
        times_s: (N,) seconds since the start, rising.
        values: (N,) its length, or the age of what comes out of it.
        more: by how much it may rise.
        warm_s: length of the warm-up.

    Returns:
        `median` after the warm-up, `rise` of the line over the whole time, `grows`. Empty below three minutes.
    """
    minutes = by_minute(times_s, values, warm_s)
    if len(minutes) < 3:
        return {}
    rise = float(np.polyfit(np.arange(len(minutes)), minutes, 1)[0]) * (len(minutes) - 1)
    return {"median": round(float(np.median(minutes)), 4), "rise": round(rise, 4), "grows": bool(rise > more)}


def soak_figures(
    memory: Mapping[str, Mapping[str, Sequence[float]]], rows: Sequence[Mapping[str, Any]], warm_s: float = WARM_S
) -> dict[str, Any]:
    """Of a long run: `processes` (see `flatness`), `queues` (see `queue_growth`), and whether all is well.

    Args:
        memory: process -> `s`, `mb`: columns of equal length.
        rows: what `AgesNode` wrote, with `s`, seconds since the start.
        warm_s: length of the warm-up.
    """
    processes = {name: flatness(columns["s"], columns["mb"], warm_s) for name, columns in memory.items()}
    queues = {}
    last_s = float(rows[-1]["s"]) if rows else 0.0
    for topic in sorted({topic for row in rows for topic in row["ages_s"]}):
        found = [(row["s"], row["ages_s"][topic][0]) for row in rows if topic in row["ages_s"]]
        queues[f"age of {topic}, s"] = queue_growth([t for t, _ in found], [v for _, v in found], LONGER_S, warm_s)
        if queues[f"age of {topic}, s"] and last_s - found[-1][0] > SILENT_S:
            queues[f"age of {topic}, s"].update(grows=True, silent_from_s=found[-1][0])
    waiting = [(row["s"], row["map"]["frames_waiting"]) for row in rows if "frames_waiting" in row["map"]]
    if waiting:
        times, frames = [t for t, _ in waiting], [n for _, n in waiting]
        queues["frames waiting in mapping"] = queue_growth(times, frames, MORE, warm_s)
    judged = all(processes.values()) and all(queues.values()) and bool(processes) and bool(queues)
    return {
        "processes": processes,
        "queues": queues,
        "flat": bool(judged and all(row["flat"] for row in processes.values())),
        "no_growing_queue": bool(judged and not any(row["grows"] for row in queues.values())),
    }
