# SPDX-License-Identifier: Apache-2.0
"""Augmentation, the training loop, fine-tuning, pre-training and their commands, on a tiny network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from tests.perception.toy_pictures import TINY, as_detections, rectangle, write_rectangles
from typer.testing import CliRunner

from seal_bringup.cli import learn
from seal_perception.categories import CategorySet
from seal_perception.dataset import Annotation, CocoDataset, DatasetWriter
from seal_perception.detector.calibration import Calibration
from seal_perception.detector.facts import read_metadata
from seal_perception.detector.model import build_model
from seal_perception.detector.weights import load_weights, save_weights
from seal_perception.errors import InputError, NoLabelsError, SealError
from seal_perception.files import sha256
from seal_perception.training.augment import AugmentConfig, augment
from seal_perception.training.finetune import FinetuneConfig, finetune
from seal_perception.training.join import join_datasets
from seal_perception.training.pretrain import PICTURES_PER_ROOM, PretrainConfig, Start, calibrate, pretrain
from seal_perception.training.train_loop import Batches, LoopConfig, Progress, make_target, train
from sim_bridge.catalogue.pictures import VIEWS

LOOP = LoopConfig(
    iterations=6, batch=2, optimiser="adamw", learning_rate=2e-3, schedule="one_cycle", warm_up=2, checkpoint_every=2,
    freeze_norm_from=0.5, bfloat16=False, threads=1,
)  # fmt: skip
PLAIN = AugmentConfig(flip=0, scale_chance=0, colour_chance=0, noise=0, blur_chance=0, erase_chance=0)


def _model() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model(TINY)


def _tiny(tmp_path: Path) -> Path:
    save_weights(tmp_path / "tiny.safetensors", _model(), TINY, {"calibration": {"slope": 1.5, "offset": -0.5}})
    return tmp_path / "tiny.safetensors"


def test_augment_moves_masks_with_the_picture() -> None:
    rgb = np.full((40, 60, 3), 40, np.uint8)
    mask = rectangle(40, 60, 5, 10, 25, 30)
    rgb[mask] = 200
    label = [Annotation(1, mask)]
    same, kept = augment(rgb, label, PLAIN, np.random.default_rng(0))
    np.testing.assert_array_equal(same, rgb)
    np.testing.assert_array_equal(kept[0].mask, mask)
    flipped, kept = augment(rgb, label, replace(PLAIN, flip=1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(flipped[..., 0] == 200, kept[0].mask)
    assert kept[0].box() == (35, 10, 55, 30)
    for seed in range(8):
        config = replace(PLAIN, scale_chance=1.0, scale=(0.5, 2.0))
        moved, kept = augment(rgb, label, config, np.random.default_rng(seed))
        for annotation in kept:
            inner = annotation.mask & np.roll(annotation.mask, 2, 0) & np.roll(annotation.mask, -2, 0)
            inner &= np.roll(annotation.mask, 2, 1) & np.roll(annotation.mask, -2, 1)
            assert (moved[inner] == 200).all()
    changed, kept = augment(rgb, label, AugmentConfig(), np.random.default_rng(1))
    again, _ = augment(rgb, label, AugmentConfig(), np.random.default_rng(1))
    np.testing.assert_array_equal(changed, again)
    assert changed.shape == rgb.shape and changed.dtype == np.uint8 and (changed != rgb).any()


def test_objects_nearly_gone_become_ignore_regions() -> None:
    rgb, mask = np.zeros((40, 60, 3), np.uint8), rectangle(40, 60, 0, 0, 12, 40)
    config = replace(PLAIN, scale_chance=1.0, scale=(1.9, 2.0), min_visible=0.5)
    states = set()
    for seed in range(30):
        _, kept = augment(rgb, [Annotation(0, mask)], config, np.random.default_rng(seed))
        states.add(kept[0].ignore if kept else None)
    assert states == {True, None} or states == {True, False, None} or states == {True, False}


def test_targets() -> None:
    annotations = [
        Annotation(3, rectangle(8, 9, 1, 2, 4, 6)),
        Annotation(0, rectangle(8, 9, 0, 0, 2, 2), {"ignore": True}),
    ]
    target = make_target(annotations, 8, 9)
    assert target["boxes"].tolist() == [[1, 2, 4, 6]] and target["labels"].tolist() == [4]
    assert target["ignore_boxes"].tolist() == [[0, 0, 2, 2]] and target["masks"].shape == (1, 8, 9)
    empty = make_target([], 8, 9)
    assert empty["boxes"].shape == (0, 4) and empty["masks"].shape == (0, 8, 9)


def test_batches_depend_on_seed_and_iteration_alone(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 4)
    first, again = Batches(dataset, LOOP), Batches(dataset, LOOP)
    torch.testing.assert_close(first[3][0], again[3][0], rtol=0, atol=0)
    other = Batches(dataset, replace(LOOP, seed=1))
    assert not all(torch.equal(a, b) for a, b in zip(first[3][0], other[3][0], strict=True))
    plain = Batches(dataset, replace(LOOP, augment=PLAIN))
    seen = {picture.numpy().tobytes() for i in range(2) for picture in plain[i][0]}
    assert len(seen) == 4  # two batches of two are one round: every picture once
    replay = write_rectangles(tmp_path / "r", 2, seed=9)
    mixed = Batches(dataset, replace(LOOP, batch=4, augment=PLAIN), replay, 0.5)
    known = {np.round(replay.image(i).transpose(2, 0, 1) / 255, 4).tobytes() for i in range(2)}
    for iteration in range(3):
        pictures = [np.round(picture.numpy().astype(np.float64), 4).tobytes() for picture in mixed[iteration][0]]
        assert len(pictures) == 4 and sum(picture in known for picture in pictures) == 2
    for share in (0.1, 0.9):  # of 4: none of the replay pictures, or nothing but them
        with pytest.raises(InputError, match="expected a share that leaves from 1 to 3"):
            Batches(dataset, replace(LOOP, batch=4), replay, share)
    with pytest.raises(InputError, match="at least one picture"):
        Batches(write_rectangles(tmp_path / "none", 0), LOOP)


def test_pictures_without_a_label_are_left_out_if_so_configured(tmp_path: Path) -> None:
    mask = rectangle(64, 80, 8, 8, 30, 34)
    labels = [[], [Annotation(2, mask)], [Annotation(1, mask, {"ignore": True})], [], [Annotation(4, mask)]]
    with DatasetWriter(tmp_path / "some") as writer:
        for annotations in labels:
            writer.add(np.full((64, 80, 3), 50, np.uint8), annotations)
    dataset = CocoDataset(tmp_path / "some")
    assert dataset.labelled() == [1, 4]
    loop = replace(LOOP, augment=PLAIN)
    some, all_of_them = Batches(dataset, loop, labelled_only=True), Batches(dataset, loop)
    assert {int(t["labels"][0]) for i in range(4) for t in some[i][1]} == {3, 5}
    assert sum(len(t["labels"]) == 0 for i in range(5) for t in all_of_them[i][1]) == 6  # 3 of 5, twice
    with DatasetWriter(tmp_path / "none") as writer:
        writer.add(np.full((64, 80, 3), 50, np.uint8))
    with pytest.raises(InputError, match="nothing to learn from"):
        finetune(_tiny(tmp_path), tmp_path / "none", tmp_path / "out.safetensors", FinetuneConfig(iterations=2))
    assert not (tmp_path / "out.safetensors").exists()


def test_loss_falls(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 8)
    config = replace(LOOP, iterations=24, batch=4, learning_rate=5e-3, augment=PLAIN)
    seen: list[Progress] = []
    losses = train(_model(), Batches(dataset, config), config, progress=seen.append)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert seen[-1].iteration == 24 and seen[-1].seconds_left == 0 and seen[0].iterations_per_s > 0


def test_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    dataset = write_rectangles(tmp_path / "d", 5)
    whole = _model()
    train(whole, Batches(dataset, LOOP), LOOP)
    checkpoint = tmp_path / "c"

    def stop(state: Progress) -> None:
        if state.iteration == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(_model(), Batches(dataset, LOOP), LOOP, checkpoint, {"x": 1}, stop)
    resumed = _model()
    assert len(train(resumed, Batches(dataset, LOOP), LOOP, checkpoint, {"x": 1})) == 2
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    # A checkpoint of another training is not resumed, nor is a broken one.
    assert len(train(_model(), Batches(dataset, LOOP), LOOP, checkpoint, {"x": 2})) == 6
    checkpoint.write_bytes(b"broken")
    assert len(train(_model(), Batches(dataset, LOOP), LOOP, checkpoint, {"x": 2})) == 6


def test_frozen_statistics_stay(tmp_path: Path) -> None:
    dataset, model = write_rectangles(tmp_path / "d", 2), _model()
    before = {k: v.clone() for k, v in model.state_dict().items() if "running" in k}
    train(model, Batches(dataset, LOOP), replace(LOOP, iterations=2, freeze_norm_from=0.0))
    after = model.state_dict()
    assert before and all(torch.equal(v, after[k]) for k, v in before.items())


def test_divergence_is_one_line(tmp_path: Path) -> None:
    config = replace(LOOP, optimiser="sgd", schedule="constant", warm_up=0, learning_rate=1e30, iterations=20)
    with pytest.raises(SealError, match="diverged at iteration"):
        train(_model(), Batches(write_rectangles(tmp_path / "d", 2), config), config)


def test_rates() -> None:
    assert LOOP.rate(0) == pytest.approx(1e-3) and LOOP.rate(2) == pytest.approx(2e-3) and LOOP.rate(5) < 4e-4
    paper = FinetuneConfig.from_preset("paper")
    assert paper.iterations == 5000 and {paper.loop().rate(i) for i in (0, 100, 4999)} == {1e-4}
    laptop = FinetuneConfig.from_preset("laptop", seed=3)
    assert (laptop.iterations, laptop.batch, laptop.momentum, laptop.seed) == (300, 4, 0.9, 3)
    assert laptop.loop().rate(20) == pytest.approx(2e-3) and laptop.loop().rate(299) < 1e-5
    with pytest.raises(InputError, match="laptop, paper"):
        FinetuneConfig.from_preset("desktop")
    for wrong in ({"optimiser": "adam"}, {"iterations": 0}, {"schedule": "step"}, {"learning_rate": 0.0}):
        with pytest.raises(ValueError):
            LoopConfig(**wrong)  # type: ignore[arg-type]


def test_finetune_repeats_resumes_and_records(tmp_path: Path) -> None:
    parent, config = _tiny(tmp_path), FinetuneConfig(iterations=4, batch=2, checkpoint_every=2, warm_up=1, threads=1)
    write_rectangles(tmp_path / "d", 3)
    facts = finetune(parent, tmp_path / "d", tmp_path / "a.safetensors", config)
    assert len(facts["losses"]) == 4 and facts["calibration"] == {"slope": 1.5, "offset": -0.5}

    def stop(state: Progress) -> None:
        if state.iteration == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(parent, tmp_path / "d", tmp_path / "b.safetensors", config, stop)
    assert not (tmp_path / "b.safetensors").exists()
    assert len(finetune(parent, tmp_path / "d", tmp_path / "b.safetensors", config)["losses"]) == 2
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes() != parent.read_bytes()
    assert not list(tmp_path.glob(".*"))
    stored = read_metadata(tmp_path / "a.safetensors")
    assert (
        stored["parent"] == facts["parent"] and stored["dataset"] == facts["dataset"] and stored["config"]["batch"] == 2
    )
    assert str(tmp_path) not in str(stored)
    with pytest.raises(InputError, match="min_size cannot be set for .*: it is no network of the COCO form"):
        finetune(parent, tmp_path / "d", tmp_path / "c.safetensors", replace(config, min_size=64))
    with pytest.raises(InputError, match="needs a replay dataset"):
        finetune(parent, tmp_path / "d", tmp_path / "c.safetensors", replace(config, replay_share=0.5))
    with pytest.raises(InputError, match="not a folder"):
        finetune(parent, tmp_path / "none", tmp_path / "c.safetensors", config)


def test_checkpoints_of_before_lists_of_categories_still_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_rectangles(tmp_path / "train", 2)
    seen: list[dict[str, Any]] = []

    def stop(*given: Any) -> None:
        seen.append(given[4])
        raise InputError("stopped before the first iteration")

    monkeypatch.setattr("seal_perception.training.pretrain.train", stop)
    for small in (0, 1):
        config = PretrainConfig(small_iterations=small, iterations=1, batch=2, small_batch=2, threads=1)
        with pytest.raises(InputError, match="stopped"):
            pretrain(tmp_path / "train", tmp_path / "w.safetensors", config, start=Start(shape=TINY))
    assert [set(facts) - {"stage"} for facts in seen] == [{"dataset", "model", "semantic", "frozen_stages"}] * 2
    assert all(facts["model"] == TINY.shape() and "categories" not in facts["model"] for facts in seen)


def test_pretrain_calibrates_and_measures(tmp_path: Path) -> None:
    write_rectangles(tmp_path / "train", 4)
    write_rectangles(tmp_path / "val", 4, seed=5)
    config = PretrainConfig(small_iterations=2, small_batch=2, iterations=3, batch=2, bfloat16=False, threads=1)
    facts = pretrain(
        tmp_path / "train",
        tmp_path / "w.safetensors",
        config,
        tmp_path / "val",
        command="seal pretrain",
        start=Start(shape=TINY),
    )
    assert facts["held_out"]["pictures"] == 4 and facts["calibration"]["slope"] > 0 and facts["pictures"] == 4
    assert read_metadata(tmp_path / "w.safetensors")["held_out"] == facts["held_out"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train", "val", "w.safetensors"]


def test_calibration_and_its_precision_share_no_room(tmp_path: Path) -> None:
    assert PICTURES_PER_ROOM == VIEWS
    dataset = write_rectangles(tmp_path / "d", 8, seed=3)
    # Rooms are pictures 0-1, 2-3, 4-5, 6-7; the first and the third calibrate, the others give the precision.
    exact = [as_detections(dataset.annotations(i), dataset.size(i), score=0.95) for i in range(8)]
    wrong = [as_detections(dataset.annotations(i), dataset.size(i), shift=30, score=0.95) for i in range(8)]
    for measured, precision in (((2, 3, 6, 7), 1.0), ((0, 1, 4, 5), 0.0)):
        found = [exact[i] if i in measured else wrong[i] for i in range(8)]
        facts = calibrate(found, dataset)
        # So few detections leave the scores as they are.
        assert facts["calibration"] == Calibration().as_dict() and facts["held_out"]["precision_at_90"] == precision
        objects = sum(len(dataset.annotations(i)) for i in (2, 3, 6, 7))
        assert facts["held_out"]["confident"] == objects


def test_pretrain_starts_from_weights_and_records_them(tmp_path: Path) -> None:
    parent = _tiny(tmp_path)
    write_rectangles(tmp_path / "train", 4)
    config = PretrainConfig(small_iterations=0, iterations=1, batch=2, learning_rate=1e-9, bfloat16=False, threads=1)
    facts = pretrain(tmp_path / "train", tmp_path / "w.safetensors", config, start=Start(parent=parent))
    before, _, facts_before = load_weights(parent)
    after = load_weights(tmp_path / "w.safetensors")[0]
    for (name, a), b in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=0.0, msg=name)
    assert facts["parent"]["sha256"] == sha256(parent) and facts["parent"]["command"] == facts_before.get("command")
    with pytest.raises(InputError, match="leave one out"):
        Start(shape=TINY, parent=parent)


def test_commands(tmp_path: Path) -> None:
    app = typer.Typer()
    learn.register(app)
    parent = _tiny(tmp_path)
    write_rectangles(tmp_path / "d", 2)
    out = tmp_path / "out.safetensors"
    run = CliRunner().invoke(
        app, ["finetune", str(tmp_path / "d"), "--weights", str(parent), "--out", str(out), "--iterations", "1"]
    )
    assert run.exit_code == 0 and "loss" in run.output and out.is_file()
    robust = ["finetune", str(tmp_path / "d"), "--weights", str(parent), "--iterations", "1", "--robust-masks"]
    assert CliRunner().invoke(app, [*robust, "0.7", "--out", str(tmp_path / "robust.safetensors")]).exit_code == 0
    assert read_metadata(tmp_path / "robust.safetensors")["config"]["robust_mask_iou"] == 0.7
    assert "robust_mask_iou" not in read_metadata(out)["config"]
    assert CliRunner().invoke(app, [*robust, "1.5", "--out", str(out)]).exit_code == 2
    run = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "d"), "--weights", str(out), "--json", str(tmp_path / "f.json")]
    )
    assert run.exit_code == 0 and "mean" in run.output and (tmp_path / "f.json").is_file()
    run = CliRunner().invoke(app, ["evaluate", str(tmp_path / "d"), "--weights", str(tmp_path / "none.safetensors")])
    assert isinstance(run.exception, InputError)


def test_labels_of_several_homes_are_learnt_from_together(tmp_path: Path) -> None:
    app = typer.Typer()
    learn.register(app)
    homes = [write_rectangles(tmp_path / name, 2, seed=k) for k, name in enumerate("ab")]
    with DatasetWriter(tmp_path / "empty") as writer:
        writer.add(np.zeros((64, 80, 3), np.uint8), [])
    few = write_rectangles(tmp_path / "few", 2, names=CategorySet(("couch", "chair"))).folder
    words = ["--weights", str(_tiny(tmp_path)), "--iterations", "2", "--out", str(tmp_path / "w.safetensors")]
    folders = [str(home.folder) for home in homes]
    before = sorted(tmp_path.iterdir())
    for given, kind, told in (
        ([*folders, str(few)], InputError, "has bed, potted plant, toilet, tv: join datasets with the same"),
        ([str(tmp_path / "empty")] * 2, NoLabelsError, "empty has a label to learn from (2 pictures not used"),
        ([str(tmp_path / "empty")], NoLabelsError, "empty has no label to learn from (1 pictures not used"),
    ):
        error = CliRunner().invoke(app, ["finetune", *given, *words]).exception
        assert isinstance(error, kind) and told in str(error)
        assert sorted(tmp_path.iterdir()) == before
    run = CliRunner().invoke(app, ["finetune", *folders, str(tmp_path / "empty"), *words])
    assert run.exit_code == 0 and "1 pictures not used: without a label" in run.output, run.output
    joined = join_datasets([*homes, CocoDataset(tmp_path / "empty")], tmp_path / "joined")
    assert read_metadata(tmp_path / "w.safetensors")["dataset"] == joined.hash()
    assert {path.name for path in tmp_path.iterdir()} - {path.name for path in before} == {"w.safetensors", "joined"}


def test_finetune_draws_the_catalogue_where_there_is_none_and_only_if_the_rest_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn, "REPLAY_PICTURES", 2)
    app = typer.Typer()
    learn.register(app)
    parent, labels, replay = _tiny(tmp_path), write_rectangles(tmp_path / "d", 2).folder, tmp_path / "replay"
    out = tmp_path / "out.safetensors"
    common = ["--weights", str(parent), "--out", str(out), "--iterations", "1"]

    def run(dataset: Path, *options: str) -> Any:
        return CliRunner().invoke(app, ["finetune", str(dataset), *common, *options])

    assert isinstance(run(tmp_path / "missing", "--replay", str(replay)).exception, InputError)
    assert run(labels, "--replay-share", "0.5").exit_code == 2  # nothing to take the share from
    assert run(labels, "--replay", str(replay), "--replay-share", "0").exit_code == 0
    assert not replay.exists()
    (replay / "images").mkdir(parents=True)  # what an interrupted drawing leaves
    assert run(labels, "--replay", str(replay)).exit_code == 0
    assert len(CocoDataset(replay)) == 2
    assert read_metadata(out)["replay"] == CocoDataset(replay).hash()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    assert "not empty" in str(run(labels, "--replay", str(tmp_path / "other")).exception)
    assert not (tmp_path / "other" / "images").exists()
