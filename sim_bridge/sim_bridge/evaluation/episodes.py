# SPDX-License-Identifier: Apache-2.0
"""ObjectNav episodes: from a start to any object of a category. Made from the simulator's truth, for evaluation only.

Definition after Habitat's ObjectNav (Batra et al., 2020): the robot starts on the reachable floor and gets a category;
it succeeds if it stops no more than 0.1 m (driving distance) from a viewpoint of any object of it
(`episode_goals`). The shortest path is the driving distance from the start to the nearest viewpoint. A start is the
pose that the simulator takes for `reset(start_seed)`: an episode begins without any method beyond `Simulator`'s.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from seal_perception.categories import CATEGORIES
from seal_perception.errors import InputError
from seal_perception.pose import invert, planar_pose, pose_yaw
from seal_perception.simulator import Observation, ReachableFloor
from seal_perception.types import FloatArray
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.embedded import EmbeddedConfig, EmbeddedSimulator
from sim_bridge.evaluation.episode_goals import GoalConfig, GoalObject, goal_objects
from sim_bridge.geometry.geodesic import GeodesicField, geodesic_field, path_length_m
from sim_bridge.geometry.mesh import Scene
from sim_bridge.homes.build import TEST_HOMES, TRAIN_HOMES

SPLITS: dict[str, tuple[str, ...]] = {
    "train": TRAIN_HOMES[:20],
    "val": TRAIN_HOMES[20:],
    "test": TEST_HOMES,
}
"""Homes of each split; val are five training homes that train leaves out."""

BLIND = EmbeddedConfig(width=16, height=12, light=LightConfig(shadows=False), cache_light=False, threads=1)
"""Nobody looks at the pictures while episodes are made."""


@dataclass(frozen=True)
class EpisodeConfig:
    """What episodes are made.

    Attributes:
        success_m: a robot that stops this near to a viewpoint has arrived.
        min_path_m: least length of a shortest path.
        max_path_m: and greatest length.
        tries: starts drawn for an episode before the category is given up.
        goals: what counts as standing in front of an object.
        only: indices of the categories to ask for; empty = all that the home has.
    """

    success_m: float = 0.1
    min_path_m: float = 1.0
    max_path_m: float = 30.0
    tries: int = 200
    goals: GoalConfig = field(default_factory=GoalConfig)
    only: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.success_m <= self.min_path_m < self.max_path_m or self.tries < 1:
            raise ValueError(
                "need 0 < success_m <= min_path_m < max_path_m and tries >= 1; "
                f"got {self.success_m}, {self.min_path_m}, {self.max_path_m}, {self.tries}"
            )


@dataclass(frozen=True)
class Episode:
    """One task.

    Attributes:
        id: "home:number".
        start_seed: seed of the simulator's reset that gives the start.
        start: x, y in metres and yaw in rad of it, world frame.
        category: index of the category to find.
        shortest_path_m: driving distance from the start to the nearest viewpoint.
        straight_m: straight distance from the start to the viewpoint nearest in that sense.
        nearest: instance id of the object that the shortest path leads to.
    """

    id: str
    start_seed: int
    start: tuple[float, float, float]
    category: int
    shortest_path_m: float
    straight_m: float
    nearest: int


@dataclass(frozen=True)
class HomeEpisodes:
    """The episodes of one home.

    Attributes:
        home: its name.
        scene_sha256: hash of the scene (`scene_hash`).
        success_m: see `EpisodeConfig`.
        goals: the objects of all categories that episodes ask for.
        episodes: in order.
    """

    home: str
    scene_sha256: str
    success_m: float
    goals: tuple[GoalObject, ...]
    episodes: tuple[Episode, ...]

    def viewpoints(self, category: int) -> FloatArray:
        """(N, 2) places that count as arrived for a category."""
        found = [goal.viewpoints for goal in self.goals if goal.category == category]
        return np.concatenate(found) if found else np.zeros((0, 2))


class StartsKnown(Protocol):
    """What `begin` needs of a world."""

    T_world_odom: FloatArray

    def reset(self, seed: int = 0) -> Observation:
        """See `Simulator.reset`."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How an episode went.

    Attributes:
        success: whether the robot stopped near enough.
        spl: success weighted by path length (Anderson et al., 2018), shortest / max(shortest, driven); else 0.
        distance_m: driving distance from the last position to the nearest viewpoint.
        path_m: metres driven.
    """

    success: bool
    spl: float
    distance_m: float
    path_m: float


def scene_hash(scene: Scene) -> str:
    """SHA-256 of what a scene consists of and where it stands: equal hashes, equal episodes."""
    digest = hashlib.sha256(repr((scene.name, scene.start_xy)).encode())
    for part in scene.parts:
        digest.update(f"{part.name}:{part.category}".encode())
        digest.update(np.round(part.mesh.vertices, 4).astype("<f4").tobytes() + part.mesh.faces.astype("<i4").tobytes())
    return digest.hexdigest()


def make_episodes(
    scene: Scene,
    count: int,
    seed: int = 0,
    config: EpisodeConfig | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> HomeEpisodes:
    """Episodes of a home: categories in turn, the first by the home's name; starts uniform over the reachable floor.

    Episode k depends on the home, the seed and k alone, so a longer list begins with the shorter one.

    Args:
        scene: the home.
        count: how many.
        seed: another number, other episodes.
        config: what episodes are made.
        progress: called with (episodes done, count).

    Raises:
        InputError: if count is below 1, no object can be reached, or no start is far enough from any.
    """
    c = config or EpisodeConfig()
    if count < 1:
        raise InputError(f"a home needs 1 episode or more, got {count}")
    world = EmbeddedSimulator(scene, BLIND)
    try:
        floor = world.reachable_floor()
        goals = goal_objects(scene, floor, c.goals)
        fields = {
            category: geodesic_field(floor, np.concatenate([g.viewpoints for g in goals if g.category == category]))
            for category in sorted({goal.category for goal in goals})
        }
        usable = [k for k, f in fields.items() if _far_enough(f, c)]
        if not usable:
            raise InputError(f"{scene.name} has no object with a start at least {c.min_path_m} m of driving away")
        usable = _asked_for(scene.name, usable, c)
        episodes = []
        for number in range(count):
            episodes.append(_episode(world, fields, goals, usable, number, seed, c))
            if progress is not None:
                progress(number + 1, count)
    finally:
        world.close()
    kept = tuple(goal for goal in goals if goal.category in usable)
    return HomeEpisodes(scene.name, scene_hash(scene), c.success_m, kept, tuple(episodes))


def _asked_for(name: str, usable: list[int], c: EpisodeConfig) -> list[int]:
    """Those of the usable categories that are asked for.

    Raises:
        InputError: if the home has none of them.
    """
    kept = [k for k in usable if not c.only or k in c.only]
    if not kept:
        wanted, known = (", ".join(CATEGORIES[k] for k in ids) for ids in (c.only, usable))
        raise InputError(f"{name} has no {wanted} that a robot can be sent to; it has {known}")
    return kept


def _far_enough(found: GeodesicField, c: EpisodeConfig) -> bool:
    """Whether one in a hundred places is at a distance that is allowed."""
    known = found.values[np.isfinite(found.values)]
    return bool(((known >= c.min_path_m) & (known <= c.max_path_m)).mean() >= 0.01)


def _episode(
    world: EmbeddedSimulator,
    fields: dict[int, GeodesicField],
    goals: list[GoalObject],
    usable: list[int],
    number: int,
    seed: int,
    c: EpisodeConfig,
) -> Episode:
    """Episode `number`: the first start drawn for it that is far enough from its category."""
    name = world.scene.name
    category = usable[(_first(name) + number) % len(usable)]
    for attempt in range(c.tries):
        digest = hashlib.sha256(f"{name}:{seed}:{number}:{attempt}".encode()).digest()
        start_seed = 1 + int.from_bytes(digest[:4], "big") % (2**31 - 2)
        world.reset(start_seed)
        x, y = (float(v) for v in world.T_world_odom[:2, 3])
        shortest = float(fields[category].at((x, y)))
        if c.min_path_m <= shortest <= c.max_path_m:
            break
    else:
        raise InputError(f"{name}: no start for a {CATEGORIES[category]} in {c.tries} tries; lower min_path_m")
    end = fields[category].path((x, y))[-1]  # where several viewpoints are equally near, any
    owner = min((g for g in goals if g.category == category), key=lambda g: _nearest_m(g.viewpoints, end))
    pose = (round(x, 4), round(y, 4), round(pose_yaw(world.T_world_odom), 6))
    straight = _nearest_m(fields[category].sources, np.array([x, y]))
    return Episode(
        f"{name}:{number}", start_seed, pose, category, round(shortest, 3), round(straight, 3), owner.instance
    )


def _first(name: str) -> int:
    """Where a home's turn begins, so that a few episodes in each home do not all ask for the same category."""
    number = name.split("@", 1)[0].rpartition("_")[2]
    return int(number) - 1 if number.isdecimal() else zlib.crc32(name.encode())


