# SPDX-License-Identifier: Apache-2.0
"""Episodes as files: one `HOME.json.gz` per home and `manifest.json` with their hashes. Truth: for evaluation only.

The same settings give the same bytes. The manifest is written last, so that a folder with one is whole.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from seal_perception.files import replacing, sha256, write_json
from seal_perception.reading.text import gunzip, load_json, read_json
from sim_bridge.evaluation.episode_goals import GoalObject
from sim_bridge.evaluation.episodes import Episode, EpisodeConfig, HomeEpisodes, make_episodes
from sim_bridge.geometry.mesh import Scene

FORMAT, VERSION = "seal-objectnav", 1
MANIFEST = "manifest.json"
LARGEST = 1e6
"""No position, in metres, and no length is larger."""
NOTICE = "made from the simulator's truth; for evaluation only, never for training"


@dataclass(frozen=True)
class EpisodeSet:
    """The episodes of a split.

    Attributes:
        split: train, val, test, or another name.
        seed: they were made with.
        homes: the episodes by home, in order.
    """

    split: str
    seed: int
    homes: tuple[HomeEpisodes, ...]


def write_episodes(
    scenes: Sequence[tuple[str, Callable[[], Scene]]],
    out: Path | str,
    split: str,
    per_home: int,
    seed: int = 0,
    config: EpisodeConfig | None = None,
    on_home: Callable[[str, int, int], object] = lambda home, done, count: None,
) -> Path:
    """Make and write the episodes of some homes.

    Args:
        scenes: (name, function that makes the scene) of each home; the name counts, whatever the scene calls itself.
        out: folder; must not hold a finished set.
        split: its name.
        per_home: episodes per home.
        seed: another number, other episodes.
        config: what episodes are made.
        on_home: called with (home, homes done, homes) before each home and after the last.

    Returns:
        The manifest.

    Raises:
        InputError: if the folder already holds a set, two homes have one name, or a home has no episode.
    """
    out = Path(out)
    if (out / MANIFEST).exists():
        raise InputError(f"{out} already holds episodes; choose another folder or remove it")
    names = [name for name, _ in scenes]
    if not names or len(set(names)) < len(names) or any("/" in name for name in names):
        raise InputError(f"episodes need homes, each with a name of its own, got {names}")
    rows = []
    for done, (name, make) in enumerate(scenes):
        on_home(name, done, len(scenes))
        home = _called(name, make_episodes(make(), per_home, seed, config))
        path = out / f"{name}.json.gz"
        data = json.dumps(_home_json(home, split, seed), separators=(",", ":")).encode()
        with replacing(path) as beside:
            beside.write_bytes(gzip.compress(data, mtime=0))
        rows.append({"home": name, "file": path.name, "sha256": sha256(path), "episodes": len(home.episodes)})
        rows[-1]["scene_sha256"] = home.scene_sha256
    on_home(names[-1], len(scenes), len(scenes))
    head = {"format": f"{FORMAT}-set", "version": VERSION, "notice": NOTICE, "split": split, "seed": seed}
    write_json(out / MANIFEST, {**head, "per_home": per_home, "homes": rows})
    return out / MANIFEST


def _called(name: str, home: HomeEpisodes) -> HomeEpisodes:
    """The same episodes under the name that the set gives the home."""
    if home.home == name:
        return home
    episodes = tuple(replace(e, id=f"{name}:{number}") for number, e in enumerate(home.episodes))
    return replace(home, home=name, episodes=episodes)


def _home_json(home: HomeEpisodes, split: str, seed: int) -> dict[str, Any]:
    goals = [
        {
            "instance": g.instance,
            "name": g.name,
            "category": CATEGORIES[g.category],
            "position": [round(v, 4) for v in g.position],
            "viewpoints": np.round(g.viewpoints, 4).tolist(),
        }
        for g in home.goals
    ]
    episodes = [
        {
            "id": e.id,
            "start_seed": e.start_seed,
            "start": list(e.start),
            "category": CATEGORIES[e.category],
            "shortest_path_m": e.shortest_path_m,
            "straight_m": e.straight_m,
            "nearest": e.nearest,
        }
        for e in home.episodes
    ]
    head = {"format": FORMAT, "version": VERSION, "notice": NOTICE, "split": split, "seed": seed}
    body = {"home": home.home, "scene_sha256": home.scene_sha256, "success_m": home.success_m}
    return {**head, **body, "goals": goals, "episodes": episodes}


def read_episodes(folder: Path | str) -> EpisodeSet:
    """Read and check a set.

    Raises:
        InputError: in one line, if a file is missing, changed, of another version or does not make sense.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder} holds no {MANIFEST}: give the folder that `seal episodes make` wrote")
    manifest = read_json(path)
    _header(manifest, f"{FORMAT}-set", path)
    homes = []
    for row in _get(manifest, "homes", list, path):
        name = _get(row, "file", str, path)
        file = folder / name
        if Path(name).name != name or not file.is_file():
            raise InputError(f"{file} is named in {MANIFEST} and is not there")
        if sha256(file) != _get(row, "sha256", str, path):
            raise InputError(f"{file} is not the file that {MANIFEST} names: its SHA-256 differs")
        home = read_home(file)
        if home.home != _get(row, "home", str, path) or len(home.episodes) != _get(row, "episodes", int, path):
            raise InputError(f"{file} holds {len(home.episodes)} episodes of {home.home}; {MANIFEST} says otherwise")
        homes.append(home)
    return EpisodeSet(_get(manifest, "split", str, path), _get(manifest, "seed", int, path), tuple(homes))


