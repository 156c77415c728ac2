# SPDX-License-Identifier: Apache-2.0
"""Other colours for a whole set-up: none at all, as in plain simulators, or any at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seal_perception.categories import CATEGORIES
from sim_bridge.catalogue.backdrops import NOISES, PRINTS, TILES, any_of, vivid
from sim_bridge.geometry.mesh import Material, Part

_KEPT = ("screen", "leaf", "window", "outside", "soil")
"""Materials that say what a thing is."""
_SHOWING = ("screen", "picture", "window", *PRINTS)
"""Materials without whose content nobody could tell a television from a painting or a dark window."""
_TOLD_BY_COLOUR = tuple(CATEGORIES.index(name) for name in ("potted plant", "tv"))


def _plain(material: Material) -> Material:
    mean = material.texture.reshape(-1, 3).mean(0)
    return Material(np.round(mean).astype(np.uint8).reshape(1, 1, 3), material.name)


def flattened(part: Part) -> Part:
    """The part with one colour per material, as models without textures have it; what screens and prints show stays."""
    materials = tuple(m if m.name in _SHOWING else _plain(m) for m in part.mesh.materials)
    return replace(part, mesh=replace(part.mesh, materials=materials))


def repainted(part: Part, rng: np.random.Generator) -> Part:
    """The part with any colour or pattern on half of its materials; plants and televisions stay as they are."""
    if part.category in _TOLD_BY_COLOUR:
        return part
    materials = []
    for material in part.mesh.materials:
        if material.name in _KEPT or rng.random() < 0.5:
            materials.append(material)
        elif rng.random() < 0.5:
            colour = np.round(vivid(rng) * 255).astype(np.uint8)
            materials.append(Material(colour.reshape(1, 1, 3), material.name))
        else:
            materials.append(any_of(NOISES | TILES, rng, material.name))
    return replace(part, mesh=replace(part.mesh, materials=tuple(materials)))
