# SPDX-License-Identifier: Apache-2.0
"""Evaluation: AP50, matching of boxes, quality of labels, pictures to look at."""
