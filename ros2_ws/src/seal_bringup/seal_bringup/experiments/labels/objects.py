# SPDX-License-Identifier: Apache-2.0
"""What tells an object from a mistake that views share? Fitted and judged on recordings of training homes.

Every home in turn is left out: its objects are chosen by a model of the others. The model of all is what the rule
"objects" ships.

python -m seal_bringup.experiments.labels.objects --out results/objects.json --model OBJECT_MODEL.json
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.demo.config import parse_homes
from seal_bringup.experiments.fusion_rules import Thinned, thin_truth
from seal_bringup.experiments.recordings import record, require_training_home, true_labels
from seal_bringup.provenance import provenance
from seal_mapping.datasets.label_prop import VolumeLabels
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.map_builder import build_map
from seal_mapping.labels.config import PAPER, VOTE, LabelConfig
from seal_mapping.labels.objects.candidates import Candidate, find_candidates
from seal_mapping.labels.objects.choose import Judged
from seal_mapping.labels.objects.features import FEATURES, describe
from seal_mapping.labels.objects.model import ObjectModel, fit_object_model, save_object_model
from seal_mapping.labels.propagate import propagate
from seal_mapping.source import FrameSource
from seal_mapping.voxels.config import VoxelCloud
from seal_mapping.voxels.voxel_map import VoxelMap
from seal_mapping.voxels.voxel_set import lookup, voxel_keys
from seal_perception.categories import CATEGORIES
from seal_perception.dataset import CocoDataset
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.evaluation.label_quality import label_quality
from seal_perception.files import sha256, write_json
from seal_perception.types import BoolArray, FloatArray, IntArray

RIGHT = 0.4
"""3D IoU, in voxels, from which a candidate counts as a thing in the figures."""
BARS = (0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
WITHOUT = {
    "objects 0.4, no legs": LabelConfig(least_overlap=0.4, stand_from_m=0.0),
    "objects 0.4, to 5.1 m": LabelConfig(least_overlap=0.4, max_range_m=5.1),
    "objects 0.4, neither": LabelConfig(least_overlap=0.4, stand_from_m=0.0, max_range_m=5.1),
}
"""The default of before there was a second look (`confirmed`), without one of its parts."""
_STRIDE = 2
_LEAST = 20
"""Voxels of a true object that count as seen."""


@dataclass(frozen=True)
class Home:
    """One home's recording with its candidates and, for the judgement alone, who owns its voxels.

    Attributes:
        voxel_map: the map.
        candidates: what may be an object.
        features: (M, F) of each.
        overlap: (M,) 3D IoU, in voxels, of each with the true object of its category that it fits best.
        seen: true objects with at least `_LEAST` voxels in the map, and those of them with a candidate that is right.
        frames: every sixth frame.
        truth: their true labels.
    """

    voxel_map: VoxelMap
    candidates: list[Candidate]
    features: FloatArray
    overlap: FloatArray
    seen: tuple[int, int]
    frames: FrameSource
    truth: CocoDataset

    @property
    def things(self) -> BoolArray:
        """(M,) whether each is a thing of its category."""
        return self.overlap >= RIGHT

    @property
    def names(self) -> list[str]:
        """(M,) category name of each candidate."""
        return [CATEGORIES[one.category] for one in self.candidates]


def true_owners(
    source: FrameSource, truth: CocoDataset, cloud: VoxelCloud, voxel_m: float
) -> tuple[IntArray, IntArray]:
    """Who owns each voxel of a map, by most of the pixels that fall into it: for judging alone.

    Args:
        source: the frames.
        truth: the simulator's labels of all of them.
        cloud: the map's voxels.
        voxel_m: edge of a voxel.

    Returns:
        (N,) object's number, 0 = none; (N,) its category, -1 = none.
    """
    keys = voxel_keys(cloud.ijk)
    numbers: dict[tuple[int, int], int] = {}
    pairs: list[IntArray] = []
    for item in source:
        frame = item.frame
        ids = np.zeros(frame.depth.shape, np.int64)
        for one in truth.annotations(item.index):
            thing = one.category, int(one.extra["instance"])
            ids[one.mask] = numbers.setdefault(thing, len(numbers) + 1)
        depth = frame.depth[::_STRIDE, ::_STRIDE].astype(np.float64)
        points = frame.camera.rays()[::_STRIDE, ::_STRIDE] * depth[..., None]
        T = frame.T_map_camera
        ijk = np.floor((points.reshape(-1, 3) @ T[:3, :3].T + T[:3, 3]) / voxel_m + 0.5)
        there = np.isfinite(ijk).all(axis=1) & (depth.ravel() > 0)
        rows = np.full(len(ijk), -1, np.int64)
        rows[there] = lookup(keys, voxel_keys(ijk[there]))
        pairs.append(np.stack([rows, ids[::_STRIDE, ::_STRIDE].ravel()])[:, rows >= 0])
    both: IntArray = np.concatenate(pairs, axis=1)
    flat, count = np.unique(both[0] * (len(numbers) + 1) + both[1], return_counts=True)
    row, number = np.divmod(flat, len(numbers) + 1)
    order = np.lexsort((count, row))
    owner: IntArray = np.zeros(len(cloud), np.int64)
    owner[row[order]] = number[order]  # the last written is the most frequent
    category = np.array([-1, *(pair[0] for pair in numbers)])
    return owner, category[owner]


def prepare(home: str, folder: Path, weights: str, seed: int = 0) -> Home:
    """Record a home if need be, and judge its candidates."""
    source = record(home, folder, weights, seed=seed)
    truth = CocoDataset(true_labels(home, folder, source, seed))
    voxel_map = build_map(source)
    cloud, voxel_m = voxel_map.voxels(), voxel_map.config.voxel_m
    owner, category = true_owners(source, truth, cloud, voxel_m)
    candidates = find_candidates(cloud, LabelConfig(), voxel_m)
    size = np.bincount(owner[cloud.xyz[:, 2] >= LabelConfig().min_height_m], minlength=int(owner.max()) + 1)
    overlap, whose = np.zeros(len(candidates)), np.zeros(len(candidates), np.int64)
    for index, one in enumerate(candidates):
        inside = owner[one.rows][category[one.rows] == one.category]
        shared = np.bincount(inside, minlength=len(size))
        iou = shared / np.maximum(size + len(one.rows) - shared, 1)
        overlap[index], whose[index] = iou.max(initial=0.0), int(iou.argmax())
    seen = np.flatnonzero(size[1:] >= _LEAST) + 1
    found = np.intersect1d(seen, whose[overlap >= RIGHT])
    thinned = Thinned(source)
    counts = len(seen), len(found)
    features = describe(cloud, candidates, voxel_m)
    return Home(voxel_map, candidates, features, overlap, counts, thinned, thin_truth(folder, truth, thinned))


def judge(home: Home, config: LabelConfig, model: ObjectModel | None = None) -> dict[str, Any]:
    """Label quality of a rule in one home."""
    judged = None
    if model is not None:
        overlaps = model.overlap(home.features, home.names)
        judged = Judged(home.voxel_map.voxels(), home.candidates, overlaps)
    volume = propagate(home.voxel_map, config, judged=judged)
    with tempfile.TemporaryDirectory() as labels:
        write_dataset(home.frames, VolumeLabels(volume, config), DatasetWork(labels))
        found = label_quality(CocoDataset(labels), home.truth)
    counts = {
        name: {key: row[key] for key in ("right", "predicted", "true")} for name, row in found["per_category"].items()
    }
    return {"overall": found["overall"], "per_category": counts}


def fitted(homes: list[Home]) -> ObjectModel:
    """The model of several homes."""
    return fit_object_model(
        np.concatenate([home.features for home in homes]),
        [name for home in homes for name in home.names],
        np.concatenate([home.overlap for home in homes]),
    )


def pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Precision and recall by instance over homes; per category right, predicted and true."""
    right, predicted, true = (sum(row["overall"][key] for row in rows) for key in ("right", "predicted", "true"))
    out = {"precision": round(right / max(predicted, 1), 4), "recall": round(right / max(true, 1), 4)}
    errors = {kind: sum(row["overall"]["errors"][kind] for row in rows) for kind in rows[0]["overall"]["errors"]}
    out.update(right=right, predicted=predicted, true=true, errors=errors)
    keys = ("right", "predicted", "true")
    out["per_category"] = {
        name: {key: sum(row["per_category"][name][key] for row in rows) for key in keys} for name in CATEGORIES
    }
    return out


