# SPDX-License-Identifier: Apache-2.0
"""Baked light kept between runs in the user's cache folder, named by a hash of all that it depends on."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from seal_perception.files import replacing
from sim_bridge.drawing.daylight import albedo
from sim_bridge.drawing.light_config import LightConfig
from sim_bridge.drawing.render import Renderer
from sim_bridge.geometry.mesh import Scene

LOG = logging.getLogger(__name__)
VERSION = 2
"""Raise when `sim_bridge.drawing.light` computes something else from the same input."""
MOST_BYTES = 1_000_000_000
"""The cache is kept below this; a home takes 2 to 4 MB."""


def cache_folder() -> Path:
    """The user's cache folder for SEAL (`XDG_CACHE_HOME`, else `~/.cache`)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seal"


def light_key(scene: Scene, config: LightConfig) -> str:
    """SHA-256 of geometry, lamps, names and mean colours of materials, and the light's settings."""
    digest = hashlib.sha256(repr((VERSION, config, scene.lamps)).encode())
    for part in scene.parts:
        mesh = part.mesh
        digest.update(mesh.vertices.tobytes() + mesh.faces.tobytes() + mesh.material.tobytes())
        digest.update(repr([m.name for m in mesh.materials]).encode())
        digest.update(albedo(mesh.materials).tobytes())
    return digest.hexdigest()


def _touch(path: Path) -> None:
    """Mark as used now; a cache that may only be read, or that another process trims, serves as well."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _trim(folder: Path, most_bytes: int) -> None:
    """Remove the lights that were used longest ago until the rest fits; others may do so meanwhile."""
    files = []
    for path in folder.glob("*.npz"):
        try:
            info = path.stat()
        except FileNotFoundError:
            continue
        files.append((info.st_mtime_ns, info.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if total <= most_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size


def cached_renderer(scene: Scene, config: LightConfig, threads: int = 0) -> Renderer:
    """A `Renderer` whose light comes from the cache where it is there, and goes into it where not."""
    path = cache_folder() / "light" / f"{light_key(scene, config)}.npz"
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as stored:
                light = stored["light"].astype(np.float32)
            _touch(path)
            return Renderer(scene, config, threads, baked=light)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            LOG.warning("baked light %s is unusable (%s); baking again", path, error)
    renderer = Renderer(scene, config, threads)
    try:
        with replacing(path) as beside:
            np.savez(beside, light=renderer.light.astype(np.float16))
        _trim(path.parent, MOST_BYTES)
    except OSError as error:
        LOG.warning("cannot keep baked light in %s: %s", path, error)
    return renderer
