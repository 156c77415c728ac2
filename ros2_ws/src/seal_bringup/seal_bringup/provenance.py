# SPDX-License-Identifier: Apache-2.0
"""Where a result comes from: versions, commit and machine, written beside it."""

from __future__ import annotations

import hashlib
import importlib.util
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


def code_hash(*names: str) -> str:
    """SHA-256 of the source of packages and modules: whether a figure kept from before is of the same code.

    A package's nodes are left out: nothing that runs in one process imports them.

    Raises:
        ValueError: if there is no such package or module.
    """
    digest = hashlib.sha256()
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ValueError(f"no source of {name} was found")
        root = Path(spec.origin)
        files = sorted(root.parent.rglob("*.py")) if spec.submodule_search_locations else [root]
        for file in files:
            if "nodes" not in file.relative_to(root.parent).parts:
                digest.update(f"{name}/{file.relative_to(root.parent).as_posix()}\n".encode() + file.read_bytes())
    return digest.hexdigest()


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
