# SPDX-License-Identifier: Apache-2.0
"""Searches in homes into a folder: episodes, a result each, figures over all, and the report. Resumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_bringup.objectnav.figures import figures, grouped
from seal_bringup.objectnav.home_run import Place, run_home
from seal_bringup.objectnav.page import write_search_report
from seal_bringup.objectnav.settings import SearchSettings, check_homes
from seal_bringup.provenance import imported_code, provenance
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from sim_bridge.evaluation.episode_files import MANIFEST, EpisodeSet, content_hash, read_episodes, write_episodes
from sim_bridge.worlds import open_embedded

SETTINGS, RESULT, REPORT = "settings.json", "objectnav.json", "report.html"
CODE = "seal_bringup.objectnav.home_run"


@dataclass(frozen=True)
class Watch:
    """Who is told how a run goes on.

    Attributes:
        announce: called with a line.
        progress: called with (episodes done, of all).
    """

    announce: Callable[[str], None] = lambda line: None
    progress: Callable[[int, int], None] = lambda done, total: None


def run_searches(
    homes: Sequence[str], settings: SearchSettings, out: Path, cache: Path | None, watch: Watch | None = None
) -> dict[str, Any]:
    """Run what the folder lacks, and write `objectnav.json` and `report.html` over all.

    Args:
        homes: names of homes or paths of scenes.
        settings: of the searches.
        out: folder of the run.
        cache: SQLite file of detections, shared by runs; None = none.
        watch: told of the progress.

    Raises:
        InputError: if a home or the weights are not there, or the folder holds a run with other settings.
    """
    watch = watch or Watch()
    check_homes(homes)
    claim(out, homes, settings)
    episodes = episodes_of(homes, settings, out / "episodes", watch)
    total, rows, begun = settings.episodes * len(homes), [], time.monotonic()
    done, steps = 0, 0

    def on_episode(number: int, taken: int) -> None:
        nonlocal done, steps
        done, steps = done + 1, steps + taken
        watch.progress(done, total)

    for scene, home in zip(homes, episodes.homes, strict=True):
        found = run_home(scene, home, settings, Place(out / "results" / home.home, cache), on_episode)
        rows += [{"home": home.home, **row} for row in found]
        watch.announce(f"{home.home}: {sum(row['success'] for row in found)} of {len(found)} found")
    seconds = time.monotonic() - begun
    result = summary(rows, settings, episodes)
    result["steps_per_s"] = round(steps / seconds, 2) if steps else None
    write_json(out / RESULT, result)
    write_search_report(out, result, rows)
    return result


def claim(out: Path, homes: Sequence[str], settings: SearchSettings) -> None:
    """Write the settings into a new folder; refuse one that holds a run with others.

    Raises:
        InputError: if it does, or the weights are not there.
    """
    facts = {"homes": list(homes), **settings.facts(), "code": imported_code(CODE)}
    path = out / SETTINGS
    if path.is_file():
        held = read_json(path)
        if held != _plain(facts):
            other = [key for key, value in _plain(facts).items() if held.get(key) != value]
            raise InputError(f"{out} holds a run with another {', '.join(other)}; name another --out, or remove it")
    elif out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} holds other files; name another --out")
    else:
        write_json(path, facts)


def _plain(value: Any) -> Any:
    """The value as JSON gives it back."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def episodes_of(homes: Sequence[str], settings: SearchSettings, folder: Path, watch: Watch | None = None) -> EpisodeSet:
    """The episodes of homes, made as `seal episodes make` does where the folder has none.

    Raises:
        InputError: if a home has no episode of the category.
    """
    if not (folder / MANIFEST).is_file():
        (watch or Watch()).announce(f"making {settings.episodes} episodes in each of {len(homes)} homes")
        scenes = [(Path(name).resolve().name, lambda name=name: open_embedded(name).scene) for name in homes]
        write_episodes(scenes, folder, "objectnav", settings.episodes, settings.seed, settings.episode_config)
    return read_episodes(folder)


def summary(rows: Sequence[dict[str, Any]], settings: SearchSettings, episodes: EpisodeSet) -> dict[str, Any]:
    """Figures over all, by home and by category, JSON-ready."""
    return {
        "format": 1,
        "provenance": provenance(),
        "settings": settings.facts(),
        "weights": settings.weights,
        "episodes_sha256": content_hash(episodes),
        "all": figures(rows),
        "homes": grouped(rows, "home"),
        "categories": grouped(rows, "category"),
    }
