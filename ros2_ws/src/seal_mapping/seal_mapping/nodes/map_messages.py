# SPDX-License-Identifier: Apache-2.0
"""Maps to messages and back; what arrives has exactly the cells that were sent."""

from __future__ import annotations

import array
import math
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from nav_msgs.msg import OccupancyGrid
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header

from seal_mapping.voxels.config import MapConfig, VoxelCloud
from seal_mapping.voxels.local_map import LocalMapConfig
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception.errors import InputError
from seal_perception.grid import Grid2D
from seal_perception.messages import image_to_scores
from seal_perception.nodes.convert import byte_array, scores_to_image
from seal_perception.pose import pose_yaw
from seal_perception.types import FloatArray

OCCUPIED, FREE, UNKNOWN = 100, 0, -1

CLOUD_TYPE = np.dtype(
    [
        ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4"), ("label", "i1"), ("score", "u1"), ("views", "<u2"),
    ]
)  # fmt: skip
"""One point of `map/voxels`, 20 bytes: rgb as 0x00RRGGBB, label -1 = none, score of 255."""

_FIELD_KINDS = {"<f4": PointField.FLOAT32, "|i1": PointField.INT8, "|u1": PointField.UINT8, "<u2": PointField.UINT16}


def _data(values: np.ndarray, typecode: str = "B") -> array.array:
    """`byte_array`, which cannot look at an array of nothing."""
    return byte_array(values, typecode) if values.size else array.array(typecode)


def _occupancy(values: np.ndarray, grid: Grid2D, header: Header) -> OccupancyGrid:
    msg = OccupancyGrid(header=header)
    msg.info.map_load_time = header.stamp
    msg.info.resolution = float(grid.cell_m)
    msg.info.width, msg.info.height = values.shape
    msg.info.origin.position.x, msg.info.origin.position.y = (float(v) for v in grid.origin_xy)
    msg.info.origin.orientation.w = 1.0
    msg.data = _data(values.T.astype(np.int8), "b")
    return msg


def map_figures(voxel_map: VoxelMap, T_map_base: FloatArray) -> dict[str, str]:
    """Figures of a map for `map/status`, and the pose (4, 4) at which its last frame was mapped.

    Outside lockstep no odometry has the stamp of a picture, so nobody else knows that pose.
    """
    return {
        "confident_voxels": str(voxel_map.confident_count),
        "explored_area_m2": f"{voxel_map.explored_area_m2:.4f}",
        **{f"ms.{name}": f"{ms:.3f}" for name, ms in voxel_map.timings.items()},
        "pose.x_m": repr(float(T_map_base[0, 3])),
        "pose.y_m": repr(float(T_map_base[1, 3])),
        "pose.yaw_rad": repr(pose_yaw(T_map_base)),
    }


def obstacles_to_occupancy(obstacles: Grid2D, explored: Grid2D, header: Header) -> OccupancyGrid:
    """`map/obstacles`: 100 obstacle, 0 explored and free, -1 unknown."""
    values = np.where(explored.cells, FREE, UNKNOWN)
    values[obstacles.cells] = OCCUPIED
    return _occupancy(values, obstacles, header)


def explored_to_occupancy(explored: Grid2D, header: Header) -> OccupancyGrid:
    """`map/explored`: 0 explored, -1 unknown."""
    return _occupancy(np.where(explored.cells, FREE, UNKNOWN), explored, header)


def uncertainty_to_occupancy(uncertainty: Grid2D, explored: Grid2D, header: Header) -> OccupancyGrid:
    """`map/uncertainty`: 0 to 100, -1 unknown."""
    return _occupancy(np.where(explored.cells, uncertainty.cells.astype(np.int8), UNKNOWN), uncertainty, header)


def volume_to_image(volume: np.ndarray, header: Header) -> Image:
    """`map/volume`: row x, column y of the window, its heights of each channel in a row ((1 + C) x Z channels)."""
    pixels = volume.transpose(1, 2, 0, 3).reshape(*volume.shape[1:3], -1)
    return scores_to_image(np.ascontiguousarray(pixels), header)


