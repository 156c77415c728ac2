# SPDX-License-Identifier: Apache-2.0
"""The goal network: which cells it may choose, what its inputs are, and that it is deterministic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.policy.env_worlds import RedIsChair, Room
from tests.policy.training.worlds import NETWORK, toy_config, toy_env
from torch import nn

from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.local_map import LocalMapConfig, window_volume
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.pose import planar_pose
from seal_policy.explorer import Explorer
from seal_policy.goals.frontier import FrontierPolicy
from seal_policy.goals.layers import layers_of
from seal_policy.goals.policy import PolicyInput
from seal_policy.learned.config import NetworkConfig
from seal_policy.learned.network import GoalNetwork, Observations
from seal_policy.learned.policy import LearnedPolicy
from seal_policy.loop import explore
from seal_policy.observation.observe import fitted, memory_of, observe
from seal_policy.training.symmetry import SYMMETRIES, turned


def blank(config: NetworkConfig, batch: int = 1) -> Observations:
    """Observations of a window in which nothing was seen."""
    nx, ny, nz = config.cells
    k = len(config.categories)
    return {
        "map": torch.zeros((batch, 2 + k, nx, ny), dtype=torch.uint8),
        "volume": torch.zeros((batch, 1 + k, nx, ny, nz), dtype=torch.uint8),
        "memory": torch.zeros((batch, 3, nx, ny), dtype=torch.uint8),
        "heading": torch.zeros(batch, dtype=torch.int64),
    }


def test_the_layers_are_those_of_the_paper() -> None:
    kinds = [type(part) for part in GoalNetwork(NetworkConfig(head="point", pool=2)).modules()]
    full = ("full1", "full2", "point")
    assert kinds.count(nn.Conv3d) == 2 and kinds.count(nn.Conv2d) == 3
    assert all(isinstance(getattr(GoalNetwork(NetworkConfig(head="point", pool=2)), name), nn.Linear) for name in full)


def test_only_cells_of_which_something_is_known_are_chosen() -> None:
    torch.manual_seed(0)
    network = GoalNetwork(NETWORK).eval()  # cells of 4 x 4
    seen = blank(NETWORK, 3)
    seen["map"][:, 1, 4:8, 12:16] = 255  # cell (1, 3) explored
    seen["map"][:, 0, 40, 0] = 255  # cell (10, 0) has an obstacle
    seen["map"][:, 1, 20:28, 20:28] = 255  # where the robot stands
    seen["memory"][1, 2, 4:8, 12:16] = 255  # the first one could not be reached
    seen["map"][2] = 0
    allowed = network.allowed(seen).numpy()
    assert np.flatnonzero(allowed[0]).tolist() == [1 * 12 + 3, 10 * 12]
    assert np.flatnonzero(allowed[1]).tolist() == [10 * 12]
    assert allowed[2].all(), "where nothing is known, everything is allowed"
    out = network(seen)
    assert int(out.goal[1].argmax()) == 10 * 12 and int(out.goal[0].argmax()) in (15, 120)
    assert torch.isfinite(out.value).all() and out.value.shape == (3,)
    probabilities = torch.softmax(out.goal, dim=1)
    assert probabilities[0, [15, 120]].sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("inputs", [("floor",), ("floor", "memory"), ("volume", "floor"), NetworkConfig().inputs])
def test_a_network_sees_its_inputs_and_nothing_else(inputs: tuple[str, ...]) -> None:
    config = replace(NETWORK, inputs=inputs)
    torch.manual_seed(1)
    network = GoalNetwork(config).eval()
    places = {
        "floor": ("map", 1),
        "scores": ("map", 4),
        "volume": ("volume", 2),
        "memory": ("memory", 1),
        "uncertainty": ("memory", 0),
    }
    base = network(blank(config)).value
    for name, (key, channel) in places.items():
        seen = blank(config)
        seen[key][:, channel, 30:, 3:9] = 255
        assert torch.equal(network(seen).value, base) == (name not in inputs), name
    turned_by_90 = {**blank(config), "heading": torch.tensor([18])}
    assert not torch.equal(network(turned_by_90).value, base)
    one_hot = {**blank(config), "heading": nn.functional.one_hot(torch.tensor([18]), 72).float()}
    torch.testing.assert_close(network(one_hot).value, network(turned_by_90).value)


@pytest.mark.parametrize("which", range(SYMMETRIES))
def test_a_turned_home_has_turned_goals_and_headings(which: int) -> None:
    """A goal 1 m ahead of the robot stays 1 m ahead of it."""
    bins, n = 72, 12
    heading, ahead = 7, 0.3
    yaw = heading / bins * 2 * np.pi
    action = np.array([[0.5 + ahead * np.cos(yaw), 0.5 + ahead * np.sin(yaw)]], np.float32)
    seen = {"map": np.zeros((1, 2, n, n), np.uint8), "heading": np.array([heading])}
    i, j = (action[0] * n).astype(int)
    seen["map"][0, 1, i, j] = 200
    seen, action = turned(seen, action, which, bins)
    yaw = float(seen["heading"][0]) / bins * 2 * np.pi
    np.testing.assert_allclose(action[0], [0.5 + ahead * np.cos(yaw), 0.5 + ahead * np.sin(yaw)], atol=1e-6)
    i, j = (action[0] * n).astype(int)
    assert seen["map"][0, 1, i, j] == 200 and np.count_nonzero(seen["map"]) == 1
    assert 0 <= seen["heading"][0] < bins


def test_the_environment_and_a_run_observe_the_same() -> None:
    """The environment's own window and the one that mapping publishes, pooled and cut, are the same bytes."""
    config = replace(toy_config(), network=replace(NETWORK, pool=4, grid=12))
    config = replace(config, environment=replace(config.environment, window=config.network.window, memory=True))
    env = toy_env(config, 2.0)
    env.reset(seed=1)
    policy = FrontierPolicy()
    seen = {}
    for _ in range(3):
        seen = env.step(env.ask(policy))[0]
    run = env._require_run()
    inp = env._policy_input(run, layers_of(run.voxel_map))
    assert inp.volume is not None and inp.volume().shape == (7, 120, 120, 20)
    again = observe(inp, config.network.window, 72)[1]
    assert again.keys() == seen.keys() == {"map", "volume", "memory", "heading"}
    for name, value in seen.items():
        np.testing.assert_array_equal(value, again[name], err_msg=name)
    assert seen["volume"][0].any() and seen["memory"][1].any() and seen["map"][1].any()
    env.close()


