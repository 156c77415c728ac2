# SPDX-License-Identifier: Apache-2.0
"""Folders of RGB-D frames, imported as bags."""
