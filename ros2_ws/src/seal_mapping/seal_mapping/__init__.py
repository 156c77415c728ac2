# SPDX-License-Identifier: Apache-2.0
"""Voxel semantic map, 2D grids, 3DLabelProp, bags and datasets for SEAL."""

__version__ = "0.1.0"
