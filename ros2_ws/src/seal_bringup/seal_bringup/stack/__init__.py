# SPDX-License-Identifier: Apache-2.0
"""The nodes of a run: their description, and how they are started, watched and stopped."""
