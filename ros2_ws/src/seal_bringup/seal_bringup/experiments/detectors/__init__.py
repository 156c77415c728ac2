# SPDX-License-Identifier: Apache-2.0
"""Experiments on detectors: weights beside each other, and our training loop beside those of the libraries."""
