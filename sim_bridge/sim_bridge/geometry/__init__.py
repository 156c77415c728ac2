# SPDX-License-Identifier: Apache-2.0
"""Meshes, collision, distances; no drawing."""
