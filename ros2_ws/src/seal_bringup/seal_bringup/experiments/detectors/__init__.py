# SPDX-License-Identifier: Apache-2.0
"""Experiments on large detectors: our training loop beside those of the libraries they come from."""
