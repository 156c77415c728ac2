# SPDX-License-Identifier: Apache-2.0
"""Presets of the map's parameters."""

from __future__ import annotations

from seal_mapping.voxels.config import MapConfig

NOISY_MAP = MapConfig(edge_filter=0.06, obstacle_min_views=5, clear_views=2, clear_margin_m=0.12, max_depth_m=3.0)
"""For depth with noise and poses that drift: no far readings, which would thicken walls until doors close; obstacles
that five frames have seen; and voxels that two frames in a row look through are cleared."""

MAPS = {"clean": MapConfig(), "noisy": NOISY_MAP}
"""`clean` is the map of exact depth and poses."""
