# SPDX-License-Identifier: Apache-2.0
"""Small scene files for the tests: SDF worlds, COLLADA and glTF."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import trimesh

ROOM = """
<model name='room'><static>true</static><link name='link'>
 <visual name='floor'><pose>0 0 -0.05 0 0 0</pose><geometry><box><size>6 5 0.1</size></box></geometry></visual>
 <visual name='east'><pose>3 0 1.25 0 0 0</pose><geometry><box><size>0.1 5 2.5</size></box></geometry></visual>
 <visual name='west'><pose>-3 0 1.25 0 0 0</pose><geometry><box><size>0.1 5 2.5</size></box></geometry></visual>
 <visual name='north'><pose>0 2.5 1.25 0 0 0</pose><geometry><box><size>6 0.1 2.5</size></box></geometry></visual>
 <visual name='south'><pose>0 -2.5 1.25 0 0 0</pose><geometry><box><size>6 0.1 2.5</size></box></geometry></visual>
</link></model>
"""
"""A room of 6 x 5 m without a ceiling, its floor at 0."""


def box_model(name: str, pose: str = "0 0 0 0 0 0", size: str = "0.4 0.4 0.8", more: str = "") -> str:
    """A model of one box."""
    return (
        f"<model name='{name}'><pose>{pose}</pose><link name='link'><visual name='v'><geometry><box><size>{size}</size>"
        f"</box></geometry>{more}</visual></link></model>"
    )


def write_world(folder: Path, body: str, name: str = "test.world") -> Path:
    """An SDF world."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<?xml version='1.0'?><sdf version='1.7'><world name='w'>{body}</world></sdf>")
    return path


def write_model(folder: Path, name: str, body: str) -> Path:
    """A model's folder with model.config and model.sdf."""
    (folder / name).mkdir(parents=True)
    (folder / name / "model.config").write_text(
        f"<model><name>{name}</name><sdf version='1.5'>old.sdf</sdf><sdf version='1.7'>model.sdf</sdf></model>"
    )
    (folder / name / "model.sdf").write_text(f"<sdf version='1.7'><model name='{name}'>{body}</model></sdf>")
    return folder / name


def shape_model(name: str, shape: str, pose: str = "<pose>0 0 0 0 0 0</pose>") -> str:
    """A model of one shape, given as the content of its geometry."""
    visual = f"<visual name='v'><geometry>{shape}</geometry></visual>"
    return f"<model name='{name}'>{pose}<link name='l'>{visual}</link></model>"


def mesh_visual(uri: str, more: str = "") -> str:
    """A link that shows a mesh file."""
    return f"<link name='l'><visual name='v'><geometry><mesh><uri>{uri}</uri>{more}</mesh></geometry></visual></link>"


def write_dae(
    path: Path,
    node: str = "thing",
    unit: float = 1.0,
    up: str = "Z_UP",
    size: float = 1.0,
    picture: str = "",
    index: int = 2,
    head: str = "",
) -> Path:
    """COLLADA with one triangle (0, 0, 0), (size, 0, 0), (0, size, size), half red or with a picture."""
    look = "<color>0.5 0 0 1</color>"
    images = params = ""
    if picture:
        images = f"<library_images><image id='i'><init_from>{picture}</init_from></image></library_images>"
        params = (
            "<newparam sid='s'><surface type='2D'><init_from>i</init_from></surface></newparam>"
            "<newparam sid='p'><sampler2D><source>s</source></sampler2D></newparam>"
        )
        look = "<texture texture='p' texcoord='UV'/>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"""<?xml version="1.0"?>{head}
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><created>2020-01-01T00:00:00</created><modified>2020-01-01T00:00:00</modified>
<unit name="u" meter="{unit}"/><up_axis>{up}</up_axis></asset>{images}
<library_effects><effect id="e"><profile_COMMON>{params}<technique sid="t"><phong><diffuse>{look}</diffuse></phong>
</technique></profile_COMMON></effect></library_effects>
<library_materials><material id="m"><instance_effect url="#e"/></material></library_materials>
<library_geometries><geometry id="g" name="g"><mesh>
<source id="p"><float_array id="pa" count="9">0 0 0 {size} 0 0 0 {size} {size}</float_array><technique_common>
<accessor source="#pa" count="3" stride="3"><param name="X" type="float"/><param name="Y" type="float"/>
<param name="Z" type="float"/></accessor></technique_common></source>
<source id="t"><float_array id="ta" count="6">0 0 1 0 0 1</float_array><technique_common>
<accessor source="#ta" count="3" stride="2"><param name="S" type="float"/><param name="T" type="float"/></accessor>
</technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p"/></vertices>
<triangles count="1" material="ms"><input semantic="VERTEX" source="#v" offset="0"/>
<input semantic="TEXCOORD" source="#t" offset="1" set="0"/><p>0 0 1 1 {index} 2</p></triangles></mesh></geometry>
</library_geometries>
<library_visual_scenes><visual_scene id="s"><node id="n" name="{node}"><instance_geometry url="#g"><bind_material>
<technique_common><instance_material symbol="ms" target="#m"/></technique_common></bind_material>
</instance_geometry></node></visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene></COLLADA>"""
    )
    return path


def room_meshes(scale: float = 1.0, y_up: bool = True) -> trimesh.Scene:
    """A room of 6 x 5 x 2.5 m with a ceiling, a chair and a lamp in it, as glTF has it."""
    scene = trimesh.Scene()
    boxes = {
        "floor": ((6, 5, 0.1), (0, 0, -0.05)),
        "ceiling": ((6, 5, 0.1), (0, 0, 2.55)),
        "wall_e": ((0.1, 5, 2.5), (3, 0, 1.25)),
        "wall_w": ((0.1, 5, 2.5), (-3, 0, 1.25)),
        "wall_n": ((6, 0.1, 2.5), (0, 2.5, 1.25)),
        "wall_s": ((6, 0.1, 2.5), (0, -2.5, 1.25)),
        "Chair_1": ((0.5, 0.5, 0.9), (2, 1.5, 0.45)),
        "lamp": ((0.2, 0.2, 1.5), (-2, 1.5, 0.75)),
    }
    turn = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]) if y_up else np.eye(4)
    for name, (size, centre) in boxes.items():
        box = trimesh.creation.box(size)
        box.apply_translation(centre)
        box.apply_transform(turn @ np.diag([scale, scale, scale, 1.0]))
        scene.add_geometry(box, node_name=name, geom_name=name)
    return scene


def glb_bytes(header: dict, binary: bytes = b"", version: int = 2) -> bytes:
    """A binary glTF file with a given header."""
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<III", 0x46546C67, version, 12 + len(chunks)) + chunks
