# SPDX-License-Identifier: Apache-2.0
"""Every reader of every command: its valid input, the files that are damaged, what is run on them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from tests.fuzz import mutate, seeds
from tests.mapping.bags.recordings import recording, write2

from seal_mapping.bags import messages as bm

Make = Callable[[Path], object]
Run = Callable[[Path], None]


@dataclass(frozen=True)
class Reader:
    """One kind of input.

    Attributes:
        make: writes the valid input into a folder.
        files: names below the folder of what is damaged, globs allowed; one of them per case.
        runs: command lines, `@` for the folder, or functions of it; one of them per case.
        way: how it is damaged; None = by the ending of the file's name.
        after: what is done to the folder before the run.
        whole: writes the damaged input itself, or the valid one where it gets no generator.
    """

    make: Make
    files: tuple[str, ...]
    runs: tuple[str | Run, ...]
    way: mutate.Mutator | None = None
    after: Make | None = None
    whole: Callable[[Path, random.Random | None], None] | None = None


def _weights(folder: Path) -> None:
    from seal_perception.detector.detector import load_detector

    load_detector(folder / "tiny.safetensors").detect(np.zeros((24, 32, 3), np.uint8))


def _dataset(folder: Path) -> None:
    from seal_perception.dataset import CocoDataset
    from seal_perception.training.train_loop import Batches, LoopConfig

    found = CocoDataset(folder / "coco")
    found.hash()
    batches = Batches(found, LoopConfig(batch=2), labelled_only=True)
    assert all(batches[k] is not None for k in (0, 3))
    assert len([found.image(k) for k in range(len(found))]) == len(found)


def _stack(folder: Path) -> None:
    from seal_bringup.stack.node_specs import nodes_of
    from seal_bringup.stack.overrides import config_from_file

    nodes_of(config_from_file(folder / "stack.yaml"))


def _labels(folder: Path) -> None:
    """A bag, and the labels made of it: a map, objects, a dataset."""
    from tests.fuzz.case import run_alone

    seeds.drawn(folder)
    run_alone("label @/bag --annotations @/coco.json --out @/labels", folder)


def _furniture(folder: Path) -> None:
    from sim_bridge.catalogue.library.models import Models, convert, load_mesh

    out = convert(folder / "libraries", folder / "models")
    for split in ("train", "val"):
        models = Models(out, split)
        for model in (*models.others, *(piece for pieces in models.of.values() for piece in pieces)):
            load_mesh(out / model.file)


def _furniture_parts(folder: Path, rng: random.Random | None) -> None:
    """A furniture library of which one file is damaged, and the archive is not."""
    files = seeds.furniture_files(folder)
    if rng:
        name = rng.choice(sorted(files))
        files[name] = mutate.mutated(name.replace(".properties", ".txt"), files[name], rng)
    seeds.pack(folder, files)


def _messages(folder: Path, rng: random.Random | None) -> None:
    """A bag that is whole, with damaged messages in it."""
    rows = recording(seeds.FRAMES)
    for _ in range(rng.choice((1, 1, 3)) if rng else 0):
        assert rng is not None
        k = rng.randrange(len(rows))
        rows[k] = replace(rows[k], data=mutate.damaged(rows[k].data, rng))
    write2(folder / "bag", rows)


def _detections(folder: Path, rng: random.Random | None) -> None:
    """A bag whose detections are other JSON."""
    rows = []
    for row in recording(seeds.FRAMES):
        if rng and "detections" in row.topic:
            text = bm.decode(row.data, row.msgtype).data
            other = mutate.json_text(text.encode(), rng).decode("utf-8", "replace")
            data = bm.typestore().serialize_cdr(bm.text_message(other), row.msgtype)
            row = replace(row, data=bytes(data))
        rows.append(row)
    write2(folder / "bag", rows)


def _nothing(folder: Path) -> None:
    """The damage writes it all."""


INFO, LABEL, MAP = (
    "bag info @/bag",
    "label @/bag --out @/out",
    "map build @/bag --out @/out --min-views 1 --edge-filter 0",
)
SCENE = "scene info @/"

READERS: dict[str, Reader] = {
    "mcap": Reader(seeds.bag(), ("bag/*.mcap",), (INFO, LABEL)),
    "mcap in chunks": Reader(seeds.bag(mode=CompressionMode.STORAGE), ("bag/*.mcap",), (INFO, MAP)),
    "mcap by message": Reader(seeds.bag(mode=CompressionMode.MESSAGE), ("bag/*.mcap",), (LABEL,)),
    "mcap by file": Reader(seeds.bag(mode=CompressionMode.FILE), ("bag/*.zstd",), (LABEL,)),
    "packed pictures": Reader(seeds.packed_bag, ("bag/*.mcap",), (LABEL,)),
    "sqlite": Reader(seeds.bag(StoragePlugin.SQLITE3), ("bag/*.db3",), (INFO, LABEL)),
    "metadata": Reader(seeds.bag(), ("bag/metadata.yaml",), (INFO, LABEL)),
    "recover": Reader(seeds.bag(mode=CompressionMode.STORAGE), ("bag/*.mcap",), ("bag recover @/bag",)),
    "ros1": Reader(seeds.old_bag(), ("old.bag",), ("label @/old.bag --out @/out",)),
    "ros1 lz4": Reader(seeds.old_bag("LZ4"), ("old.bag",), ("label @/old.bag --out @/out",)),
    "ros1 bz2": Reader(seeds.old_bag("BZ2"), ("old.bag",), ("bag info @/old.bag",)),
    "messages": Reader(_nothing, (), (INFO, LABEL), whole=_messages),
    "detections": Reader(_nothing, (), (LABEL, "annotate @/bag -k 2 --out @/chosen"), whole=_detections),
    "map": Reader(
        _labels,
        ("labels/map.npz",),
        (
            "map info @/labels/map.npz",
            "map export @/labels/map.npz --ply @/o.ply --npz @/o.npz",
            "map query @/labels/map.npz --ray 0 0 0.88 1 0 0",
            "map picture @/labels/map.npz @/p.png",
        ),
    ),
    "objects": Reader(
        _labels,
        ("labels/objects.npz", "labels/labels.json", "labels/map.npz"),
        ("map export @/labels/map.npz --ply @/o.ply --objects @/labels/objects.npz",
         "label @/bag --out @/out --continue-from @/labels"),
    ),
    "weights": Reader(seeds.weights, ("tiny.safetensors",), (_weights,)),
    "dataset": Reader(seeds.dataset, ("coco/annotations.json", "coco/images/*.png"), (_dataset,)),
    "evaluate": Reader(seeds.dataset, ("coco/annotations.json",), ("evaluate @/coco --weights @/tiny.safetensors",)),
    "finetune": Reader(
        seeds.dataset,
        ("coco/annotations.json",),
        ("finetune @/coco --weights @/tiny.safetensors --out @/t.safetensors --iterations 1",),
    ),
    "drawn coco": Reader(seeds.drawn, ("coco.json",), (f"{LABEL} --annotations @/coco.json",)),
    "drawn labelme": Reader(seeds.drawn, ("labelme/*.json",), (f"{LABEL} --annotations @/labelme",)),
    "stack": Reader(seeds.stack, ("stack.yaml",), (_stack,)),
    "episodes": Reader(
        seeds.episodes, ("episodes/home.json.gz", "episodes/manifest.json"), ("episodes info @/episodes",)
    ),
    "signed episodes": Reader(
        seeds.episodes, ("episodes/home.json.gz",), ("episodes info @/episodes",), after=seeds.signed
    ),
    "glb": Reader(seeds.meshes(".glb"), ("room.glb",), (f"{SCENE}room.glb",)),
    "gltf": Reader(seeds.meshes(".gltf"), ("room.gltf",), (f"{SCENE}room.gltf",)),
    "obj": Reader(seeds.meshes(".obj"), ("room.obj", "room.mtl", "tex.png"), (f"{SCENE}room.obj",)),
    "stl": Reader(seeds.meshes(".stl"), ("room.stl",), (f"{SCENE}room.stl",)),
    "stl text": Reader(seeds.meshes(".ascii.stl"), ("room.stl",), (f"{SCENE}room.stl",), way=mutate.plain_text),
    "ply": Reader(seeds.meshes(".ply"), ("room.ply",), (f"{SCENE}room.ply",)),
    "off": Reader(seeds.meshes(".off"), ("room.off",), (f"{SCENE}room.off",)),
    "dae": Reader(seeds.dae, ("room.dae", "room.dae", "tex.png"), (f"{SCENE}room.dae",)),
    "world": Reader(
        seeds.world,
        ("test.world", "test.world", "models/*/model.sdf", "models/*/model.config", "a.dae",
         "models/*/materials/scripts/*.material"),
        ("scene import @/test.world @/out", f"{SCENE}test.world"),
    ),
    "scene folder": Reader(
        seeds.scene_folder, ("room/objects.json", "room/scene.json", "room/scene.glb"), (f"{SCENE}room",)
    ),
    "stage": Reader(
        seeds.habitat,
        ("set/stages/*.stage_config.json", "set/stages/*.semantic.txt", "set/stages/*.semantic.glb",
         "set/*.scene_dataset_config.json"),
        (f"{SCENE}set/stages/room.stage_config.json",),
    ),
    "scene instance": Reader(
        seeds.habitat,
        ("set/one.scene_instance.json", "set/*.scene_dataset_config.json", "set/objects/*.json"),
        (f"{SCENE}set/one.scene_instance.json",),
    ),
    "furniture": Reader(seeds.furniture, ("libraries/a.sh3f",), (_furniture,)),
    "furniture's files": Reader(_nothing, (), (_furniture,), whole=_furniture_parts),
    "categories": Reader(
        seeds.categories, ("categories.json",), (f"{SCENE}room.glb --categories @/categories.json",)
    ),
    "numbered frames": Reader(
        seeds.numbered,
        ("frames/poses.txt", "frames/K.txt", "frames/depth/*.png", "frames/color/*.jpg"),
        ("bag import @/frames @/out",),
    ),
    "tum frames": Reader(
        seeds.tum, ("frames/groundtruth.txt", "frames/rgb.txt", "frames/depth.txt", "frames/K.txt"),
        ("bag import @/frames @/out",),
    ),
}  # fmt: skip

SLOW = ("label", "map", "annotate", "evaluate", "finetune")
"""Commands that take seconds."""


def quick_ones(readers: dict[str, Reader]) -> dict[str, Reader]:
    """The readers with the runs that take a fraction of a second; those that have none are left out."""
    out = {}
    for name, reader in readers.items():
        runs = tuple(run for run in reader.runs if not isinstance(run, str) or run.split()[0] not in SLOW)
        if runs:
            out[name] = replace(reader, runs=runs)
    return out
