# SPDX-License-Identifier: Apache-2.0
"""A detector over any pictures: where they come from, what is written about them."""
