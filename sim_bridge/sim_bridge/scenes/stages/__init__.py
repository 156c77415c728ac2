# SPDX-License-Identifier: Apache-2.0
"""Habitat stages and data sets."""
