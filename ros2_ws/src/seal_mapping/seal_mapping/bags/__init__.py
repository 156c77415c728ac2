# SPDX-License-Identifier: Apache-2.0
"""Bags: read, written, recovered; formats in `formats`."""
