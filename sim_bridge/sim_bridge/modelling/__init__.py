# SPDX-License-Identifier: Apache-2.0
"""Primitives and procedural materials that things are made of."""
