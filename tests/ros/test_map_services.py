# SPDX-License-Identifier: Apache-2.0
"""The mapping node's services and what it shows: load, get and save a map, voxels and objects as they come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed; `make setup` installs it")

from nav_msgs.msg import OccupancyGrid
from nav_msgs.srv import GetMap, LoadMap
from sensor_msgs.msg import PointCloud2
from std_srvs.srv import Trigger
from tests.mapping.worlds import box, map_of
from tests.ros import test_nodes as nodes
from visualization_msgs.msg import Marker, MarkerArray

from seal_bringup.stack.config import shared_folder
from seal_mapping.nodes import map_messages as map_convert
from seal_mapping.nodes.mapping_node import MappingNode
from seal_mapping.voxels.config import MapConfig
from seal_mapping.voxels.io import load_map, save_map
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_perception import messages as m
from seal_perception.errors import InputError
from seal_perception.nodes.base import SealNode

pytestmark = pytest.mark.ros

ros = nodes.ros
SUCCESS, ABSENT, BAD_DATA, MISFIT = (
    LoadMap.Response.RESULT_SUCCESS,
    LoadMap.Response.RESULT_MAP_DOES_NOT_EXIST,
    LoadMap.Response.RESULT_INVALID_MAP_DATA,
    LoadMap.Response.RESULT_INVALID_MAP_METADATA,
)
CHAIR = {"label__rule": "paper", "label__plausible_size": False}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A map with a chair of 0.3 m at (0.125, 0.125) and nothing else."""
    path = tmp_path / "a map.npz"
    save_map(map_of(box((0, 0, 4), (6, 6, 10), c0=255), config=MapConfig()), path)
    return path


class _User(SealNode):
    """Calls services and keeps the last message of each of the map's topics."""

    def __init__(self) -> None:
        super().__init__("user")
        self.last: dict[str, Any] = {}
        self.count: dict[str, int] = {}
        kinds = {m.VOXELS: PointCloud2, m.OBSTACLES: OccupancyGrid, m.EXPLORED: OccupancyGrid}
        for topic, kind in {**kinds, "map/objects": MarkerArray}.items():
            self.subscribe(kind, topic, lambda msg, t=topic: self._keep(t, msg), latched=True)

    def _keep(self, topic: str, msg: Any) -> None:
        self.last[topic] = msg
        self.count[topic] = self.count.get(topic, 0) + 1


def ask(one: Any, node: Any, kind: type, name: str, **fields: Any) -> Any:
    client = node.create_client(kind, name)
    assert one.spin_until(client.service_is_ready)
    answer = client.call_async(kind.Request(**fields))
    assert one.spin_until(answer.done)
    return answer.result()


def test_a_map_is_loaded_shown_and_gone_on_with(ros: Callable[..., Any], saved: Path, tmp_path: Path) -> None:
    one = ros(save_path=tmp_path / "out.npz", **CHAIR)
    mapping, user, sender = one.make(MappingNode), one.make(_User), one.make(nodes._Sender)
    empty = ask(one, user, GetMap, "map/get").map
    assert (empty.info.width, empty.info.height, len(empty.data)) == (0, 0, 0)
    answer = ask(one, user, LoadMap, "map/load", map_url=saved.resolve().as_uri())
    assert answer.result == SUCCESS
    expected = load_map(saved)
    assert map_convert.occupancy_to_obstacles(answer.map).cells.tolist() == expected.obstacles().cells.tolist()
    assert one.spin_until(lambda: len(user.last) == 4)
    cloud = map_convert.message_to_cloud(user.last[m.VOXELS])
    np.testing.assert_array_equal(np.stack([cloud["x"], cloud["y"], cloud["z"]], axis=1), expected.voxels().xyz)
    texts = [marker.text for marker in user.last["map/objects"].markers if marker.text]
    assert texts == ["chair 1, 1.00"]
    got = ask(one, user, GetMap, "map/get").map
    assert got.data == answer.map.data == user.last[m.OBSTACLES].data
    assert one.spin_until(lambda: all(p.get_subscription_count() for p in sender.topics.values()))
    sender.send(nodes._frame_messages(7 * m.NS))
    assert one.spin_until(lambda: mapping._map.frames == 2)
    assert ask(one, user, Trigger, "map/save").success
    after = load_map(tmp_path / "out.npz")
    assert after.frames == 2 and after.at(expected.voxels().ijk)[0].all()
    assert one.spin_until(lambda: user.last[m.VOXELS].header.stamp.sec == 7)
    assert user.last["map/objects"].markers[0].header.stamp.sec == 7


def test_load_path_goes_on_from_the_start_and_frames_are_counted_anew(
    ros: Callable[..., Any], saved: Path, tmp_path: Path
) -> None:
    one = ros(load_path=saved, save_path=tmp_path / "out.npz", expected_frames=1, objects_every=0, **CHAIR)
    mapping, user, sender = one.make(MappingNode), one.make(_User), one.make(nodes._Sender)
    assert one.spin_until(lambda: len(user.last) == 3)  # latched: a late subscriber sees the loaded map
    assert mapping._map.frames == 1 and user.last[m.VOXELS].width == 216
    assert one.spin_until(lambda: all(p.get_subscription_count() for p in sender.topics.values()))
    sender.send(nodes._frame_messages(m.NS))
    assert one.spin_until((tmp_path / "out.npz").is_file)  # the one frame that was expected
    assert load_map(tmp_path / "out.npz").frames == 2 and "map/objects" not in user.last