def begin(world: StartsKnown, episode: Episode) -> Observation:
    """Put the robot at an episode's start.

    Raises:
        InputError: if the world starts elsewhere: another version of the home, or another robot.
    """
    seen = world.reset(episode.start_seed)
    x, y, yaw = episode.start
    T = invert(planar_pose(x, y, yaw)) @ world.T_world_odom
    if not np.allclose(T, np.eye(4), atol=0.01):
        a, b = world.T_world_odom[:2, 3].round(2).tolist()
        raise InputError(
            f"episode {episode.id} starts at {x:.2f}, {y:.2f}, this world at {a}, {b}: its home has changed since the "
            "episodes were made, or its robot is another; make them again"
        )
    return seen


def _nearest_m(points: FloatArray, xy: FloatArray) -> float:
    return float(np.hypot(*(points - xy).T).min())


def outcome(
    home: HomeEpisodes, episode: Episode, floor: ReachableFloor, xy: npt.ArrayLike, stopped: bool = True
) -> Outcome:
    """How a run went, measured on the true path.

    Args:
        home: the episodes.
        episode: one of them.
        floor: the home's reachable floor.
        xy: (N, 2) true positions from the start on, world frame, N >= 1.
        stopped: whether the robot stopped because it took itself to be there.
    """
    path = np.asarray(xy, np.float64)
    distance = float(geodesic_field(floor, home.viewpoints(episode.category)).at(path[-1]))
    driven, success = path_length_m(path), stopped and distance <= home.success_m
    spl = episode.shortest_path_m / max(episode.shortest_path_m, driven) if success else 0.0
    return Outcome(success, spl, distance, driven)
