# SPDX-License-Identifier: Apache-2.0
"""The detector: network, weights files, calibration, backends."""
