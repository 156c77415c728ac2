# SPDX-License-Identifier: Apache-2.0
"""How to get there by velocity: rolling grid, arcs, the driver."""
