# SPDX-License-Identifier: Apache-2.0
"""Annotation files that others wrote: the one reader of COCO for `label --annotations`, `evaluate` and `finetune`."""
