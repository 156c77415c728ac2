# SPDX-License-Identifier: Apache-2.0
"""Where small things stand on furniture, on tables whose free places are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.geometry.surfaces import FRONTED, rest_on, surface_of, turn_for
from sim_bridge.homes.place import pose
from sim_bridge.modelling.shapes import box, merge

GREY = Material(np.full((1, 1, 3), 128, np.uint8))


def _block(x: float, y: float, z: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Mesh:
    """A box that stands at a height, in the middle of the plane or elsewhere."""
    return box((x, y, z), (at[0], at[1], at[2] + z / 2), GREY)


TABLE = _block(1.0, 0.6, 0.7)
TALL = _block(0.4, 0.6, 0.3, (-0.3, 0.0, 0.7))
CABINET = _block(1.0, 0.6, 0.6, (0.0, 0.0, 1.3))


def test_the_surface_is_the_table_not_what_stands_on_it_or_hangs_over_it() -> None:
    surface = surface_of(merge([TABLE, TALL, CABINET]))
    assert surface is not None and surface.level == pytest.approx(0.7, abs=1e-6)
    assert surface.height.cells[10, 30] == pytest.approx(1.0) and surface.height.cells[60, 30] == pytest.approx(0.7)
    assert surface.above.cells.min() == surface.above.cells[60, 30] == pytest.approx(1.3)
    assert surface_of(CABINET) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_thing_stands_on_the_free_part(seed: int) -> None:
    surface = surface_of(merge([TABLE, TALL]))
    assert surface is not None
    mug = _block(0.1, 0.1, 0.1)
    T = rest_on(surface, mug, 0.4, np.random.default_rng(seed), lambda T: True)
    assert T is not None
    low, high = mug.transformed(T).bounds()
    assert low[2] == pytest.approx(0.702) and low[0] > -0.1 and high[0] <= 0.501 and abs(T[1, 3]) < 0.25


def test_nothing_stands_where_there_is_no_room() -> None:
    rng = np.random.default_rng(0)
    surface, under = surface_of(merge([TABLE, TALL])), surface_of(merge([TABLE, CABINET]))
    assert surface is not None and under is not None
    assert rest_on(surface, _block(0.65, 0.3, 0.1), 0.0, rng, lambda T: True) is None
    assert rest_on(surface, _block(0.1, 0.1, 0.1), 0.0, rng, lambda T: False) is None
    assert rest_on(under, _block(0.1, 0.1, 0.61), 0.0, rng, lambda T: True) is None
    assert rest_on(under, _block(0.1, 0.1, 0.5), 0.0, rng, lambda T: True) is not None


def test_a_place_over_the_edge_does_not_carry() -> None:
    surface = surface_of(TABLE)
    assert surface is not None
    block = _block(0.2, 0.2, 0.2)
    assert surface.free(block, pose(0.4, 0.0, 0.0, 0.7)) and surface.free(block, pose(0.41, 0.0, 0.0, 0.7))
    assert not surface.free(block, pose(0.45, 0.0, 0.0, 0.7))


def test_things_with_a_front_look_where_the_furniture_looks() -> None:
    rng = np.random.default_rng(0)
    assert all(turn_for(kind, rng) == 0.0 for kind in FRONTED)
    assert len({turn_for("bowl", rng) for _ in range(3)}) == 3
