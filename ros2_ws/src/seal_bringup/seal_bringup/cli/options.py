# SPDX-License-Identifier: Apache-2.0
"""Options that commands share: groups of them as dataclasses, and `--read NAME=VALUE` for commands that read a bag."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from seal_mapping.bags.options import BagOptions

READ = Annotated[
    list[str] | None,
    typer.Option(
        "--read",
        metavar="NAME=VALUE",
        help="How to read the bag, where the automatic choice is wrong; may be repeated. Topics: "
        "colour, depth, camera_info, odom, pose_topic, detections. Poses: pose=auto|odom|tf|pose_stamped, fixed_frame, "
        "base_frame, camera_frame, mounting=x,y,z,roll,pitch,yaw (base to camera body, metres and degrees), max_gap_s. "
        "Pictures: camera=width,height,fx,fy,cx,cy, tolerance_s, every, start_s, end_s, assume_registered=true. "
        "Conventions: optical=true|false (false: the pictures' frame has x ahead), depth_scale=UNITS_PER_METRE, "
        "up=AXIS or x,y,z, floor=METRES. "
        "See docs/bags.md.",
    ),
]

CATEGORIES = Annotated[
    list[str] | None,
    typer.Option(
        "--categories",
        metavar="NAME,...|NAME=OURS,...",
        help="Names alone are the list of categories, instead of the weights' own (the six for COCO's): "
        "chair,refrigerator. With = which of them a name in the annotation file is, beyond the usual other names "
        "(sofa, tvmonitor, ...): armchair=chair; NAME=none leaves one out. May be repeated.",
    ),
]

CATEGORY_LIST = Annotated[
    list[str] | None,
    typer.Option(
        "--categories",
        metavar="NAME,...",
        help="With COCO's weights: which of COCO's 80 categories to look for instead of the six, such as "
        'chair,"dining table",refrigerator. Other weights have their own list.',
    ),
]


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take groups of options: parameters whose type is a dataclass with typer options as fields.

    typer sees the fields instead of the group; the command receives the group.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    shown: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if is_dataclass(kind):
            groups[parameter.name] = kind
            shown += _options_of(kind)
        else:
            shown.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        filled = {name: kind(**{f.name: given.pop(f.name) for f in fields(kind)}) for name, kind in groups.items()}
        command(**given, **filled)

    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return run


def _options_of(group: Any) -> list[inspect.Parameter]:
    """The fields of a group as parameters of a command."""
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]


def bag_options(given: list[str] | None) -> BagOptions:
    """The options behind `--read` texts.

    Raises:
        InputError: if a name is unknown, is given twice, or a value cannot be read.
    """
    from seal_mapping.bags.options import BagOptions
    from seal_perception.errors import InputError

    known = {f.name: f.default for f in fields(BagOptions) if f.name != "T_base_camera"}
    values: dict[str, Any] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not value or (name not in known and name != "mounting"):
            raise InputError(f"--read must be NAME=VALUE with one of {', '.join([*known, 'mounting'])}; got {text!r}")
        field = "T_base_camera" if name == "mounting" else name
        if field in values:
            raise InputError(f"--read {name} is given twice")
        try:
            values[field] = _value(name, value, known.get(name))
        except ValueError as error:
            raise InputError(f"--read {text}: {error}") from error
    return BagOptions(**values)


def _value(name: str, value: str, default: Any) -> Any:
    if name == "mounting":
        return _mounting(_numbers(value, 6))
    if name == "camera":
        from seal_perception.camera import Camera

        width, height, *rest = _numbers(value, 6)
        return Camera(int(width), int(height), *rest)
    if value == "auto" and name in ("optical", "depth_scale", "up", "floor"):
        return None
    if name in ("assume_registered", "optical"):
        if value.lower() not in ("true", "false"):
            raise ValueError("expected true or false")
        return value.lower() == "true"
    if name == "every":
        return int(value)
    if isinstance(default, float) or name in ("start_s", "end_s", "depth_scale", "floor"):
        return float(value)
    return value


def _numbers(value: str, count: int) -> list[float]:
    parts = [float(part) for part in value.split(",")]
    if len(parts) != count:
        raise ValueError(f"expected {count} numbers with commas between, got {len(parts)}")
    return parts


def _mounting(numbers: list[float]) -> Any:
    """T_base_camera (4, 4) to the optical frame, of a camera body (x ahead, y left, z up) in the base frame."""
    import numpy as np
    from transforms3d.euler import euler2mat

    from seal_perception.pose import R_BODY_OPTICAL

    T = np.eye(4)
    T[:3, :3] = euler2mat(*(math.radians(angle) for angle in numbers[3:])) @ R_BODY_OPTICAL
    T[:3, 3] = numbers[:3]
    return T
