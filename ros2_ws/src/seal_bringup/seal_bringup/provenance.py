# SPDX-License-Identifier: Apache-2.0
"""Where a result comes from: versions, commit and machine, written beside it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from seal_bringup import __version__

PACKAGES = ("numpy", "scipy", "numba", "open3d", "torch", "torchvision", "scikit-fmm", "pycocotools", "rosbags")


def commit() -> str:
    """Commit of the checkout this code runs from, `-dirty` when changed; `unknown` outside a checkout."""
    folder = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def provenance() -> dict[str, Any]:
    """Versions, commit and machine, JSON-ready."""
    return {
        "seal": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in PACKAGES},
    }
