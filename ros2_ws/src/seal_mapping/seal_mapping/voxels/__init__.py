# SPDX-License-Identifier: Apache-2.0
"""The semantic voxel map (Algorithm 3): kernels, store, clearing, queries, files."""
