# SPDX-License-Identifier: Apache-2.0
"""The simulated robot: configuration, body, motion noise, senses, running time."""
