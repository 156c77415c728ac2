# SPDX-License-Identifier: Apache-2.0
"""Homes made by code: floor plans, rooms, furniture placed in them."""
