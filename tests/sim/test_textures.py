# SPDX-License-Identifier: Apache-2.0
"""Procedural materials: repeatable, seamless, apart between splits."""

from __future__ import annotations

import numpy as np
import pytest

from sim_bridge.textures import KINDS, SPLITS, make_material, noise


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_same_seed_same_bytes_and_splits_apart(kind: str) -> None:
    seen = set()
    for split in SPLITS:
        for seed in range(6):
            first = make_material(kind, np.random.default_rng(seed), split)
            again = make_material(kind, np.random.default_rng(seed), split)
            assert first.content_hash() == again.content_hash()
            assert first.texture.shape == (128, 128, 3) and first.texture.dtype == np.uint8
            seen.add(first.content_hash())
    assert len(seen) == 6 * len(SPLITS)


def test_given_colour_sets_the_mean() -> None:
    wanted = np.array([0.2, 0.5, 0.8])
    texture = make_material("plastic", np.random.default_rng(0), "train", wanted).texture
    assert np.abs(texture.reshape(-1, 3).mean(0) / 255 - wanted).max() < 0.02


def test_same_colour_still_differs_between_splits() -> None:
    hashes = {make_material("plastic", np.random.default_rng(0), s, (0.1, 0.1, 0.1)).content_hash() for s in SPLITS}
    assert len(hashes) == len(SPLITS)


def test_noise_is_periodic_and_normalised() -> None:
    field = noise(np.random.default_rng(3), 4.0)
    assert abs(field.mean()) < 1e-9 and abs(field.std() - 1) < 1e-9
    across_seam = np.abs(field[0] - field[-1]).max()
    inside = np.abs(np.diff(field, axis=0)).max()
    assert across_seam <= 1.5 * inside


def test_screens_are_darker_than_pictures() -> None:
    def mean(kind: str) -> float:
        return float(np.mean([make_material(kind, np.random.default_rng(i)).texture.mean() for i in range(30)]))

    assert mean("screen") < 0.6 * mean("picture")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown material 'velvet'"):
        make_material("velvet", np.random.default_rng(0))
    with pytest.raises(ValueError, match="split must be one of catalogue, train, test"):
        make_material("wood", np.random.default_rng(0), "val")
