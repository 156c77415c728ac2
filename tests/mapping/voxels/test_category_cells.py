# SPDX-License-Identifier: Apache-2.0
"""What Semantic Curiosity counts: pairs of a floor cell and a category that was found over it."""

from __future__ import annotations

from types import SimpleNamespace

from tests.mapping.worlds import map_of

from seal_policy.rewards import SemanticCuriosityReward


def test_a_cell_taken_for_two_things_counts_twice() -> None:
    assert map_of({(0, 0, 1): {0: 200}, (0, 0, 2): {0: 255}, (3, -2, 1): {0: 200}}).category_cells() == 2
    assert map_of({(0, 0, 1): {0: 200}, (0, 0, 2): {1: 200}, (3, -2, 1): {0: 200}}).category_cells() == 3
    assert map_of({}).category_cells() == 0


def test_a_detection_counts_from_half_on() -> None:
    assert map_of({(0, 0, 1): {0: 127}, (1, 0, 1): {0: 128}}).category_cells() == 1
    assert map_of({(0, 0, 1): {0: 127}, (1, 0, 1): {0: 128}}).category_cells(least=0.2) == 2


def test_the_reward_is_what_came_since_the_last_step() -> None:
    reward, world = SemanticCuriosityReward(scale=0.5), map_of({(0, 0, 1): {0: 200}})
    assert reward.update(world) == 0.5
    assert reward.update(world) == 0.0
    more = SimpleNamespace(category_cells=lambda: 5)
    assert reward.update(more) == 2.0  # type: ignore[arg-type]
