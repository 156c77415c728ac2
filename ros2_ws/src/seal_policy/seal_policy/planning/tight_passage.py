# SPDX-License-Identifier: Apache-2.0
"""A way through a tight place: search over the poses that steps of 0.25 m and turns of 30 degrees can reach.

The planner's field treats the robot as free to head anywhere; where a passage is hardly wider than the robot, the few
headings and the long step may not fit although the field leads through. Then a plain look ahead finds no sequence that
gets nearer, and this search (A*, the field as estimate) finds one by going back and aiming anew, if there is one.
"""

from __future__ import annotations

import heapq
import math

import numpy as np
from numba import njit

from seal_perception.simulator import Action
from seal_policy.planning.motion import FORWARD_M, TURN_RAD, Pose
from seal_policy.planning.planner import Field
from seal_policy.planning.sampling import cells_of, clear_ahead, sample_grid
from seal_policy.planning.terrain import Terrain

HEADINGS = 12
_BIN_M = 0.025
_REACH_M = 2.0
_MOST = 20_000
"""Poses looked at before the search gives up: some 15 ms."""
_ACTIONS = (Action.FORWARD, Action.LEFT, Action.RIGHT)


def search(
    terrain: Terrain,
    field: Field,
    pose: Pose,
    needed_m: float,
    nearer_m: float = 1.0,
    samples: int = 4,
) -> list[Action] | None:
    """Actions from a pose to a place that is nearer to the goal, or None if there are none within 2 m.

    Args:
        terrain: clearance on the map's own cells.
        field: travel cost to the goal.
        pose: x, y (metres) and yaw (rad) in the map frame.
        needed_m: clearance to keep along each forward step.
        nearer_m: by how much the field's value must be lower at the end (or the goal be reached).
        samples: points checked per forward step.
    """
    codes = _search_poses(
        cells_of(terrain.clearance),
        cells_of(field.grid),
        np.array(pose, np.float64),
        needed_m,
        nearer_m,
        samples,
    )
    return [_ACTIONS[code] for code in codes] if len(codes) else None


@njit(cache=True)
def _search_poses(  # type: ignore[no-untyped-def]  # numba infers
    clearance, field, pose, needed, nearer, samples
):
    """Indices into `_ACTIONS` of the cheapest sequence; empty if there is none."""
    side = 2 * int(round(_REACH_M / _BIN_M)) + 1
    cost = np.full((side, side, HEADINGS), np.inf, np.float32)
    came = np.full((side, side, HEADINGS), np.int8(-1), np.int8)
    done = np.zeros((side, side, HEADINGS), np.bool_)
    before = np.zeros((side, side, HEADINGS), np.int32)
    exact = np.zeros((side, side, HEADINGS, 2), np.float64)
    middle = side // 2
    left = sample_grid(field, pose[0], pose[1], np.inf)
    cost[middle, middle, 0] = 0.0
    exact[middle, middle, 0, 0], exact[middle, middle, 0, 1] = pose[0], pose[1]
    heap = [(left / FORWARD_M, 0, middle, middle, 0)]
    pushed = 1
    end = -1
    looked_at = 0
    while len(heap) > 0 and looked_at < _MOST:
        _, _, i, j, k = heapq.heappop(heap)
        if done[i, j, k]:
            continue
        done[i, j, k] = True
        looked_at += 1
        x, y = exact[i, j, k, 0], exact[i, j, k, 1]
        here = sample_grid(field, x, y, np.inf)
        if here < left - nearer or here < FORWARD_M:
            end = (i * side + j) * HEADINGS + k
            break
        for code in range(3):
            ni, nj, nk, nx, ny = i, j, k, x, y
            if code == 0:
                yaw = pose[2] + k * TURN_RAD
                if not clear_ahead(clearance, x, y, yaw, needed, samples):
                    continue
                nx, ny = x + FORWARD_M * math.cos(yaw), y + FORWARD_M * math.sin(yaw)
                ni = middle + int(round((nx - pose[0]) / _BIN_M))
                nj = middle + int(round((ny - pose[1]) / _BIN_M))
                if ni < 0 or nj < 0 or ni >= side or nj >= side:
                    continue
            else:
                nk = (k + (1 if code == 1 else HEADINGS - 1)) % HEADINGS
            to_go = sample_grid(field, nx, ny, np.inf)
            new = cost[i, j, k] + np.float32(1.0)
            if done[ni, nj, nk] or not to_go < np.inf or new >= cost[ni, nj, nk]:
                continue
            cost[ni, nj, nk] = new
            came[ni, nj, nk] = code
            before[ni, nj, nk] = (i * side + j) * HEADINGS + k
            exact[ni, nj, nk, 0], exact[ni, nj, nk, 1] = nx, ny
            heapq.heappush(heap, (new + to_go / FORWARD_M, pushed, ni, nj, nk))
            pushed += 1
    if end < 0:
        return np.zeros(0, np.int64)
    codes = []
    while came[end // HEADINGS // side, end // HEADINGS % side, end % HEADINGS] >= 0:
        i, j, k = end // HEADINGS // side, end // HEADINGS % side, end % HEADINGS
        codes.append(came[i, j, k])
        end = before[i, j, k]
    return np.array(codes[::-1], np.int64)
