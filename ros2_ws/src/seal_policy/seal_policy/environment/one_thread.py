# SPDX-License-Identifier: Apache-2.0
"""Importing this first keeps the number crunching libraries of a process to one thread each.

A fork server that workers are forked from imports it before everything else: a library that has started no threads can
be forked safely, and n workers do not fight with n x cores threads over the cores.
"""

from __future__ import annotations

import os

from seal_policy.environment.threads import ONE_THREAD

for _name, _value in ONE_THREAD.items():
    os.environ.setdefault(_name, _value)
