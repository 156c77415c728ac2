# SPDX-License-Identifier: Apache-2.0
"""Frames that a human annotates: which ones, and how their outlines are read."""
