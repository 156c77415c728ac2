# SPDX-License-Identifier: Apache-2.0
"""Pieces of the six categories in as many shapes as parameters allow, for catalogue pictures only."""