@pytest.mark.parametrize(
    ("make", "result", "said"),
    [
        (lambda d: "", ABSENT, "map_url must be a path or file:///path on this machine, got ''"),
        (lambda d: "http://elsewhere/map.npz", ABSENT, "map_url must be a path or file:"),
        (lambda d: "file://elsewhere/map.npz", ABSENT, "on this machine, got 'file://elsewhere/map.npz'"),
        (lambda d: str(d / "none.npz"), ABSENT, "no map at"),
        (lambda d: str(d), ABSENT, "no map at"),
        (lambda d: _written(d, b"hello"), BAD_DATA, "is not a readable map"),
        (lambda d: _map(d, MapConfig(num_categories=16)), MISFIT, "num_categories 16, expected 6: set map.num_cat"),
        (lambda d: _map(d, MapConfig(voxel_m=0.1)), MISFIT, "has voxel_m 0.1, expected 0.05: set map.voxel_m"),
    ],
)
def test_a_map_that_cannot_be_loaded_changes_nothing(
    ros: Callable[..., Any],
    saved: Path,
    tmp_path: Path,
    make: Callable[[Path], str],
    result: int,
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    one = ros(load_path=saved)
    mapping, user = one.make(MappingNode), one.make(_User)
    before = mapping._map
    answer = ask(one, user, LoadMap, "map/load", map_url=make(tmp_path))
    assert answer.result == result and len(answer.map.data) == 0
    assert mapping._map is before and before.frames == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if "map not loaded" in line]
    assert len(lines) == 1 and said in lines[0]


def _written(folder: Path, data: bytes) -> str:
    (folder / "bad.npz").write_bytes(data)
    return str(folder / "bad.npz")


def _map(folder: Path, config: MapConfig) -> str:
    save_map(VoxelMap(config), folder / "other.npz")
    return str(folder / "other.npz")


def test_a_bad_load_path_ends_the_node(ros: Callable[..., Any], tmp_path: Path) -> None:
    one = ros(load_path=tmp_path / "none.npz")
    with pytest.raises(InputError, match="no map at"):
        one.make(MappingNode)


def test_other_parameters_of_a_loaded_map_are_kept_and_said(
    ros: Callable[..., Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = _map(tmp_path, MapConfig(max_depth_m=4.0, clear_views=3))
    mapping = ros(load_path=path).make(MappingNode)
    assert mapping._map.config.clear_views == 3
    assert "goes on with its own max_depth_m, clear_views, not with the parameters'" in capfd.readouterr().err


def test_voxels_and_objects_come_every_so_many_frames(ros: Callable[..., Any]) -> None:
    one = ros(voxels_every=2, objects_every=4, **CHAIR)
    mapping, user, sender = one.make(MappingNode), one.make(_User), one.make(nodes._Sender)
    assert one.spin_until(lambda: all(p.get_subscription_count() for p in sender.topics.values()))
    assert one.spin_until(lambda: mapping._found._topic.get_subscription_count() == 1)
    for number in range(1, 7):
        sender.send(nodes._frame_messages(number * m.NS))
        assert one.spin_until(lambda n=number: user.count.get(m.OBSTACLES) == n)
    assert mapping._map.frames == 6
    assert one.spin_until(lambda: user.count[m.VOXELS] == 3 and user.count["map/objects"] == 2)
    assert user.last["map/objects"].markers[0].action == Marker.DELETEALL


def test_rviz_shows_the_map_as_it_is_published(ros: Callable[..., Any]) -> None:
    one = ros()
    one.make(MappingNode)
    user = one.make(lambda: SealNode("viewer"))
    layout = yaml.safe_load((shared_folder("rviz") / "seal.rviz").read_text())["Visualization Manager"]
    assert layout["Global Options"]["Fixed Frame"] == m.MAP_FRAME
    shown = {d["Topic"]["Value"]: d for d in layout["Displays"] if "Topic" in d}
    kinds = {
        m.OBSTACLES: ("Map", "nav_msgs/msg/OccupancyGrid"),
        m.EXPLORED: ("Map", "nav_msgs/msg/OccupancyGrid"),
        m.VOXELS: ("PointCloud2", "sensor_msgs/msg/PointCloud2"),
        "map/objects": ("MarkerArray", "visualization_msgs/msg/MarkerArray"),
    }
    for topic, (display, kind) in kinds.items():
        assert one.spin_until(lambda t=topic: user.count_publishers(t) == 1)
        (published,) = user.get_publishers_info_by_topic("/" + topic)
        assert published.topic_type == kind and published.qos_profile.durability.name == "TRANSIENT_LOCAL"
        assert shown[topic]["Class"] == f"rviz_default_plugins/{display}" and shown[topic]["Enabled"]
        assert shown[topic]["Topic"]["Durability Policy"] == "Transient Local"
        assert shown[topic]["Topic"]["Reliability Policy"] == "Reliable"
