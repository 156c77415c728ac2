# SPDX-License-Identifier: Apache-2.0
"""The searches of a home, one after the other: a JSON and a picture each, written whole, so that a run resumes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from seal_bringup.evaluation.object_search_truth import SearchTruth
from seal_bringup.evaluation.true_detector import TrueDetector
from seal_bringup.objectnav.detection_cache import CachedDetector, NamedDetector
from seal_bringup.objectnav.paced import map_config, search_paced
from seal_bringup.objectnav.pictures import draw_search
from seal_bringup.objectnav.settings import SearchSettings
from seal_bringup.provenance import imported_code
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.categories import CATEGORIES
from seal_perception.detector.detector import load_detector
from seal_perception.errors import InputError
from seal_perception.files import sha256, write_json
from seal_perception.reading.text import read_json
from seal_policy.loop import Run
from seal_policy.objectgoal.agent import Event, ObjectGoalAgent
from seal_policy.objectgoal.search import search
from seal_policy.planning.motion import planar
from seal_policy.registry import make_policy
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.evaluation.episodes import Episode, HomeEpisodes, begin, scene_hash
from sim_bridge.worlds import open_embedded


@dataclass(frozen=True)
class Place:
    """Where the searches of a home are kept.

    Attributes:
        folder: of the results, NNN.json with NNN.png.
        cache: SQLite file of detections; None = every picture is detected.
    """

    folder: Path
    cache: Path | None = None

    def result(self, number: int) -> Path:
        """The result of an episode."""
        return self.folder / f"{number:03d}.json"

    def picture(self, number: int) -> Path:
        """Its picture."""
        return self.folder / f"{number:03d}.png"


def run_home(
    scene: str,
    home: HomeEpisodes,
    settings: SearchSettings,
    place: Place,
    on_episode: Callable[[int, int], None] = lambda number, steps: None,
) -> list[dict[str, Any]]:
    """Run the episodes that have no result yet; give the results of all.

    Args:
        scene: name of the home, or path of the scene.
        home: its episodes.
        settings: of the searches.
        place: where results are kept.
        on_episode: called with (episode's number, steps of it; 0 = it was there) after each.

    Raises:
        InputError: if the home is another one than the episodes were made in, or the detector lacks a category.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    missing = [k for k in range(len(home.episodes)) if not place.result(k).is_file()]
    sensors = EmbeddedConfig(width=settings.width, height=settings.height)
    if settings.noise:
        sensors = replace(sensors, depth_noise="d435", motion_noise="locobot")
    world = open_embedded(scene, sensors) if missing else None
    if world is not None and scene_hash(world.scene) != home.scene_sha256:
        world.close()
        raise InputError(f"{scene} has changed since its episodes were made: name another folder")
    detector = None if world is None else _detector(settings, world, place)
    try:
        for number, episode in enumerate(home.episodes):
            steps = 0
            if world is not None and detector is not None and number in missing:
                row = _run_episode(world, detector, home, episode, settings, place.picture(number))
                write_json(place.result(number), row)
                steps = row["steps"]
            on_episode(number, steps)
    finally:
        if isinstance(detector, CachedDetector):
            detector.close()
        if world is not None:
            world.close()
    return [dict(read_json(place.result(k))) for k in range(len(home.episodes))]


def _detector(settings: SearchSettings, world: EmbeddedSimulator, place: Place) -> NamedDetector:
    """The detector of the settings, before it the cache."""
    path = settings.weights_path()
    if path is None:
        return TrueDetector(world)
    detector = load_detector(str(path))
    if place.cache is None or settings.paced:  # such pictures never come again
        return detector
    made_by = [sha256(path), imported_code("seal_perception.detector.detector"), torch.__version__]
    return CachedDetector(detector, hashlib.sha256(repr(made_by).encode()).hexdigest(), place.cache)


def _run_episode(
    world: EmbeddedSimulator,
    detector: NamedDetector,
    home: HomeEpisodes,
    episode: Episode,
    settings: SearchSettings,
    picture: Path,
) -> dict[str, Any]:
    """A search with its verdict, JSON-ready; all but `seconds` is the same whenever it is run."""
    begin(world, episode)  # refuses another home; the search begins there itself
    category = CATEGORIES[episode.category]
    if category not in detector.names.names:
        raise InputError(f"the detector {settings.weights} does not know {category}; it knows {detector.names}")
    config = map_config(settings, detector.names)
    truth = SearchTruth(world, home, episode, config)
    began = time.monotonic()
    if settings.paced:
        found, head = search_paced(world, detector, settings, category, episode.start_seed, truth.add)
        voxel_map = head.voxel_map
    else:
        voxel_map = VoxelMap(config)
        planner = settings.agent.explorer.driver.planner
        policy = make_policy(settings.policy, settings.seed, planner, settings.policy_weights)
        agent = ObjectGoalAgent(detector.names.index(category), policy, settings.agent)

        def look(run: Run) -> None:
            truth.add(run.frame, run.detections)

        found = search(world, detector, voxel_map, agent, episode.start_seed, settings.max_steps, look)
    seconds = time.monotonic() - began
    draw_search(picture, voxel_map, found, home, episode, world.T_world_odom)
    verdict = truth.verdict(found, world.reachable_floor())
    return {
        "id": episode.id,
        "category": category,
        "steps": found.steps,
        "stopped": found.stopped,
        **verdict,
        "collisions": found.collisions,
        "explored_m2": round(float(found.explored_m2[-1]), 2),
        "events": [_event(one, truth) for one in found.events],
        "poses": [[round(v, 4) for v in planar(T)] for T in found.poses],
        "seconds": round(seconds, 2),
    }


def _event(event: Event, truth: SearchTruth) -> dict[str, Any]:
    """A decision about a thing, and whether that was an object of the category."""
    belief = event.belief
    return {
        "step": event.step,
        "kind": event.kind,
        "xy": [round(v, 3) for v in belief.centre],
        "overlap": round(belief.overlap, 3),
        "votes": round(belief.votes, 2),
        "right": truth.is_right(belief),
    }
