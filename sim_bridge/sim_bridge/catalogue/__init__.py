# SPDX-License-Identifier: Apache-2.0
"""Catalogue pictures to train a detector on."""
