# SPDX-License-Identifier: Apache-2.0
"""What is said of a name that is neither a home nor a scene: one line, and what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from seal_bringup.cli.homes import parse_names
from seal_perception.errors import InputError
from sim_bridge.homes.build import closest_home, make_home
from sim_bridge.scenes.load import read_scene
from sim_bridge.worlds import require_scene


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("tran_01", "train_01"),
        ("trian_02", "train_02"),
        ("Train_3", "train_03"),
        ("test1", "test_01"),
        ("tets-05", "test_05"),
        ("tran_01@objects=5,materials=2", "train_01@objects=5,materials=2"),
        ("train_26", None),
        ("test_00", None),
        ("kitchen_01", None),
        ("attic", None),
        ("", None),
    ],
)
def test_the_home_that_was_meant(name: str, meant: str | None) -> None:
    assert closest_home(name) == meant


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tran_01", r"no home and no folder is called 'tran_01'; did you mean train_01\?$"),
        ("train_26", r"no home and no folder is called 'train_26'; expected a home \(train_01 \.\. train_25"),
        ("missing.obj", r"^no file or folder missing\.obj; expected a scene by its path, or a home"),
        ("rooms/mine", "^no file or folder rooms/mine; "),
        ("notes.txt", r"'notes\.txt' is no scene that is read here; expected a home"),
    ],
)
def test_a_wrong_scene_says_what_was_meant(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").touch()
    for refuse in (require_scene, read_scene):
        with pytest.raises(InputError, match=message):
            refuse(name)


def test_scenes_of_habitat_are_read_by_their_path_alone() -> None:
    with pytest.raises(
        InputError, match="^habitat:foo.glb: .* by their path, without habitat-sim; leave out habitat:$"
    ):
        read_scene("habitat:foo.glb")


def test_a_variant_that_is_not_understood_is_refused_without_building_the_home() -> None:
    with pytest.raises(InputError, match="expected train_03@objects=<seed>"):
        require_scene("train_03@objects=x")


def test_commands_for_homes_alone_suggest_too() -> None:
    with pytest.raises(InputError, match=r"unknown home 'trian_02'; did you mean train_02\?"):
        parse_names("test,trian_02")
    with pytest.raises(InputError, match=r"unknown home 'kitchen'; expected train_01 \.\. train_25, test_01"):
        make_home("kitchen")
