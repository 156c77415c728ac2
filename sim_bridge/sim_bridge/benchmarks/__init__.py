# SPDX-License-Identifier: Apache-2.0
"""Rows of `seal benchmark` for renderer, sensors and worlds."""
