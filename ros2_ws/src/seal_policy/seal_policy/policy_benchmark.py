# SPDX-License-Identifier: Apache-2.0
"""Rows of `seal benchmark planning`."""

from __future__ import annotations

import math

import cv2
import numpy as np
import skfmm

from seal_perception.benchmarking import BenchmarkRow, time_ms
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_perception.types import FloatArray
from seal_policy.driving.step_driver import StepDriverConfig
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.policy import PolicyInput
from seal_policy.planning.local_policy import LocalPolicy
from seal_policy.planning.planner import Planner

CELL_M = 0.05
MAP_CELLS = 480
_ROBOT, _GOAL = (3.0, 3.0), (14.5, 9.0)


def office_map() -> tuple[Grid2D, Grid2D]:
    """Obstacles and explored floor of a half-seen office of 20 x 12 m in a map of 24 x 24 m: rooms, doors, desks."""
    rng = np.random.default_rng(0)
    blocked = np.zeros((MAP_CELLS, MAP_CELLS), bool)
    blocked[20:420, 20:22] = blocked[20:420, 258:260] = blocked[20:22, 20:260] = blocked[418:420, 20:260] = True
    for wall in (120, 220, 320):
        blocked[wall : wall + 2, 20:260] = True
        for door in (60, 190):
            blocked[wall : wall + 2, door : door + 20] = False
    for _ in range(60):
        i, j = rng.integers(24, 400), rng.integers(24, 240)
        blocked[i : i + rng.integers(4, 16), j : j + rng.integers(4, 16)] = True
    for x, y in (_ROBOT, _GOAL):
        column, row = int(x / CELL_M), int(y / CELL_M)
        blocked[column - 10 : column + 10, row - 10 : row + 10] = False
    explored = np.zeros_like(blocked)
    explored[20:340, 20:260] = True
    return Grid2D(blocked & explored, np.zeros(2), CELL_M), Grid2D(explored, np.zeros(2), CELL_M)


def full_map_time(obstacles: Grid2D, grow_m: float, goal: tuple[float, float]) -> FloatArray:
    """The baseline: obstacles grown with a disc and scikit-fmm over all 480 x 480 cells of 5 cm."""
    reach = math.ceil(grow_m / CELL_M)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    grown = cv2.dilate(obstacles.cells.astype(np.uint8), disc).astype(bool)
    phi = np.ones(grown.shape)
    phi[int(goal[0] / CELL_M), int(goal[1] / CELL_M)] = -1.0
    time: FloatArray = np.ma.filled(skfmm.distance(np.ma.MaskedArray(phi, grown), dx=CELL_M), np.inf)
    return time


def rows(repeats: int = 20) -> list[BenchmarkRow]:
    """Times of planning, of choosing a step and of choosing a goal on `office_map`."""
    obstacles, explored = office_map()
    config = StepDriverConfig()
    planner, local, policy = Planner(config.planner), LocalPolicy(config.local), FrontierPolicy()
    T_map_base = planar_pose(*_ROBOT, 0.0)
    grow = config.planner.grow_m
    base_ms, _ = time_ms(lambda: full_map_time(obstacles, grow, _GOAL), repeats)
    terrain = planner.terrain(obstacles, explored, [_ROBOT, _GOAL])
    plan = planner.plan_on(terrain, _ROBOT, _GOAL)
    pose = (*_ROBOT, 0.0)
    poses = np.array([[3.0 + 0.25 * k, 3.0, 0.0] for k in range(20)])
    inp = PolicyInput(obstacles, explored, T_map_base, 100, poses)
    crop = f"{terrain.explored.shape[0]} x {terrain.explored.shape[1]} cells of 5 cm"
    timed = (
        ("plan on the explored crop", lambda: planner.plan(obstacles, explored, T_map_base, _GOAL), True),
        ("terrain of a step", lambda: planner.terrain(obstacles, explored, [_ROBOT, _GOAL]), False),
        ("choose a step", lambda: local.choose(terrain, plan.field, pose, grow), False),
        ("choose a frontier goal", lambda: policy.goal(inp), False),
    )
    out = []
    for stage, function, compared in timed:
        ms, p90 = time_ms(function, repeats)
        name = f"skfmm on all {MAP_CELLS} x {MAP_CELLS} cells" if compared else None
        out.append(BenchmarkRow("planning", stage, crop, ms, p90, name, base_ms if compared else None))
    return out