def image_to_volume(msg: Image) -> np.ndarray:
    """(1 + C, X, Y, Z) uint8 of `map/volume`, whose window is `LocalMapConfig()`.

    Raises:
        InputError: if the Image is no such window.
    """
    pixels = image_to_scores(msg)
    (nx, ny, nz), _ = LocalMapConfig().lattice(MapConfig().voxel_m)
    if pixels.shape[:2] != (nx, ny) or pixels.shape[2] % nz:
        raise InputError(f"map/volume must be {nx} x {ny} pixels of a multiple of {nz} channels, got {pixels.shape}")
    return pixels.reshape(nx, ny, -1, nz).transpose(2, 0, 1, 3)


def _grid(msg: OccupancyGrid, cells: np.ndarray) -> Grid2D:
    """The cells where the message says they lie; raises ValueError if it gives no finite metres."""
    origin = np.array([msg.info.origin.position.x, msg.info.origin.position.y])
    if not math.isfinite(msg.info.resolution):
        raise InputError(f"an OccupancyGrid's resolution must be finite metres, got {msg.info.resolution}")
    # The message holds the cell's edge as float32: its shortest decimal is the number that was meant.
    return Grid2D(np.ascontiguousarray(cells), origin, float(str(np.float32(msg.info.resolution))))


def _values(msg: OccupancyGrid) -> np.ndarray:
    """(width, height) int8; raises InputError if the message does not have as many."""
    values = np.frombuffer(msg.data, np.int8)
    if values.size != msg.info.height * msg.info.width:
        raise InputError(
            f"an OccupancyGrid of {msg.info.width} x {msg.info.height} cells must have as many values, got "
            f"{values.size}"
        )
    return values.reshape(msg.info.height, msg.info.width).T


def occupancy_to_obstacles(msg: OccupancyGrid) -> Grid2D:
    """Bool grid of the obstacles in `map/obstacles`."""
    return _grid(msg, _values(msg) == OCCUPIED)


def occupancy_to_explored(msg: OccupancyGrid) -> Grid2D:
    """Bool grid of the explored cells in `map/explored`."""
    return _grid(msg, _values(msg) != UNKNOWN)


def occupancy_to_uncertainty(msg: OccupancyGrid) -> Grid2D:
    """Uint8 grid of `map/uncertainty`, 0 where nothing is known."""
    return _grid(msg, np.maximum(_values(msg), 0).astype(np.uint8))


def url_to_path(url: str) -> Path:
    """File that a `map_url` names: a path, or file:// and a path.

    Raises:
        InputError: if it is empty, or on another machine or of another kind.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(unquote(parts.path))
    if not url or "://" in url or parts.scheme == "file":
        raise InputError(f"map_url must be a path or file:///path on this machine, got {url!r}")
    return Path(url)


def cloud_to_message(cloud: VoxelCloud, header: Header) -> PointCloud2:
    """`map/voxels`: fields x, y, z, rgb, label, score, views."""
    points = np.zeros(len(cloud), CLOUD_TYPE)
    points["x"], points["y"], points["z"] = cloud.xyz.T
    red, green, blue = cloud.rgb.astype(np.uint32).T
    points["rgb"] = (red << 16) | (green << 8) | blue
    points["label"], points["score"], points["views"] = cloud.label, cloud.score, cloud.views
    msg = PointCloud2(header=header, height=1, width=len(points), is_bigendian=False, is_dense=True)
    for name in CLOUD_TYPE.names or ():
        kind, offset = CLOUD_TYPE.fields[name][:2]  # type: ignore[index]
        # RViz reads packed colours from a FLOAT32 field.
        datatype = PointField.FLOAT32 if name == "rgb" else _FIELD_KINDS[kind.str]
        msg.fields.append(PointField(name=name, offset=offset, datatype=datatype, count=1))
    msg.point_step = CLOUD_TYPE.itemsize
    msg.row_step = msg.point_step * len(points)
    msg.data = _data(points.view(np.uint8))
    return msg


def message_to_cloud(msg: PointCloud2) -> np.ndarray:
    """(N,) structured array of `CLOUD_TYPE` of a `map/voxels` message."""
    return np.frombuffer(msg.data, CLOUD_TYPE)
