# SPDX-License-Identifier: Apache-2.0
"""The nodes of a run: which there are, how they are started, watched and ended."""
