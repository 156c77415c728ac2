# SPDX-License-Identifier: Apache-2.0
"""A bag from a folder of RGB-D frames with poses, its world turned upright and its floor put at zero."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seal_mapping.bags import messages as bm
from seal_mapping.bags.writer import BagWriteError, BagWriter, odometry_transform
from seal_mapping.folders.pictures import depth_image, read_colour
from seal_mapping.folders.plan import ImportOptions, ImportPlan, checked_depth, plan_import
from seal_mapping.folders.recording import PictureFile
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, check_pose, invert

__all__ = ["TOPICS", "ImportOptions", "ImportPlan", "ImportSummary", "import_folder", "plan_import", "write_import"]

Progress = Callable[[int, int], None]

COMPRESSED = f"{m.COLOUR}/compressed"
_COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
TOPICS: dict[str, str] = {
    COMPRESSED if topic == m.COLOUR else topic: _COMPRESSED_TYPE if topic == m.COLOUR else msgtype
    for topic, msgtype in bm.TOPIC_TYPES.items()
    if topic in (m.TF_STATIC, m.CAMERA_INFO, m.COLOUR, m.DEPTH, m.ODOM, m.TF)
}
"""Topics of an imported bag with their types."""

T_BASE_CAMERA = camera_mounting(0.0)
"""base_link is the camera's body frame: it has the camera's place, and axes x forward, y left, z up."""


@dataclass(frozen=True)
class ImportSummary:
    """What an import wrote.

    Attributes:
        bag: the folder.
        frames: colour pictures, each with its depth.
        poses: odometry messages.
        size_bytes: of the bag's files.
        plan: what was chosen.
    """

    bag: Path
    frames: int
    poses: int
    size_bytes: int
    plan: ImportPlan


def write_import(plan: ImportPlan, bag: Path | str, progress: Progress | None = None) -> ImportSummary:
    """Write the bag of a plan; it appears whole or not at all.

    Args:
        plan: what to write.
        bag: folder to make; it must not exist.
        progress: called with (frames done, frames to do).

    Raises:
        InputError: if a picture is missing, broken or of another size than its camera.
        BagWriteError: if `bag` exists, or the disk is full.
    """
    bag = Path(bag)
    with _whole_bag(bag) as beside, BagWriter(beside, topics=TOPICS) as writer:
        try:
            _write(plan, writer, progress or _silent)
        except BaseException:
            writer.abandon()
            raise
    size = sum(file.stat().st_size for file in bag.iterdir())
    return ImportSummary(bag, writer.written[COMPRESSED], writer.written[m.ODOM], size, plan)


def import_folder(
    folder: Path | str, bag: Path | str, options: ImportOptions | None = None, progress: Progress | None = None
) -> ImportSummary:
    """`plan_import`, then `write_import`."""
    return write_import(plan_import(folder, options), bag, progress)


def _write(plan: ImportPlan, writer: BagWriter, progress: Progress) -> None:
    """Write all messages in the order of their stamps."""
    found, T_map_world, T_camera_base = plan.recording, plan.T_map_world, invert(T_BASE_CAMERA)
    events = sorted(
        [
            *((int(stamp), 0, i) for i, stamp in enumerate(found.pose_stamps_ns)),
            *((picture.stamp_ns, 1, i) for i, picture in enumerate(found.colour)),
            *((stamp, 2, i) for stamp, i in {p.stamp_ns: i for i, p in enumerate(found.depth)}.items()),
        ]
    )
    static = [(m.MAP_FRAME, m.ODOM_FRAME, np.eye(4)), (m.BASE_FRAME, plan.camera_frame, T_BASE_CAMERA)]
    first = events[0][0]
    writer.write(m.TF_STATIC, first, bm.encode(m.TF_STATIC, bm.tf_message(static, first)))
    done = 0
    for stamp, kind, i in events:
        if kind == 0:
            T_odom_base = check_pose(T_map_world @ found.T_world_camera[i] @ T_camera_base)
            odometry = bm.encode(m.ODOM, bm.odometry_message(T_odom_base, stamp))
            writer.write(m.ODOM, stamp, odometry)
            writer.write(m.TF, stamp, odometry_transform(odometry))
        elif kind == 1:
            _write_colour(plan, writer, found.colour[i])
            done += 1
            progress(done, len(found.colour))
        else:
            raw = checked_depth(found.depth[i], plan.camera, found)
            pixels, encoding = depth_image(raw, plan.depth_units_per_m)
            message = bm.image_message(pixels, encoding, stamp, plan.camera_frame)
            writer.write(m.DEPTH, stamp, bm.encode(m.DEPTH, message))


def _write_colour(plan: ImportPlan, writer: BagWriter, picture: PictureFile) -> None:
    camera, stamp = plan.camera, picture.stamp_ns
    data, kind, size = read_colour(picture.path)
    if size != (camera.width, camera.height):
        raise InputError(
            f"{picture.path} is {size[0]} x {size[1]}, the first picture {camera.width} x {camera.height}: "
            "all pictures must have one size"
        )
    info = bm.camera_info_message(camera, stamp, plan.camera_frame)
    writer.write(m.CAMERA_INFO, stamp, bm.encode(m.CAMERA_INFO, info))
    message = compressed_image_message(data, kind, stamp, plan.camera_frame)
    writer.write(COMPRESSED, stamp, bytes(bm.typestore().serialize_cdr(message, _COMPRESSED_TYPE)))


def compressed_image_message(data: bytes, kind: str, stamp_ns: int, frame_id: str = m.CAMERA_FRAME) -> Any:
    """CompressedImage of a picture file's bytes; `kind` is jpeg or png."""
    types = bm.typestore().types
    stamp = types["builtin_interfaces/msg/Time"](sec=stamp_ns // m.NS, nanosec=stamp_ns % m.NS)
    header = types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)
    return types[_COMPRESSED_TYPE](header=header, format=kind, data=np.frombuffer(data, np.uint8))


def _silent(done: int, total: int) -> None:
    """Report nothing."""


@contextmanager
def _whole_bag(bag: Path) -> Iterator[Path]:
    """Yield the path of a bag to write in a hidden folder beside `bag`; renamed to `bag` if the block succeeds."""
    if bag.exists():
        raise BagWriteError(f"cannot write the bag {bag}: it exists already; choose another folder")
    if bag.suffix == ".mcap":
        raise InputError(f"a bag is a folder, in which the .mcap file lies: give {bag.with_suffix('')}")
    beside = bag.with_name(f".{bag.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        yield beside / bag.name
        (beside / bag.name).rename(bag)
    except OSError as error:
        raise BagWriteError(f"cannot write the bag {bag}: {error.strerror or error}") from error
    except BagWriteError as error:
        reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error
        raise BagWriteError(
            f"cannot write the bag {bag}: {reason}; nothing was left behind: free some space and import again"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
