# SPDX-License-Identifier: Apache-2.0
"""A real walk through a room: imported, mapped, and labelled from five hand-drawn frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup.evaluation.map_check import check_maps, filter_rows
from seal_bringup.experiments.polygons import LABELS, MAP, Recording, check_frames, labelled, reach
from seal_mapping.annotation.annotations import read_annotations
from seal_mapping.bags.reader import open_bag
from seal_mapping.folders.to_bag import import_folder

DRAWN = Path(__file__).parents[2] / "fixtures" / "hololens_polygons"


@pytest.fixture(scope="module")
def room(tmp_path_factory, repo_root):
    folder = repo_root.parent / "shared" / "data" / "hololens_room"
    if not folder.is_dir():
        pytest.skip("../shared/data/hololens_room is not there")
    bag = tmp_path_factory.mktemp("room") / "bag"
    import_folder(folder, bag)
    return Recording(list(open_bag(bag)))


def test_five_drawn_frames_label_the_walk(room):
    """At least 95 % of the frames that see an annotated surface, mask IoU at least 0.5; of every third frame."""
    drawn, check = (read_annotations(DRAWN / f"{name}.json") for name in ("annotated", "check"))
    assert len(drawn) == 5 and len(check) >= 10
    needed = {picture.stamp_ns for part in (drawn, check) for picture in part.pictures}
    room = Recording([item for k, item in enumerate(room) if k % 3 == 0 or item.frame.stamp_ns in needed])
    assert not {p.stamp_ns for p in drawn.pictures} & {p.stamp_ns for p in check.pictures}
    assert not drawn.missing([item.frame.stamp_ns for item in room])
    volume = labelled(room, drawn, MAP, LABELS)
    assert check_frames(room, volume, check, LABELS)["mask_iou"]["all"]["mean"] >= 0.5
    got = reach(room, volume, drawn, LABELS)
    assert got["share"] >= 0.95 and got["seen"] > 150


def test_filters_make_rays_stop_where_the_sensor_measured(room):
    """Odd frames traced in a map of the even ones: 80 % within 10 cm, below 5 % without a hit."""
    rows = filter_rows()
    chosen = {name: rows[name] for name in ("no filter", "min_views 2, all three")}
    table = check_maps(room, chosen, rows["no filter"][0])
    assert table["min_views 2, all three"]["precise"] >= 0.8 and table["min_views 2, all three"]["no_hit"] < 0.05
    assert table["no filter"]["precise"] < 0.65
