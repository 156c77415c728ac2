# SPDX-License-Identifier: Apache-2.0
"""Simulators, scenes, catalogue pictures and robot bridges for SEAL."""

__version__ = "0.1.0"
