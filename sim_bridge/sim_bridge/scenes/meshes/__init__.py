# SPDX-License-Identifier: Apache-2.0
"""Mesh files: glTF, DAE, OBJ, STL, PLY, and their pictures."""
