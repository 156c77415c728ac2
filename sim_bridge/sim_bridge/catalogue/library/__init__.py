# SPDX-License-Identifier: Apache-2.0
"""Furniture that designers drew: Sweet Home 3D's libraries, as pieces for catalogue pictures."""
