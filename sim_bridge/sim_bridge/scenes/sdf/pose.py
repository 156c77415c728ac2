# SPDX-License-Identifier: Apache-2.0
"""Poses of SDF: numbers, `relative_to`, frames by name."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from transforms3d.euler import euler2mat
from transforms3d.quaternions import quat2mat

from seal_perception.errors import InputError
from seal_perception.pose import invert
from seal_perception.types import FloatArray
from sim_bridge.scenes.files import LARGEST

Element = ElementTree.Element


def numbers(text: str | None, count: int, what: str, path: Path) -> FloatArray:
    """`count` finite numbers.

    Raises:
        InputError: if the text holds something else, or a number beyond `LARGEST`.
    """
    try:
        values = np.array([float(word) for word in (text or "").split()], np.float64)
    except ValueError:
        values = np.empty(0)
    if len(values) != count or not np.isfinite(values).all():
        raise InputError(f"{path}: <{what}> needs {count} numbers, got {(text or '').strip()[:60]!r}")
    if (np.abs(values) > LARGEST).any():
        raise InputError(f"{path}: <{what}> has a number beyond {LARGEST:.0e}: {(text or '').strip()[:60]!r}")
    return values


def pose_matrix(element: Element | None, path: Path) -> FloatArray:
    """4 x 4 transform of a `<pose>` element (x y z roll pitch yaw, or a quaternion); identity where it is absent.

    Raises:
        InputError: if the numbers are not those of a pose.
    """
    T = np.eye(4)
    if element is None or not (element.text or "").strip():
        return T
    if element.get("rotation_format") == "quat_xyzw":
        values = numbers(element.text, 7, "pose", path)
        x, y, z, w = values[3:]
        if np.linalg.norm(values[3:]) < 1e-9:
            raise InputError(f"{path}: <pose> has a quaternion of length 0")
        T[:3, :3] = quat2mat((w, x, y, z))
    else:
        values = numbers(element.text, 6, "pose", path)
        factor = math.pi / 180 if element.get("degrees", "").lower() in ("true", "1") else 1.0
        T[:3, :3] = euler2mat(*(values[3:] * factor), axes="sxyz")
    T[:3, 3] = values[:3]
    return T


@dataclass
class Scope:
    """Named frames of a world or a model.

    Attributes:
        path: the file, for errors.
        frames: name -> (pose within its base, name of the base); an empty base is the scope's own frame.
        nested: name of a nested model -> its scope.
    """

    path: Path
    frames: dict[str, tuple[FloatArray, str]] = field(default_factory=dict)
    nested: dict[str, Scope] = field(default_factory=dict)
    _known: dict[str, FloatArray] = field(default_factory=dict)

    def pose(self, name: str) -> FloatArray:
        """T_scope_frame of a frame, a link, a joint, or a nested model, also `model::link`.

        Raises:
            InputError: if there is no such frame, or frames refer to each other in a circle.
        """
        chain: list[FloatArray] = []
        asked: dict[str, None] = {}
        while name not in ("", "__model__", "world", "__root__"):
            if name in self._known:
                chain.append(self._known[name])
                break
            if name in asked:
                raise InputError(f"{self.path}: the pose of frame {name!r} is relative to itself")
            asked[name] = None
            outer, separator, inner = name.partition("::")
            if name in self.frames:
                T, name = self.frames[name]
            elif separator and outer in self.nested:
                T, name = self.nested[outer].pose(inner), outer
            else:
                raise InputError(f"{self.path}: a pose is relative to {name!r}, but there is no such frame")
            chain.append(T)
        out: FloatArray = np.eye(4)
        for T in reversed(chain):
            out = out @ T
        if asked:
            self._known[next(iter(asked))] = out
        return out


def base_of(element: Element) -> str:
    """Name of the frame that an element's pose is relative to ("" = the scope)."""
    pose = element.find("pose")
    return "" if pose is None else (pose.get("relative_to") or pose.get("frame") or "")


def scope_of(model: Element, path: Path) -> Scope:
    """Frames of the links, joints, frames and nested models of a `<model>` or `<world>`."""
    scope = Scope(path)
    for kind in ("link", "frame", "joint", "model", "include"):
        for element in model.findall(kind):
            name = element.get("name") or (element.findtext("name") or "").strip()
            base = base_of(element)
            if kind == "frame" and not base:
                base = element.get("attached_to") or ""
            if kind == "joint" and not base:
                base = (element.findtext("child") or "").strip()
            T = pose_matrix(element.find("pose"), path)
            if kind == "model":
                inner = scope_of(element, path)
                scope.nested[name] = inner
                placement = element.get("placement_frame")
                if placement:
                    T = T @ invert(inner.pose(placement))
            if name:
                scope.frames.setdefault(name, (T, base))
    return scope
