# SPDX-License-Identifier: Apache-2.0
"""Gazebo worlds (SDF)."""
