# SPDX-License-Identifier: Apache-2.0
"""The file formats of bags: mcap, sqlite3, ROS 1."""