def main() -> None:
    """Fit, judge each home by a model of the others, write the figures and the model of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", default=",".join(f"train_{i:02d}" for i in range(1, 11)))
    parser.add_argument("--work", type=Path, default=Path("runs/objects"))
    parser.add_argument("--weights", default="seal-small")
    parser.add_argument("--out", type=Path, default=Path("results/objects.json"))
    parser.add_argument("--model", type=Path, help="file to write with the model of all homes, as the package has it")
    options = parser.parse_args()
    homes: dict[str, Home] = {}
    named = parse_homes(options.homes)
    for name in named:
        require_training_home(name)
    if len(named) < 2:
        raise InputError(f"every home is judged by a model of the others: expected two or more, got {options.homes}")
    for name in named:
        homes[name] = home = prepare(name, options.work / name, options.weights)
        seen, found = home.seen
        print(f"{name}: {len(home.candidates)} candidates, one is right for {found} of {seen} objects", flush=True)
    others = {name: fitted([home for other, home in homes.items() if other != name]) for name in homes}
    rows = {"paper": [judge(home, PAPER) for home in homes.values()]}
    rows["instance_vote"] = [judge(home, VOTE) for home in homes.values()]
    for bar in BARS:
        config = replace(LabelConfig(), least_overlap=bar)
        rows[f"objects {bar}"] = [judge(home, config, others[name]) for name, home in homes.items()]
    for name, config in WITHOUT.items():
        rows[name] = [judge(home, config, others[which]) for which, home in homes.items()]
    table = {name: pooled(found) for name, found in rows.items()}
    each = {name: dict(zip(homes, (row["overall"] for row in found), strict=True)) for name, found in rows.items()}
    about = {
        "homes": list(homes),
        "weights": sha256(resolve_weights(options.weights)),
        "command": f"python -m seal_bringup.experiments.labels.objects --homes {','.join(homes)}",
        "candidates": sum(len(home.candidates) for home in homes.values()),
        "things": int(sum(home.things.sum() for home in homes.values())),
        "objects_seen": sum(home.seen[0] for home in homes.values()),
        "objects_with_a_right_candidate": sum(home.seen[1] for home in homes.values()),
    }
    model = fitted(list(homes.values()))
    if options.model is not None:
        save_object_model(model, options.model, about)
    weights = dict(zip((*FEATURES, "offset"), model.shared, strict=True))
    write_json(
        options.out,
        {"provenance": provenance(), **about, "shared_weights": weights, "pooled": table, "by_home": each},
    )
    for name, row in table.items():
        print(f"{name:16s} precision {row['precision']:.3f}  recall {row['recall']:.3f}")


if __name__ == "__main__":
    main()
