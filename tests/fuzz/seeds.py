# SPDX-License-Identifier: Apache-2.0
"""Small valid inputs of every kind that SEAL reads, made by code; the fuzzer damages copies of them."""

from __future__ import annotations

import gzip
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
import trimesh
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from tests.mapping.bags.recordings import detections, recording, stamp, write1, write2
from tests.mapping.folders.import_folders import write_numbered, write_tum
from tests.perception.toy_pictures import TINY, write_rectangles
from tests.sim.rooms import box_part, room
from tests.sim.scenes.scene_files import ROOM, box_model, mesh_visual, room_meshes, write_dae, write_model, write_world

from seal_perception.detections import mask_to_rle
from seal_perception.detector.model import build_model
from seal_perception.detector.weights import save_weights
from seal_perception.files import sha256, write_json
from sim_bridge.evaluation.episode_files import FORMAT, NOTICE, VERSION
from sim_bridge.scenes.stages.write import write_habitat
from sim_bridge.scenes.write import write_scene_folder

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 4


def bag(plugin: StoragePlugin = StoragePlugin.MCAP, mode: CompressionMode = CompressionMode.NONE) -> Callable:
    """A bag of ROS 2 with four frames."""
    return lambda folder: write2(folder / "bag", recording(FRAMES), plugin, mode)


def packed_bag(folder: Path) -> None:
    """A bag whose pictures are compressed, with poses by tf."""
    write2(folder / "bag", recording(FRAMES, "jpeg", "compressedDepth 32FC1", "tf"))


def old_bag(compression: str = "") -> Callable:
    """A bag of ROS 1."""
    return lambda folder: write1(folder / "old.bag", recording(FRAMES), compression)


def weights(folder: Path) -> None:
    """A tiny detector."""
    torch.manual_seed(0)
    save_weights(folder / "tiny.safetensors", build_model(TINY), TINY, {"calibration": {"slope": 1.0, "offset": 0.1}})


def dataset(folder: Path) -> None:
    """A labelled dataset and a detector."""
    write_rectangles(folder / "coco", FRAMES)
    weights(folder)


def drawn(folder: Path) -> None:
    """A bag, and annotations of its frames as COCO and as labelme has them."""
    bag()(folder)
    size = {"width": 32, "height": 24}
    mask = detections(1).masks[0]
    rows = [
        {"segmentation": [[3, 3, 20, 3, 20, 15, 3, 15]], "category_id": 1, "iscrowd": 0},
        {"segmentation": {"size": [24, 32], "counts": [100, 50, 618]}, "category_id": 2, "iscrowd": 0},
        {"segmentation": mask_to_rle(mask), "category_id": 1, "iscrowd": 0},
    ]
    coco = {
        "images": [{"id": 1, "file_name": f"{stamp(1)}.png", "stamp_ns": stamp(1), **size}],
        "categories": [{"id": 1, "name": "chair"}, {"id": 2, "name": "couch"}],
        "annotations": [{"id": k, "image_id": 1, "bbox": [3, 3, 17, 12], **row} for k, row in enumerate(rows, 1)],
    }
    write_json(folder / "coco.json", coco)
    shapes = [
        {"label": "chair_2", "points": [[3, 3], [20, 3], [20, 15]], "group_id": None, "shape_type": "polygon"},
        {"label": "couch", "points": [[1, 1], [9, 9]], "group_id": None, "shape_type": "rectangle"},
    ]
    (folder / "labelme").mkdir()
    head = {"version": "5.0", "flags": {}, "imagePath": f"{stamp(2)}.png", "imageData": None}
    write_json(folder / "labelme" / f"{stamp(2)}.json", {**head, "shapes": shapes, "imageHeight": 24, "imageWidth": 32})


def stack(folder: Path) -> None:
    """The stack file of the simulator."""
    shutil.copy(ROOT / "ros2_ws/src/seal_bringup/config/sim.yaml", folder / "stack.yaml")


