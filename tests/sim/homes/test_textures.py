# SPDX-License-Identifier: Apache-2.0
"""Procedural materials: repeatable, seamless, apart between splits."""

from __future__ import annotations

import numpy as np
import pytest

from sim_bridge.modelling.texture_base import any_colour, wall_colour
from sim_bridge.modelling.textures import KINDS, SPLITS, make_material, noise
from sim_bridge.modelling.textures_unseen import UNSEEN


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


def test_patterns_of_test_homes_are_drawn_there_only(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def note(name: str):  # type: ignore[no-untyped-def]
        return lambda rng, base: calls.append(name) or np.zeros((128, 128, 3))

    for kind, painters in UNSEEN.items():
        assert kind in KINDS and len(set(painters)) == len(painters) >= 2, kind
        monkeypatch.setitem(UNSEEN, kind, tuple(note(f"{kind} {i}") for i in range(len(painters))))
        for split in ("catalogue", "train"):
            for seed in range(30):
                make_material(kind, np.random.default_rng(seed), split)
        assert not calls, kind
        for seed in range(60):
            make_material(kind, np.random.default_rng(seed), "test")
        assert set(calls) == {f"{kind} {i}" for i in range(len(painters))} and len(calls) < 45, kind
        calls.clear()


@pytest.mark.parametrize("kind", sorted(UNSEEN))
def test_patterns_of_test_homes_are_pictures_that_repeat(kind: str) -> None:
    for painter in UNSEEN[kind]:
        base = KINDS[kind][1](np.random.default_rng(1))
        image = painter(np.random.default_rng(2), base)
        again = painter(np.random.default_rng(2), base)
        assert image.shape == (128, 128, 3) and np.isfinite(image).all() and np.array_equal(image, again)
        assert image.std() > 1e-3


def test_most_walls_are_pale_and_most_things_muted() -> None:
    def saturation(colours: np.ndarray) -> np.ndarray:
        return 1 - colours.min(1) / np.maximum(colours.max(1), 1e-6)

    walls = np.array([wall_colour(np.random.default_rng(i)) for i in range(400)])
    assert ((saturation(walls) < 0.15) & (walls.max(1) > 0.75)).mean() > 0.6
    assert 0.005 < (saturation(walls) > 0.3).mean() < 0.15
    things = np.array([any_colour(np.random.default_rng(i)) for i in range(400)])
    vivid = (saturation(things) > 0.45) & (things.max(1) > 0.35)
    assert 0.05 < vivid.mean() < 0.35
