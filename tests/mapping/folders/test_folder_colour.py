# SPDX-License-Identifier: Apache-2.0
"""The colour pictures of a recorded folder, as stored, turned upright by its poses."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.mapping.folders import import_folders as f

from seal_mapping.folders.colour import FolderPictures, is_recording
from seal_perception.errors import InputError
from seal_perception.pictures.source import BadPicture, Picture


def test_a_recorded_folder_is_known_and_read_in_order(tmp_path: Path) -> None:
    folder = f.write_numbered(tmp_path / "room", (3, 4, 9))
    (tmp_path / "plain/color").mkdir(parents=True)
    assert is_recording(folder) and not is_recording(tmp_path / "plain") and not is_recording(tmp_path / "none")
    source = FolderPictures(folder)
    found = list(source.read([0, 2]))
    assert [item.name for item in found] == ["color/00003.jpg", "color/00009.jpg"] and len(source) == 3
    assert isinstance(found[1], Picture) and found[1].extra["stamp_ns"] > 0
    stored = cv2.imread(str(folder / "color/00009.jpg"))[..., ::-1]
    assert np.abs(found[1].rgb.astype(int) - stored).max() <= 3, "two JPEG decoders"


def lay_on_its_side(folder: Path) -> None:
    """What a camera records that is turned about its axis: pictures turned counter-clockwise, poses and K with them."""
    roll = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    for path in [*folder.glob("color/*"), *folder.glob("depth/*")]:
        cv2.imwrite(str(path), np.rot90(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)))
    table = folder / "poses.txt"
    poses = [np.array(line.split(), float).reshape(4, 4) @ roll for line in table.read_text().splitlines()]
    table.write_text("".join(" ".join(map(str, T.ravel())) + "\n" for T in poses))
    c = f.CAMERA
    np.savetxt(folder / "K.txt", [[c.fy, 0, c.cy], [0, c.fx, c.width - 1 - c.cx], [0, 0, 1]])


def test_a_sideways_camera_is_turned_by_the_poses(tmp_path: Path) -> None:
    folder = f.write_numbered(tmp_path / "room", range(4))
    upright = next(FolderPictures(folder).read([1]))
    lay_on_its_side(folder)
    assert "taken as upright" in FolderPictures(folder).lines[-1], "mounting or world: the folder alone does not tell"
    source = FolderPictures(folder, up="z")
    item = next(source.read([1]))
    assert isinstance(item, Picture) and isinstance(upright, Picture)
    assert item.name == "color/00001_turned270.jpg" and item.extra["turned_deg"] == 270
    assert np.abs(item.rgb.astype(int) - upright.rgb).mean() < 40, "JPEG of noise, twice"
    assert "mounted on its side" in source.lines[-1]
    (folder / "K.txt").unlink()
    assert "taken as upright" in FolderPictures(folder).lines[-1], "nothing is known without intrinsics"
    with pytest.raises(InputError, match=r"--read up=z cannot be used: .*K\.txt.*; leave it out for colour alone"):
        FolderPictures(folder, "z")


@pytest.mark.parametrize("absolute", [False, True])
def test_a_list_names_no_picture_elsewhere(tmp_path: Path, absolute: bool) -> None:
    folder = f.write_tum(tmp_path / "desk", 4)
    outside = tmp_path / "x.jpg"
    cv2.imwrite(str(outside), np.zeros((8, 8, 3), np.uint8))
    for table in ("rgb.txt", "depth.txt"):
        before = (folder / table).read_text()
        with open(folder / table, "a") as stream:
            stream.write(f"999999.0 {outside if absolute else '../x.jpg'}\n")
        with pytest.raises(InputError, match=rf"{table}:\d+: file_name must lie in the dataset's folder"):
            FolderPictures(folder)
        (folder / table).write_text(before)
    assert len(FolderPictures(folder)) == 4


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    folder = f.write_numbered(tmp_path / "room", range(3))
    (folder / "color/00001.jpg").write_bytes(b"no picture")
    source = FolderPictures(folder)
    assert [type(item) for item in source.read([0, 1, 2])] == [Picture, BadPicture, Picture]
    (folder / "color/00001.jpg").unlink()
    assert source.facts()[0][1][1:] == [None, None]
    assert [type(item) for item in source.read([0, 1, 2])] == [Picture, BadPicture, Picture], "gone meanwhile"