def read_home(path: Path | str) -> HomeEpisodes:
    """Read and check the episodes of one home.

    Raises:
        InputError: in one line, if the file cannot be read or does not make sense.
    """
    path = Path(path)
    try:
        content = load_json(gunzip(path), path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    _header(content, FORMAT, path)
    goals = tuple(_goal(row, path) for row in _get(content, "goals", list, path))
    known = {goal.instance: goal.category for goal in goals}
    episodes = tuple(_episode(row, known, path) for row in _get(content, "episodes", list, path))
    if len(known) < len(goals) or len({e.id for e in episodes}) < len(episodes):
        raise InputError(f"{path}: an object or an episode occurs twice")
    success = _number(content, "success_m", path)
    return HomeEpisodes(
        _get(content, "home", str, path), _get(content, "scene_sha256", str, path), success, goals, episodes
    )


def _header(content: Any, kind: str, path: Path) -> None:
    found = (_get(content, "format", str, path), _get(content, "version", int, path))
    if found != (kind, VERSION):
        raise InputError(f"{path} must be {kind} version {VERSION}, got {found[0]} version {found[1]}")


def _get(row: Any, key: str, kind: type, path: Path) -> Any:
    """An entry of the right type."""
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(f"{path}: {key!r} must be a {kind.__name__}, got {str(value)[:60]!r}")
    return value


def _number(row: Any, key: str, path: Path) -> float:
    value = row.get(key) if isinstance(row, dict) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < LARGEST:
        raise InputError(f"{path}: {key!r} must be a number from 0 to {LARGEST:.0e}, got {str(value)[:60]!r}")
    return float(value)


def _numbers(row: Any, key: str, shape: tuple[int | None, ...], path: Path) -> np.ndarray:
    """An array of finite numbers; None in a shape = at least one."""
    given = _get(row, key, list, path)
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.full((1,), np.nan)
    fits = values.ndim == len(shape) and all(n == (m or n) > 0 for n, m in zip(values.shape, shape, strict=True))
    if not fits or not (np.abs(values) < LARGEST).all():
        wanted = " x ".join("N" if n is None else str(n) for n in shape)
        raise InputError(f"{path}: {key!r} must be {wanted} finite numbers, got {str(given)[:60]}")
    return values


def _category(row: Any, path: Path) -> int:
    name = _get(row, "category", str, path)
    if name not in CATEGORIES:
        raise InputError(f"{path}: unknown category {name!r}; expected one of {', '.join(CATEGORIES)}")
    return CATEGORIES.index(name)


def _goal(row: Any, path: Path) -> GoalObject:
    x, y, z = _numbers(row, "position", (3,), path).tolist()
    points = _numbers(row, "viewpoints", (None, 2), path)
    return GoalObject(
        _get(row, "instance", int, path), _get(row, "name", str, path), _category(row, path), (x, y, z), points
    )


def _episode(row: Any, known: dict[int, int], path: Path) -> Episode:
    x, y, yaw = _numbers(row, "start", (3,), path).tolist()
    category, nearest = _category(row, path), _get(row, "nearest", int, path)
    if known.get(nearest) != category:
        raise InputError(f"{path}: episode {row.get('id')!r} goes to object {nearest}, which is no {row['category']}")
    return Episode(
        _get(row, "id", str, path),
        _get(row, "start_seed", int, path),
        (x, y, yaw),
        category,
        _number(row, "shortest_path_m", path),
        _number(row, "straight_m", path),
        nearest,
    )


def content_hash(episodes: EpisodeSet) -> str:
    """SHA-256 over all episodes: one number to quote beside results."""
    rows = [[e.id, e.start_seed, e.category, e.shortest_path_m] for home in episodes.homes for e in home.episodes]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
