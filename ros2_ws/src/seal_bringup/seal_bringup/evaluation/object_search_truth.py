# SPDX-License-Identifier: Apache-2.0
"""Whether a search for an object succeeded, and why it did not: evaluation, with the simulator's truth.

Success: the robot stopped itself, no more than `success_m` (0.1 m) from a viewpoint of an object of the category (a
place within 1 m of the object's nearest point from which it can be seen, `episode_goals`), and its last picture shows
that object. SPL (Anderson et al., 2018): success x shortest path / max(shortest path, way driven).
"""

from __future__ import annotations

import numpy as np

from seal_bringup.evaluation.standstill import DITHERS, without_progress
from seal_bringup.evaluation.true_views import LEAST_SHARE
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.voxel_set import voxel_keys
from seal_perception.categories import CATEGORIES
from seal_perception.detections import Detections
from seal_perception.frame import Frame
from seal_perception.simulator import ReachableFloor, TruthImages, TruthSource
from seal_perception.types import BoolArray, FloatArray
from seal_policy.objectgoal.agent import GIVES_UP, GOES
from seal_policy.objectgoal.beliefs import Belief
from seal_policy.objectgoal.search import Search
from sim_bridge.evaluation.episodes import Episode, HomeEpisodes, outcome

SUCCESS, WRONG_THING, STOPPED_SHORT = "success", "wrong_thing", "stopped_short"
STUCK, NEVER_SEEN, NOT_DETECTED, NOT_BELIEVED, TIME = "stuck", "never_seen", "not_detected", "not_believed", "time"
CAUSES: dict[str, str] = {
    WRONG_THING: "stopped at something that is no object of the category",
    STOPPED_SHORT: "stopped at an object of the category, but too far from it or without it in the last picture",
    STUCK: "time was over, and the robot had not got on for the last 60 steps",
    NEVER_SEEN: "time was over, and no picture showed an object of the category",
    NOT_DETECTED: "time was over, and the detector found it in none of the pictures that showed it",
    NOT_BELIEVED: "time was over, and what was detected was too little for the map to go there, or was given up",
    TIME: "time was over on the way to it",
}
"""Causes of failure in the order in which they are asked for."""
FOUND_IOU = 0.5
"""A detection found an object if their masks overlap by so much (intersection over union)."""
RIGHT_SHARE = 0.25
"""A thing that the robot believed in is an object of the category if this share of its voxels is."""


class SearchTruth:
    """The truth about a search, collected picture by picture.

    Args:
        world: that the search is in; asked for the labels of the picture it last gave.
        home: the episodes of the home.
        episode: the one that is run.
        config: of the search's map.
    """

    def __init__(self, world: TruthSource, home: HomeEpisodes, episode: Episode, config: MapConfig) -> None:
        self._world, self._home, self._episode, self._config = world, home, episode, config
        self._xy: list[tuple[float, float]] = []
        self._voxels: set[int] = set()
        self._in_view: dict[int, float] = {}
        self.pictures_seen = 0
        self.pictures_found = 0

    def add(self, frame: Frame, detections: Detections | None) -> None:
        """Take the picture that the world gave last, and what the robot's detector found in it."""
        truth = self._world.truth_images()
        x, y = self._world.T_world_base[:2, 3].tolist()
        self._xy.append((x, y))
        self._in_view = _shares(truth, self._episode.category)
        shown = {k for k, share in self._in_view.items() if share >= LEAST_SHARE}
        if not shown:
            return
        self.pictures_seen += 1
        self.pictures_found += _found(truth, shown, self._episode.category, detections)
        self._keep_voxels(frame, np.isin(truth.instance, list(shown)))

    def _keep_voxels(self, frame: Frame, mask: BoolArray) -> None:
        """Remember the map's voxels that the pixels of true objects fall in."""
        c = self._config
        mask = mask & (frame.depth >= c.min_depth_m) & (frame.depth <= c.max_depth_m)
        points = frame.camera.rays()[mask] * frame.depth[mask][:, None]
        inside = points @ frame.T_map_camera[:3, :3].T + frame.T_map_camera[:3, 3]
        ijk = np.floor((inside - c.origin) / c.voxel_m).astype(np.int64)
        self._voxels.update(voxel_keys(np.unique(ijk, axis=0)).tolist())

    def is_right(self, belief: Belief) -> bool:
        """Whether a thing that the robot believed in is an object of the category, by what the pictures showed."""
        share = np.isin(belief.keys, np.fromiter(self._voxels, np.int64, len(self._voxels))).mean()
        return bool(share >= RIGHT_SHARE)

    def verdict(self, search: Search, floor: ReachableFloor) -> dict[str, object]:
        """How the search went, JSON-ready; `cause` is `SUCCESS` or one of `CAUSES`."""
        path = np.array(self._xy)
        reached = outcome(self._home, self._episode, floor, path, search.stopped)
        success = reached.success and self._shows_what_it_stands_at(path[-1])
        driven, shortest = reached.path_m, self._episode.shortest_path_m
        return {
            "success": success,
            "spl": round(shortest / max(shortest, driven), 4) if success else 0.0,
            "near": reached.success,
            "cause": SUCCESS if success else self._cause(search),
            "distance_m": None if not np.isfinite(reached.distance_m) else round(reached.distance_m, 3),
            "path_m": round(driven, 3),
            "shortest_path_m": shortest,
            "pictures": len(self._xy),
            "pictures_seen": self.pictures_seen,
            "pictures_found": self.pictures_found,
            "right_things_given_up": sum(self.is_right(e.belief) for e in search.events if e.kind == GIVES_UP),
        }

    def _shows_what_it_stands_at(self, xy: FloatArray) -> bool:
        """Whether the last picture shows an object of the category that is reached from here."""
        shown = [
            goal.viewpoints
            for goal in self._home.goals
            if goal.category == self._episode.category and self._in_view.get(goal.instance, 0.0) >= LEAST_SHARE
        ]
        return any(np.hypot(*(places - xy).T).min() <= self._home.success_m for places in shown)

    def _cause(self, search: Search) -> str:
        if search.stopped:
            return STOPPED_SHORT if self.is_right(search.events[-1].belief) else WRONG_THING
        xy = np.array(self._xy)
        if len(xy) > DITHERS[0] and without_progress(xy, search.explored_m2, *DITHERS)[-1]:
            return STUCK
        if not self.pictures_seen:
            return NEVER_SEEN
        if not self.pictures_found:
            return NOT_DETECTED
        last = next((e for e in reversed(search.events) if self.is_right(e.belief)), None)
        return TIME if last is not None and last.kind == GOES else NOT_BELIEVED


def _shares(truth: TruthImages, category: int) -> dict[int, float]:
    """Share of a picture that each object of a category covers."""
    ids, counts = np.unique(truth.instance[truth.category == category], return_counts=True)
    return {int(k): int(n) / truth.instance.size for k, n in zip(ids, counts, strict=True)}


def _found(truth: TruthImages, shown: set[int], category: int, detections: Detections | None) -> bool:
    """Whether a detection of the category overlaps one of the objects shown by `FOUND_IOU`."""
    if detections is None:
        return False
    masks = detections.masks[detections.categories == detections.names.names.index(CATEGORIES[category])]
    for number in shown:
        true = truth.instance == number
        for mask in masks:
            if np.count_nonzero(mask & true) >= FOUND_IOU * np.count_nonzero(mask | true):
                return True
    return False
