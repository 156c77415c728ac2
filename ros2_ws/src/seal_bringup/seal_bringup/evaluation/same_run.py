# SPDX-License-Identifier: Apache-2.0
"""Whether two runs are the same bit for bit: messages of the bags, arrays of the maps, the way.

In lockstep a seed repeats a run, whatever starts its nodes. Figures of time (status.json, logs) are not compared.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.bags.entry import ALL
from seal_mapping.bags.store import BagStore
from seal_perception.errors import InputError
from seal_perception.reading.arrays import read_npz
from seal_perception.reading.text import read_json

MAP, WAY = "map.npz", "trajectory.json"
_NUMBERS_SHOWN = 5


@dataclass(frozen=True)
class Comparison:
    """What was compared.

    Attributes:
        compared: lines such as "bag: 489 messages of 9 topics".
        differences: a line each; empty = the runs are the same.
    """

    compared: tuple[str, ...]
    differences: tuple[str, ...]


def compare_runs(one: Path, other: Path) -> Comparison:
    """Compare two folders of runs; bags where both have one.

    Args:
        one: folder with map.npz, trajectory.json and, unless it was not recorded, bag/.
        other: the same.

    Raises:
        InputError: if a folder lacks a file that the other has, or one cannot be read.
    """
    folders = (Path(one), Path(other))
    compared, differences = [], []
    if any((folder / "bag").exists() for folder in folders):
        bags = [_messages(_require(folder, "bag")) for folder in folders]
        topics = sorted({topic for bag in bags for topic in bag})
        count = sum(sum(rows.values()) for rows in bags[0].values())
        compared.append(f"bag: {count} messages of {len(bags[0])} topics")
        differences += [line for topic in topics if (line := _topic_line(topic, *bags))]
    maps = [read_npz(_require(folder, MAP)) for folder in folders]
    compared.append(f"{MAP}: {len(maps[0])} arrays")
    names = sorted(maps[0].keys() | maps[1].keys())
    differences += [f"{MAP}: {name} differs" for name in names if not _same_array(name, *maps)]
    ways = [_way(folder) for folder in folders]
    compared.append(f"{WAY}: {len(ways[0].get('stamps_ns', ()))} frames")
    differences += [line for name in sorted(ways[0].keys() | ways[1].keys()) if (line := _way_line(name, *ways))]
    return Comparison(tuple(compared), tuple(differences))


def _require(folder: Path, name: str) -> Path:
    if not (folder / name).exists():
        raise InputError(f"{folder} has no {name}: expected the folder of a run that is over")
    return folder / name


def _way(folder: Path) -> dict[str, Any]:
    way = read_json(_require(folder, WAY))
    if not isinstance(way, dict):
        raise InputError(f"{folder / WAY} is no way of a run: expected stamps, poses, actions and goals by name")
    return way


def _messages(bag: Path) -> dict[str, Counter[tuple[int, bytes]]]:
    """Topic -> times and digests of its messages; their order over topics is chance."""
    found: dict[str, Counter[tuple[int, bytes]]] = {}
    for entry in BagStore(bag).scan(lambda topic: ALL):
        digest = hashlib.blake2b(entry.data, digest_size=16).digest()
        found.setdefault(entry.topic.name, Counter())[(entry.log_ns, digest)] += 1
    return found


def _topic_line(topic: str, *bags: dict[str, Counter[tuple[int, bytes]]]) -> str:
    one, other = (bag.get(topic, Counter()) for bag in bags)
    if one == other:
        return ""
    times = sorted({time for time, _ in (one - other) + (other - one)})
    return (
        f"bag: {topic}: {sum(one.values())} and {sum(other.values())} messages, they differ at {len(times)} times, "
        f"first at {times[0] / 1e9:.9f} s"
    )


def _same_array(name: str, *maps: dict[str, Any]) -> bool:
    one, other = (arrays.get(name) for arrays in maps)
    return one is not None and other is not None and one.dtype == other.dtype and bool(np.array_equal(one, other))


def _way_line(name: str, *ways: dict[str, Any]) -> str:
    one, other = (way.get(name) for way in ways)
    if one == other:
        return ""
    if not (isinstance(one, list) and isinstance(other, list)):
        return f"{WAY}: {name} differs"
    rows = [row for row, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    rows += range(min(len(one), len(other)), max(len(one), len(other)))
    shown = ", ".join(map(str, rows[:_NUMBERS_SHOWN])) + (" ..." if len(rows) > _NUMBERS_SHOWN else "")
    return f"{WAY}: {name} differs in {len(rows)} of {max(len(one), len(other))} rows: {shown}"
