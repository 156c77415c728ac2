# SPDX-License-Identifier: Apache-2.0
"""The seal command, launch files, experiments and report; no algorithm."""

__version__ = "0.1.0"
