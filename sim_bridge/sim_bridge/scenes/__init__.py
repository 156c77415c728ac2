# SPDX-License-Identifier: Apache-2.0
"""Scenes of others: read from glTF, Gazebo and Habitat files, and written for them."""