def test_windows_are_cut_and_pooled_as_the_map_itself_is() -> None:
    voxel_map = VoxelMap()
    explore(Room()(), RedIsChair(), voxel_map, Explorer(FrontierPolicy()), 12)
    whole = window_volume(voxel_map, (0.3, -0.2))
    for window in (LocalMapConfig(pool=4), LocalMapConfig((4.8, 4.8), pool=4), LocalMapConfig((4.8, 4.8))):
        own = window_volume(voxel_map, (0.3, -0.2), window)
        np.testing.assert_array_equal(fitted(whole, window, 0.05), own)
        assert own[0].any()
    for window in (LocalMapConfig(pool=3), LocalMapConfig((30.0, 30.0)), LocalMapConfig(height_m=(0.0, 1.0))):
        with pytest.raises(InputError, match="does not give the window"):
            fitted(whole, window, 0.05)


def test_memory_holds_where_the_robot_was_and_what_failed() -> None:
    grid = Grid2D(np.zeros((200, 200), bool), np.array([-5.0, -5.0]), 0.05)
    doubt = grid.with_cells(np.zeros((200, 200), np.uint8))
    doubt.cells[100 + 20, 100] = 50  # at (1, 0)
    poses = np.array([[0.01, 0.01, 0.0]] * 3 + [[-1.0, 0.5, 0.0], [40.0, 0.0, 0.0]])
    inp = PolicyInput(grid, grid, planar_pose(0.0, 0.0, 0.0), 4, poses, np.array([[0.0, 2.0]]), 0, doubt)
    window = LocalMapConfig((8.0, 8.0), pool=4)
    memory = memory_of(inp, (0.0, 0.0), window)
    assert memory.shape == (3, 40, 40)
    assert np.argwhere(memory[0]).tolist() == [[25, 20]] and memory[0, 25, 20] == 127
    assert memory[1, 20, 20] == 96 and memory[1].sum() == 96 + 32
    failed = np.argwhere(memory[2]) * 0.2 - 4.0 + 0.1
    assert len(failed) and (np.linalg.norm(failed - [0.0, 2.0], axis=1) <= 0.6).all()


def test_a_learned_policy_says_what_it_lacks() -> None:
    torch.manual_seed(0)
    policy = LearnedPolicy(GoalNetwork(NETWORK))
    grid = Grid2D(np.zeros((40, 40), bool), np.zeros(2), 0.05)
    inp = PolicyInput(grid, grid, planar_pose(1.0, 1.0, 0.0), 0, np.zeros((1, 3)))
    with pytest.raises(InputError, match="mapping must publish map/volume"):
        policy.goal(inp)
    others = VoxelMap(MapConfig(categories=("cup", "dog")))
    with pytest.raises(InputError, match="was trained for 6 categories, the map has 2"):
        policy.goal(replace(inp, volume=lambda: window_volume(others, (1.0, 1.0))))
    floor_only = LearnedPolicy(GoalNetwork(replace(NETWORK, inputs=("floor",))))
    threads = torch.get_num_threads()
    assert len(floor_only.goal(inp)) == 2 and torch.get_num_threads() == threads
