# SPDX-License-Identifier: Apache-2.0
"""The report of a run: one HTML file that needs nothing else, and the pictures it is made of."""

from __future__ import annotations

from seal_bringup.report.cubes import CubeView, draw_voxels_png
from seal_bringup.report.topdown import draw_topdown
from seal_bringup.report.voxels import Voxels
from seal_bringup.report.write import write_report

__all__ = ["CubeView", "Voxels", "draw_topdown", "draw_voxels_png", "write_report"]
