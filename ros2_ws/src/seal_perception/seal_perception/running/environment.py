# SPDX-License-Identifier: Apache-2.0
"""Environment variables whose numbers a library would answer with a traceback."""

from __future__ import annotations

import os

from seal_perception.errors import InputError

AT_LEAST_ONE = ("NUMBA_NUM_THREADS",)


def check_numbers() -> None:
    """Refuse numbers that a library cannot use; what is no number at all it ignores by itself.

    Raises:
        InputError: for the first; the text names the variable.
    """
    for name in AT_LEAST_ONE:
        try:
            bad = int(os.environ.get(name) or 1) < 1
        except ValueError:
            continue
        if bad:
            raise InputError(f"{name} must be at least 1, got {os.environ[name][:40]}: set it anew, or unset it")
