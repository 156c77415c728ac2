# SPDX-License-Identifier: Apache-2.0
"""What is installed, what is missing and what that costs; the checks behind `seal doctor`."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seal_perception.errors import InputError

GIB = 1 << 30


@dataclass(frozen=True)
class Check:
    """One thing that was looked for.

    Attributes:
        name: what it is.
        ok: it is there and works.
        required: the main job does not run without it.
        found: version, place or size; or why it does not work.
        cost: what does not work without it, and how to install it; empty when ok.
    """

    name: str
    ok: bool
    required: bool
    found: str
    cost: str = ""

    @property
    def status(self) -> str:
        """One of ok, MISSING (required) and absent (optional)."""
        return "ok" if self.ok else ("MISSING" if self.required else "absent")


@dataclass(frozen=True)
class Library:
    """A Python module to import for real, since a library it links may be missing.

    Attributes:
        name: what people call it.
        module: what is imported.
        cost: what is lost without it.
        required: the main job does not run without it.
        distribution: its name on the index, where that differs.
    """

    name: str
    module: str
    cost: str
    required: bool = True
    distribution: str = ""


SETUP = "run `make setup`"
LIBRARIES = (
    Library("numpy", "numpy", f"nothing runs; {SETUP}"),
    Library("torch", "torch", f"no detector, no fine-tuning; {SETUP}"),
    Library("torchvision", "torchvision", f"no detector; {SETUP}"),
    Library("numba", "numba", f"no map, no labels; {SETUP}"),
    Library("scikit-fmm", "skfmm", f"no planner; {SETUP} (it is compiled: needs g++ and Python's headers)"),
    Library("pycocotools", "pycocotools.mask", f"no AP50, no datasets; {SETUP}", distribution="pycocotools"),
    Library("rosbags", "rosbags", f"no bags, so no labels; {SETUP}"),
    Library("launch_ros", "launch_ros", "no `ros2 launch`; `seal run` starts the same stack", required=False),
    Library("tf2_msgs", "tf2_msgs", "no live /tf; poses come from odom, and the bag holds /tf anyway", required=False),
    Library("vision_msgs", "vision_msgs", "detections are on semantic/detections alone, as JSON", required=False),
    Library(
        "detectron2",
        "detectron2",
        "the paper's own backbone is not available; torchvision's Mask R-CNN is used",
        required=False,
    ),
    Library(
        "habitat-sim", "habitat_sim", "no Habitat scenes; the embedded simulator needs nothing else", required=False
    ),
)


def version_of(library: Library, module: Any) -> str:
    """Version by the installed distribution, else by the module, else only that it is there."""
    try:
        return importlib.metadata.version(library.distribution or library.name)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(module, "__version__", "installed"))


def check_library(library: Library) -> Check:
    """Import the library; a missing shared library is reported as such."""
    top = library.module.split(".")[0]
    if importlib.util.find_spec(top) is None:
        return Check(library.name, False, library.required, "not installed", library.cost)
    try:
        module = importlib.import_module(library.module)
    except (ImportError, OSError) as error:
        reason = f"does not import: {str(error).splitlines()[0]}"
        return Check(library.name, False, library.required, reason, library.cost)
    return Check(library.name, True, library.required, version_of(library, module))


def check_python() -> Check:
    """Python 3.10-3.13."""
    ok = (3, 10) <= sys.version_info[:2] <= (3, 13)
    cost = "" if ok else "the pins do not resolve; `make setup PYTHON=python3.12`"
    return Check("Python 3.10-3.13", ok, True, f"{sys.version.split()[0]} in {sys.prefix}", cost)


def check_embree() -> Check:
    """open3d, and one ray through its Embree scene."""
    check = check_library(Library("open3d (Embree)", "open3d", f"no simulator; {SETUP}", distribution="open3d"))
    if not check.ok:
        return check
    import numpy as np
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    triangle = np.array([[-1, -1, 2], [3, -1, 2], [-1, 3, 2]], dtype=np.float32)
    scene.add_triangles(o3d.core.Tensor(triangle), o3d.core.Tensor(np.array([[0, 1, 2]], dtype=np.uint32)))
    ray = o3d.core.Tensor(np.array([[0, 0, 0, 0, 0, 1]], dtype=np.float32))
    distance = float(scene.cast_rays(ray)["t_hit"].numpy()[0])
    if abs(distance - 2.0) > 1e-5:
        return Check(check.name, False, True, f"a ray of 2 m came back as {distance}", f"no simulator; {SETUP}")
    return check


def check_ros() -> Check:
    """The ROS client library and the middleware that it would use."""
    cost = f"no nodes: `seal demo`, `seal run` and `seal explore` over ROS do not work, `seal label BAG` does; {SETUP}"
    check = check_library(Library("rclpy", "rclpy", cost, distribution="ros-jazzy-rclpy"))
    if not check.ok:
        return check
    try:
        middleware = importlib.import_module("rclpy.utilities").get_rmw_implementation_identifier()
    except RuntimeError as error:
        return Check("rclpy", False, True, f"no middleware: {error}", cost)
    distribution = os.environ.get("ROS_DISTRO")
    origin = f"sourced {distribution}" if distribution else "wheels"
    return Check("rclpy", True, True, f"{check.found}, {origin}, {middleware}")


def check_weights() -> Check:
    """The shipped detector and where it comes from."""
    cost = "no detector to start from; `seal pretrain` makes it in some hours, or take `--weights coco`"
    try:
        from seal_perception.detector.facts import read_metadata, resolve_weights

        path = resolve_weights("seal-small")
        facts = read_metadata(path)
    except (InputError, ImportError) as error:
        return Check("detector weights", False, True, str(error), cost)
    origin = ", ".join(f"{key} {facts[key]}" for key in ("command", "commit", "seed") if key in facts)
    return Check("detector weights", True, True, f"{path.name}, {path.stat().st_size / 1e6:.1f} MB; {origin}"[:240])


def check_packages() -> Check:
    """The share folders of the five packages, where ROS tools look for launch files."""
    name = "share/ of the packages"
    cost = f"RViz layout and launch files are not found by ROS tools; {SETUP}"
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p] + [Path(sys.prefix)]
    for prefix in prefixes:
        if (prefix / "share" / "ament_index" / "resource_index" / "packages" / "seal_bringup").exists():
            return Check(name, True, False, str(prefix))
    return Check(name, False, False, "not installed", cost)


def check_disk(folder: Path) -> Check:
    """Room for runs."""
    free = shutil.disk_usage(folder).free / GIB
    cost = "" if free >= 2 else "a run takes about 1 GiB (bag, datasets); free some space"
    return Check("free disk", free >= 2, False, f"{free:.0f} GiB here", cost)


def check_cores() -> Check:
    """Cores this process may use, and memory."""
    import psutil

    cores = len(os.sched_getaffinity(0))
    memory = psutil.virtual_memory().total / GIB
    cost = "" if cores >= 2 else "`seal demo` takes more than the 15 minutes measured on two cores"
    return Check("cores, memory", cores >= 2, False, f"{cores} cores, {memory:.0f} GiB", cost)


def check_gpu() -> Check:
    """A CUDA device that torch can use; nothing needs one."""
    cost = "fine-tuning and detection run on the processor; every preset is measured that way"
    if importlib.util.find_spec("torch") is None:
        return Check("GPU", False, False, "torch is missing", cost)
    import torch

    if not torch.cuda.is_available():
        return Check("GPU", False, False, "none that torch can use", cost)
    return Check("GPU", True, False, torch.cuda.get_device_name(0))


def run_checks(folder: Path | None = None) -> list[Check]:
    """Every check, in the order to read them.

    Args:
        folder: where runs will be written; the current folder by default.
    """
    by_name = {library.name: library for library in LIBRARIES}

    def library(name: str) -> Callable[[], Check]:
        return lambda: check_library(by_name[name])

    required = [library(each.name) for each in LIBRARIES if each.required]
    optional = [library(each.name) for each in LIBRARIES if not each.required]
    steps: list[Callable[[], Check]] = [check_python, *required, check_embree, check_ros, check_weights]
    steps += [check_packages, *optional, lambda: check_disk(folder or Path.cwd()), check_cores, check_gpu]
    return [step() for step in steps]


def complete(checks: list[Check]) -> bool:
    """Whether everything required is there."""
    return all(check.ok for check in checks if check.required)
