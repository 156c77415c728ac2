# SPDX-License-Identifier: Apache-2.0
"""The one place that starts Python processes: none of them runs code that lies in the current folder.

`python -c` and `python -m` put the current folder first in sys.path, also those that `multiprocessing` starts: a file
called queue.py there is imported in place of the library's. Python 3.11 has an option against it (-P); this also does
it for 3.10.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_WITHOUT_FOLDER = "import sys; sys.path[:1] == [''] and sys.path.pop(0); "
"""First of all in a process begun by -c: `sys` is built in, and nothing else has been imported from the folder yet."""
_RUN_MODULE = (
    _WITHOUT_FOLDER
    + "import runpy; del sys.argv[0]; runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


def module_command(module: str, *arguments: str) -> list[str]:
    """Command that runs a module, as `python -m` would."""
    return [sys.executable, "-c", _RUN_MODULE, module, *arguments]


def code_command(code: str) -> list[str]:
    """Command that runs some code, as `python -c` would."""
    return [sys.executable, "-c", _WITHOUT_FOLDER + code]


def safe_environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Environment for a process: what it starts keeps out of the current folder too, from Python 3.11 on.

    Args:
        given: the environment that it would have; None = this process's. Empty parts of its PYTHONPATH, which name the
            current folder (`PYTHONPATH=$PYTHONPATH:/more` has one where there was none before), are left out.
    """
    env = dict(os.environ if given is None else given)
    env["PYTHONSAFEPATH"] = "1"
    if "PYTHONPATH" in env:
        env["PYTHONPATH"] = os.pathsep.join(part for part in env["PYTHONPATH"].split(os.pathsep) if part)
    return env


def context(method: str) -> Any:
    """`multiprocessing.get_context`, whose workers and helpers do not run what lies in the current folder.

    Once asked for, this holds for every process that `multiprocessing` starts in this one by -c.

    Args:
        method: spawn, forkserver or fork (which starts no new interpreter).
    """
    if multiprocessing.util.spawnv_passfds is not _spawn:
        multiprocessing.util.spawnv_passfds = _spawn
    return multiprocessing.get_context(method)


_spawn_as_ever: Any = multiprocessing.util.spawnv_passfds


def _spawn(path: Any, args: Sequence[Any], passfds: Sequence[int]) -> int:
    """`multiprocessing.util.spawnv_passfds`: all that starts a fresh interpreter there goes through it."""
    words = list(args)
    if "-c" in words[:-1]:
        at = words.index("-c") + 1
        words[at] = _WITHOUT_FOLDER + words[at]
    pid: int = _spawn_as_ever(path, words, passfds)
    return pid
