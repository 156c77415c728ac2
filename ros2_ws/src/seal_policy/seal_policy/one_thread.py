# SPDX-License-Identifier: Apache-2.0
"""Importing this first keeps the number crunching libraries of a process to one thread each.

A fork server that workers are forked from imports it before everything else: a library that has started no threads can
be forked safely, and n workers do not fight with n x cores threads over the cores.
"""

from __future__ import annotations

import os

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

for _name in VARIABLES:
    os.environ.setdefault(_name, "1")
