# SPDX-License-Identifier: Apache-2.0
"""Reading the folder of a run: what is there is returned, what is not is named, nothing is invented."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_perception.errors import InputError
from seal_perception.reading.text import read_json

SAMPLE_KINDS = ("before", "label", "after", "truth")


@dataclass(frozen=True)
class HomeFolder:
    """What a run left of one home.

    Attributes:
        name: the home's name, as in metrics.json.
        folder: where its files lie; None where the name is no plain folder name.
        metrics: its part of metrics.json, {} where absent.
        trajectory: trajectory.json, {} where absent.
        status: status.json, {} where absent.
        samples: per sample the pictures by kind (before, label, after, truth), in order of their numbers.
        missing: one plain line per thing that is not there.
    """

    name: str
    folder: Path | None
    metrics: dict[str, Any]
    trajectory: dict[str, Any]
    status: dict[str, Any]
    samples: tuple[tuple[str, dict[str, Path]], ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class RunFolder:
    """What a run left: config.json, metrics.json and its homes in the order of metrics.json."""

    path: Path
    config: dict[str, Any]
    metrics: dict[str, Any]
    homes: tuple[HomeFolder, ...]
    missing: tuple[str, ...]


def number(value: Any) -> float | None:
    """The value as a finite float, or None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def numbers(value: Any, width: int | None = None) -> list[float] | None:
    """A list of finite floats (of `width` entries where given), or None for everything else."""
    if not isinstance(value, list) or (width is not None and len(value) != width):
        return None
    out = [number(entry) for entry in value]
    return None if any(entry is None for entry in out) else [entry for entry in out if entry is not None]


def as_dict(value: Any) -> dict[str, Any]:
    """The value where it is a dict, else {}."""
    return value if isinstance(value, dict) else {}


def _json_dict(path: Path, missing: list[str], what: str) -> dict[str, Any]:
    if not path.is_file():
        missing.append(f"{what} is missing")
        return {}
    try:
        value = read_json(path)
    except (ValueError, OSError) as error:
        missing.append(f"{what} cannot be read ({type(error).__name__})")
        return {}
    if not isinstance(value, dict):
        missing.append(f"{what} must hold an object, got {type(value).__name__}")
        return {}
    return value


def _samples(folder: Path) -> tuple[tuple[str, dict[str, Path]], ...]:
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.glob("*.png")):
        stem, _, kind = path.stem.rpartition("_")
        if stem and kind in SAMPLE_KINDS:
            found.setdefault(stem, {})[kind] = path
    return tuple(sorted(found.items()))


def _home(run_dir: Path, name: str, metrics: dict[str, Any]) -> HomeFolder:
    plain = name not in ("", ".", "..") and "/" not in name and "\\" not in name and "\0" not in name
    folder = run_dir / name if plain else None
    missing: list[str] = []
    if not metrics:
        missing.append("no figures yet: metrics.json does not list this home")
    if folder is None or not folder.is_dir():
        missing.append("the home's folder is missing: no pictures, map or trajectory")
        return HomeFolder(name, None, metrics, {}, {}, (), tuple(missing))
    trajectory = _json_dict(folder / "trajectory.json", missing, "trajectory.json")
    status = _json_dict(folder / "status.json", missing, "status.json")
    samples = _samples(folder / "samples")
    if not samples:
        missing.append("samples/ holds no pictures")
    if not (folder / "map.npz").is_file():
        missing.append("map.npz is missing")
    return HomeFolder(name, folder, metrics, trajectory, status, samples, tuple(missing))


def read_run(run_dir: Path) -> RunFolder:
    """Read a run folder, whole or partial.

    Raises:
        InputError: if `run_dir` is no folder.
    """
    run_dir = Path(run_dir)
    if not run_dir.is_dir():
        raise InputError(f"a report needs the folder of a run, got {run_dir}: no such folder")
    missing: list[str] = []
    config = _json_dict(run_dir / "config.json", missing, "config.json")
    metrics = _json_dict(run_dir / "metrics.json", missing, "metrics.json")
    measured = as_dict(metrics.get("homes"))
    names = list(measured)
    for folder in sorted(run_dir.iterdir()):
        marks = ("trajectory.json", "status.json", "map.npz", "samples")
        if folder.is_dir() and folder.name not in names and any((folder / mark).exists() for mark in marks):
            names.append(folder.name)
    homes = tuple(_home(run_dir, str(name), as_dict(measured.get(name))) for name in names)
    if not homes:
        missing.append("no home has been explored yet")
    elif len(homes) > 1 and not as_dict(metrics.get("mean")):
        missing.append("the mean over the homes is missing in metrics.json")
    return RunFolder(run_dir, config, metrics, homes, tuple(missing))