def episodes(folder: Path) -> None:
    """Two episodes in one home."""
    goals = [
        {"instance": 7, "name": "chair 1", "category": "chair", "position": [1.0, 2.0, 0.4], "viewpoints": [[1, 1]]},
        {"instance": 9, "name": "bed", "category": "bed", "position": [3, 2, 0.3], "viewpoints": [[3, 1], [2, 2]]},
    ]
    runs = [
        {"id": f"home:{k}", "start_seed": k, "start": [0.5, 0.5, 0.1], "category": goal["category"],
         "shortest_path_m": 2.5, "straight_m": 2.0, "nearest": goal["instance"]}
        for k, goal in enumerate(goals)
    ]  # fmt: skip
    head = {"version": VERSION, "notice": NOTICE, "split": "custom", "seed": 0}
    home = {"format": FORMAT, **head, "home": "home", "scene_sha256": "0" * 64, "success_m": 0.1}
    (folder / "episodes").mkdir()
    path = folder / "episodes" / "home.json.gz"
    path.write_bytes(gzip.compress(json.dumps({**home, "goals": goals, "episodes": runs}).encode(), mtime=0))
    row = {"home": "home", "file": path.name, "sha256": sha256(path), "episodes": 2, "scene_sha256": "0" * 64}
    write_json(path.parent / "manifest.json", {"format": f"{FORMAT}-set", **head, "per_home": 2, "homes": [row]})


def signed(folder: Path) -> None:
    """Give the manifest the hash of the damaged file, so that more than the hash is looked at."""
    path = folder / "episodes" / "manifest.json"
    old = json.loads(path.read_bytes()) if path.is_file() else {}
    old["homes"][0]["sha256"] = sha256(path.parent / "home.json.gz")
    write_json(path, old)


def meshes(ending: str) -> Callable:
    """A room as one mesh file."""

    def write(folder: Path) -> None:
        scene = room_meshes(y_up=ending in (".glb", ".gltf", ".obj"))
        if ending == ".gltf":
            for name, data in scene.export(file_type="gltf").items():
                (folder / ("room.gltf" if name == "model.gltf" else name)).write_bytes(data)
        elif ending == ".ascii.stl":
            (folder / "room.stl").write_text(scene.to_mesh().export(file_type="stl_ascii"))
        elif ending == ".obj":
            _obj(folder, scene)
        else:
            scene.export(folder / f"room{ending}") if ending == ".glb" else scene.to_mesh().export(
                folder / f"room{ending}"
            )

    return write


def _obj(folder: Path, scene: trimesh.Scene) -> None:
    """OBJ with groups, materials and a picture."""
    lines, offset = ["mtllib room.mtl"], 1
    for name, mesh in scene.geometry.items():
        lines += [f"o {name}", "usemtl wood" if "wall" in name else "usemtl plain"]
        lines += [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in mesh.vertices]
        lines += [f"vt {k % 2} {k // 4}" for k in range(len(mesh.vertices))]
        lines += ["f " + " ".join(f"{v + offset}/{v + offset}" for v in face) for face in mesh.faces]
        offset += len(mesh.vertices)
    (folder / "room.obj").write_text("\n".join(lines) + "\n")
    (folder / "room.mtl").write_text("newmtl wood\nKd 1 1 1\nmap_Kd tex.png\nnewmtl plain\nKd 0.5 0.4 0.3\n")
    picture(folder / "tex.png")


def picture(path: Path) -> None:
    """A small picture."""
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))


def dae(folder: Path) -> None:
    """COLLADA with a picture."""
    write_dae(folder / "room.dae", size=5.0, picture="tex.png")
    picture(folder / "tex.png")


