# SPDX-License-Identifier: Apache-2.0
"""Where a result comes from: versions, commit and machine, written beside it."""

from __future__ import annotations

import ast
import functools
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


OWN = ("seal_perception", "seal_mapping", "seal_policy", "seal_bringup", "sim_bridge")


@functools.cache
def imported_code(*names: str) -> str:
    """SHA-256 of the source of modules and of all of our modules that they import, and these in turn.

    Imports inside functions count; those by a name that is put together at run time do not.

    Raises:
        ValueError: if there is no such module.
    """
    files: dict[str, Path] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        file = _source(name)
        if file is None:
            raise ValueError(f"no source of {name} was found")
        files[name] = file
        waiting += _own_imports(file)
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        digest.update(f"{name}\n".encode() + file.read_bytes())
    return digest.hexdigest()


@functools.cache
def _source(name: str) -> Path | None:
    """File of one of our modules or packages; it is not executed."""
    top, *rest = name.split(".")
    spec = importlib.util.find_spec(top)
    if top not in OWN or spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*rest)
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@functools.cache
def _own_imports(file: Path) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in found if _source(name) is not None)


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
