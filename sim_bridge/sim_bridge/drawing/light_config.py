# SPDX-License-Identifier: Apache-2.0
"""How a scene is lit: the settings of the baked light, and those of homes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LightConfig:
    """How a scene is lit.

    Attributes:
        ambient: light from all around, linear RGB.
        lamp_gain: factor on every lamp's power.
        lamp_reach_m: lamps farther away than this give no light.
        ao_rays: rays per corner for ambient occlusion; 0 = none (a plain hemisphere instead).
        ao_budget: the rays per corner are fewer where a scene has so many corners that all rays would exceed this.
        ao_reach_m: a hit farther away than this does not darken.
        shadows: whether lamps cast shadows.
        max_edge_m: longer edges are split so that light varies along them; None = never split.
        emission: (prefix of the material's name, brightness) of what shines by itself.
        outside: linear RGB seen where a ray hits nothing.
        exposure: factor before tone mapping.
        bounces: how often surfaces pass light on to each other; 0 = never. Needs `ao_rays`. The next fields count only
            where it is above 0 and the scene has lamps or windows (materials named "window...").
        sky_gain: brightness of the sky through windows.
        sun_gain: brightness of the sun through windows.
        fill: share of `ambient` that is kept beside the bounces.
        level: median light by area that the whole is scaled to.
        contrast: power that ratios of light to the median are raised to; below 1 as eyes and cameras see it.
        fine_edge_m: as `max_edge_m`, for floors: shadows show there most.
    """

    ambient: tuple[float, float, float] = (0.52, 0.52, 0.54)
    lamp_gain: float = 1.0
    lamp_reach_m: float = 9.0
    ao_rays: int = 0
    ao_budget: int = 4_000_000
    ao_reach_m: float = 1.2
    shadows: bool = True
    max_edge_m: float | None = None
    emission: tuple[tuple[str, float], ...] = (("window", 1.5), ("lamp", 1.5), ("glow", 1.5))
    outside: tuple[float, float, float] = (0.72, 0.84, 0.95)
    exposure: float = 1.0
    bounces: int = 0
    sky_gain: float = 0.0
    sun_gain: float = 0.0
    fill: float = 1.0
    level: float = 0.8
    contrast: float = 1.0
    fine_edge_m: float | None = None

    def __post_init__(self) -> None:
        if self.ao_rays < 0:
            raise ValueError(f"ao_rays must be 0 or more, got {self.ao_rays}")
        if self.max_edge_m is not None and not self.max_edge_m > 0.01:
            raise ValueError(f"max_edge_m must be above 0.01 m or None, got {self.max_edge_m}")
        if not (self.ao_reach_m > 0 and self.lamp_reach_m > 0 and self.exposure > 0):
            raise ValueError("ao_reach_m, lamp_reach_m and exposure must be positive")
        if self.bounces < 0 or (self.bounces and not self.ao_rays):
            raise ValueError(f"bounces must be 0, or more with ao_rays, got {self.bounces} with {self.ao_rays} rays")


HOME_LIGHT = LightConfig(
    lamp_gain=0.45, lamp_reach_m=6.5, ao_rays=160, ao_budget=16_000_000, max_edge_m=0.32, fine_edge_m=0.14,
    bounces=3, sky_gain=4.0, sun_gain=7.0, fill=0.12, level=0.5, contrast=0.85,
)  # fmt: skip
"""For homes: daylight, lamps, soft shadows and light from wall to wall, baked once and cached."""
