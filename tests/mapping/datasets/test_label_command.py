# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import typer
from tests.mapping.datasets.test_label_resume import digest
from tests.mapping.worlds import wall_source
from typer.testing import CliRunner

from seal_bringup.cli import label
from seal_bringup.cli.options import bag_options
from seal_bringup.jobs.label_jobs import LabelJob, _resume_key, run_job
from seal_bringup.report import label_report
from seal_bringup.report.cubes import CubeView
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, invert


def write_bag(path, count=4, detections=True):
    """A bag of the wall that the detector takes for a chair."""
    mounting = camera_mounting(0.88)
    with BagWriter(path) as writer:
        for item in wall_source(count):
            frame = item.frame
            T_odom_base = frame.T_map_camera @ invert(mounting)
            found = item.detections if detections else None
            stamp = frame.stamp_ns + item.index * 100_000_000
            write_frame(writer, stamp, frame.rgb, frame.depth, frame.camera, T_odom_base, mounting, found)
    return path


@pytest.fixture(scope="module", autouse=True)
def _small_pictures():
    """The map's picture in report.html takes longer than all else here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_report, "PICTURE", CubeView(width=240))
        yield


@pytest.fixture
def command():
    app = typer.Typer()
    label.register(app)
    app.command("other")(lambda: None)  # two commands, so that `label` keeps its name
    return lambda *words: CliRunner().invoke(app, ["label", *map(str, words)])


def test_explain_prints_what_was_considered(command, tmp_path):
    bag = write_bag(tmp_path / "bag")
    result = command(bag, "--explain")
    assert result.exit_code in (0, 3), result.output
    considered = json.loads((tmp_path / "labels" / "labels.json").read_text())["considered"]
    assert considered and f"{len(considered)} considered" in result.output
    told = " ".join(result.output.split())
    assert all((f"object {row['label']}" if row["label"] else row["why"][:12]) in told for row in considered)
    result = command(bag, "--explain", "--rule", "self_training", "--overwrite")
    assert "the rule self_training makes no map" in result.output


def test_label_writes_a_dataset_and_says_what_is_in_it(command, tmp_path):
    bag = write_bag(tmp_path / "bag")
    result = command(bag, "--min-volume", 0.001, "--rule", "paper")
    assert result.exit_code == 0, result.output
    assert "4 labels in 4 frames, rule paper" in result.output and "camera/color/image_raw" in result.output
    assert len(CocoDataset(tmp_path / "labels")) == 4 and (tmp_path / "labels" / "report.html").is_file()
    again = command(bag)
    assert isinstance(again.exception, InputError) and "--overwrite" in str(again.exception)
    result = command(bag, "--overwrite", "--rule", "self_training")
    assert result.exit_code == 0 and "rule self_training" in result.output
    result = command(bag, "--overwrite", "--rule", "optical_flow")
    assert result.exit_code == 0 and "4 labels in 4 frames, rule optical_flow" in " ".join(result.output.split())
    assert "before and after, carried along dense optical flow" in (tmp_path / "labels" / "report.html").read_text()
    result = command(bag, "--overwrite", "--rule", "paper", "--min-volume", 9)
    assert result.exit_code == 3 and "written to" in result.output
    last = result.output.strip().splitlines()[-1]
    assert "no label: " in last and "voxels have a category, an object needs 72000" in last
    assert "4 of 4 frames have detections" in last and "--redetect --weights coco" in last
    assert f"seal annotate {bag} -k 5" in last and "--overwrite" in last


def test_several_bags_are_labelled_and_a_broken_one_stops_none(command, tmp_path):
    good = [write_bag(tmp_path / name) for name in ("a", "b")]
    result = command(*good, tmp_path / "none", "--rule", "paper", "--out", tmp_path / "out")
    assert isinstance(result.exception, InputError)
    assert "1 of 3 bags failed" in str(result.exception) and "none" in str(result.exception)
    assert [len(CocoDataset(tmp_path / "out" / name)) for name in ("a", "b")] == [4, 4]
    with pytest.raises(InputError, match="one bag"):
        raise command(*good, "--continue-from", tmp_path).exception


def test_the_work_on_one_bag_is_never_taken_for_anothers(tmp_path):
    """Simulated bags have the same stamps: files, options and mounting tell them apart."""
    bags = [write_bag(tmp_path / name) for name in ("a", "b")]
    keys = set()
    for bag in bags:
        for options in (BagOptions(), BagOptions(T_base_camera=camera_mounting(0.5)), BagOptions(every=2)):
            keys.add(_resume_key(LabelJob(bag, tmp_path / "out", options=options), open_bag(bag, options)))
    assert len(keys) == 6


def test_a_map_frame_without_its_floor_at_zero_is_noticed(tmp_path, caplog):
    bag = write_bag(tmp_path / "bag")
    run_job(LabelJob(bag, tmp_path / "out", rule="paper"))
    assert "is z = 0 the floor" not in caplog.text
    sunk = BagOptions(T_base_camera=camera_mounting(-3.0))  # the camera's start taken for z = 3 m
    run_job(LabelJob(bag, tmp_path / "sunk", rule="paper", options=sunk))
    assert "only 0 % of the depth readings lie between -0.1 and 2 m" in caplog.text


def test_a_folder_is_named_from_inside(command, tmp_path, monkeypatch):
    monkeypatch.chdir(write_bag(tmp_path / "bag"))
    assert command(".", "--rule", "paper").exit_code == 0
    assert len(CocoDataset(tmp_path / "labels")) == 4


def test_polygons_and_an_earlier_map_by_options(command, tmp_path):
    bag = write_bag(tmp_path / "bag", detections=False)
    refused = command(bag)
    assert isinstance(refused.exception, InputError) and "--redetect" in str(refused.exception)
    outline = [[32.0, 24.0, 96.0, 24.0, 96.0, 72.0, 32.0, 72.0]]
    row = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": outline, "iscrowd": 0}
    document = {
        "images": [{"id": 1, "file_name": "x.png", "stamp_ns": 10**9, "width": 128, "height": 96}],
        "annotations": [row],
        "categories": [{"id": 1, "name": "couch"}],
    }
    document["categories"].append({"id": 9, "name": "lamp"})
    document["annotations"].append({**row, "id": 2, "category_id": 9})
    document["images"].append({"id": 2, "file_name": "7.png", "width": 128, "height": 96})
    (tmp_path / "hand.json").write_text(json.dumps(document))
    result = command(bag, "--annotations", tmp_path / "hand.json", "--out", tmp_path / "first")
    assert result.exit_code == 0, result.output
    assert "1 annotations not used: not of our categories (lamp 1)" in result.output
    assert "1 annotated pictures not used: no frame of the bag, such as 7.png (stamp 7 ns)" in result.output
    assert json.loads((tmp_path / "first" / "labels.json").read_text())["annotations_per_category"]["couch"] == 4
    document["images"][0]["stamp_ns"] = 5
    (tmp_path / "other.json").write_text(json.dumps(document))
    lost = command(bag, "--annotations", tmp_path / "other.json", "--out", tmp_path / "second")
    assert isinstance(lost.exception, InputError) and "is a frame of" in str(lost.exception)
    more = ("--annotations", tmp_path / "hand.json", "--continue-from", tmp_path / "first")
    assert command(bag, *more, "--out", tmp_path / "third").exit_code == 0
    assert json.loads((tmp_path / "third" / "labels.json").read_text())["instances"][0]["id"] == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--rule", "best"), "paper, agreement, instance_vote, objects, self_training, optical_flow; got 'best'"),
        (("--least-overlap", 2), r"least_overlap must lie in (0, 1], got 2.0"),
        (("--agreement", 0.5), "the rule objects does not use --agreement: leave it out"),
        (("--agreement", 0.5, "--evidence", "score"), "the rule objects does not use --agreement, --evidence"),
        (("--rule", "paper", "--least-overlap", 0.5), "the rule paper does not use --least-overlap"),
        (("--rule", "paper", "--confirm", 0.5), "the rule paper does not use --confirm: leave it out"),
        (("--rule", "agreement", "--agreement", 2), r"agreement must lie in (0, 1], got 2.0"),
        (("--rule", "instance_vote", "--evidence", "luck"), "score, share, log_odds, got 'luck'"),
        (("--clear-views", 300), "clear_views must be in 0..255, got 300"),
        (("--rule", "self_training", "--min-views", 3), "self_training uses no map"),
        (("--rule", "optical_flow", "--agreement", 0.5), "optical_flow uses no map"),
        (("--read", "colour"), "--read must be NAME=VALUE"),
        (("--read", "color=/a"), "got 'color=/a'"),
        (("--read", "pose=gps"), "pose must be one of auto, odom, tf, pose_stamped; got 'gps'"),
        (("--read", "mounting=1,2,3"), "expected 6 numbers"),
        (("--read", "every=2", "--read", "every=3"), "given twice"),
    ],
)
def test_wrong_options_are_one_line(command, tmp_path, words, text):
    result = command(tmp_path / "bag", "--out", tmp_path / "out", *words)
    assert isinstance(result.exception, InputError) and text in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_what_a_user_says_about_a_bag_reaches_the_reader():
    texts = ["depth=/d", "every=3", "tolerance_s=0.1", "camera=32,24,30,30,15.5,11.5", "assume_registered=true"]
    options = bag_options([*texts, "mounting=0.1,0,0.5,0,90,0"])
    assert (options.depth, options.every, options.tolerance_s, options.assume_registered) == ("/d", 3, 0.1, True)
    assert (options.camera.width, options.camera.fx, options.camera.cy) == (32, 30.0, 11.5)
    # Pitched down by 90 degrees, the camera looks along -z of the base.
    assert np.allclose(options.T_base_camera[:3, 2], [0, 0, -1]) and np.allclose(
        options.T_base_camera[:3, 3], [0.1, 0, 0.5]
    )


def test_ray_gives_the_same_output(command, tmp_path):
    pytest.importorskip("ray", reason="the optional package ray is not installed")
    bags = [write_bag(tmp_path / name) for name in ("a", "b")]
    for bag in bags:
        run_job(LabelJob(bag, tmp_path / "here" / bag.stem, rule="paper", workers=1))
    result = command(*bags, "--rule", "paper", "--ray", "local", "--out", tmp_path / "there")
    assert result.exit_code == 0, result.output
    for name in ("a", "b"):
        assert digest(tmp_path / "here" / name) == digest(tmp_path / "there" / name)


def test_ray_is_named_where_it_is_missing(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = command(write_bag(tmp_path / "bag"), "--ray", "local")
    assert isinstance(result.exception, InputError) and "pip install" in str(result.exception)


def test_help_teaches(command):
    result = command("--help")
    assert (
        "instance_vote" in result.output
        and "optical_flow" in result.output
        and "--redetect" in result.output
        and "--annotations" in result.output
    )