def world(folder: Path) -> None:
    """A Gazebo world with an included model, a mesh, nested frames and a material script."""
    write_dae(folder / "a.dae", picture="tex.png")
    picture(folder / "tex.png")
    write_model(folder / "models", "chair_1", mesh_visual("../../a.dae", "<scale>1 1 2</scale>"))
    scripts = folder / "models" / "chair_1" / "materials" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "own.material").write_text(
        "material Own/Red\n{\n technique { pass { ambient 1 0 0 1\n diffuse 1 0 0 1 } }\n}\n"
    )
    script = "<material><script><uri>model://chair_1/materials/scripts</uri><name>Own/Red</name></script></material>"
    frames = (
        "<model name='n'><frame name='f'><pose>1 0 0 0 0 0</pose></frame><link name='l'><pose relative_to='f'>0 0 0 0 "
        "0 0</pose><visual name='v'><geometry><cylinder><radius>0.2</radius><length>1</length></cylinder></geometry>"
        f"{script}</visual></link></model>"
    )
    include = "<include><uri>model://chair_1</uri><pose>1 1 0 0 0 0.3</pose></include>"
    write_world(folder, ROOM + box_model("box1") + include + frames)


def scene_folder(folder: Path) -> None:
    """A scene folder as `seal scene import` writes it."""
    write_scene_folder(room(box_part((1.0, 0.5, 0.0), (1.5, 1.5, 0.8))), folder / "room")


def habitat(folder: Path) -> None:
    """A data set of Habitat's with semantics, and a scene instance with an object."""
    write_habitat(room(box_part((1.0, 0.5, 0.0), (1.5, 1.5, 0.8))), folder / "set")
    place = folder / "set" / "objects"
    place.mkdir()
    trimesh.Scene({"seat": trimesh.creation.box((0.5, 0.5, 0.5))}).export(place / "chair.glb")
    write_json(place / "chair.object_config.json", {"render_asset": "chair.glb"})
    template = {"original_file": "objects/chair.object_config.json", "template_handle": "seat"}
    config = {
        "stages": {"paths": {".json": ["stages"]}},
        "objects": {"paths": {".json": ["objects"]}, "configs": [{**template, "attributes": {"scale": [1, 1, 1]}}]},
    }
    write_json(folder / "set" / "room.scene_dataset_config.json", config)
    objects = [{"template_name": "seat", "translation": [0, 0.3, 1], "rotation": [1, 0, 0, 0]}]
    write_json(
        folder / "set" / "one.scene_instance.json",
        {"stage_instance": {"template_name": "room"}, "object_instances": objects},
    )


def categories(folder: Path) -> None:
    """A room and a table of categories by name."""
    meshes(".glb")(folder)
    write_json(folder / "categories.json", {"lamp*": "tv", "Chair_1": None})


def numbered(folder: Path) -> None:
    """A folder of frames with numbered pictures."""
    write_numbered(folder / "frames", range(FRAMES))


def tum(folder: Path) -> None:
    """A folder of frames as the TUM benchmark has them."""
    write_tum(folder / "frames", FRAMES)


def furniture_files(folder: Path) -> dict[str, bytes]:
    """Files of a Sweet Home 3D library with two pieces."""
    meshes(".obj")(folder)
    table = "".join(
        f"id#{k}=x#{k}\nname#{k}={name}\ncategory#{k}=Living room\nmodel#{k}=/a/room.obj\n"
        f"width#{k}=60\ndepth#{k}=70.5\nheight#{k}=90\nelevation#{k}=5\nmodelRotation#{k}=1 0 0 0 1 0 0 0 1\n"
        for k, name in enumerate(("Chair \\u00e9", "Table"), 1)
    )
    inside = {f"a/{name}": (folder / name).read_bytes() for name in ("room.obj", "room.mtl", "tex.png")}
    return {"PluginFurnitureCatalog.properties": table.encode("latin-1"), **inside}


def pack(folder: Path, files: dict[str, bytes]) -> None:
    """Write them as a library."""
    (folder / "libraries").mkdir()
    with zipfile.ZipFile(folder / "libraries" / "a.sh3f", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def furniture(folder: Path) -> None:
    """A furniture library."""
    pack(folder, furniture_files(folder))
