# SPDX-License-Identifier: Apache-2.0
"""Pictures of others: only common formats are opened, whatever the files are called; broken ones leave grey."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import EpsImagePlugin, Image

from seal_perception.errors import InputError
from seal_perception.reading.limits import limit
from sim_bridge.scenes.files import Resources
from sim_bridge.scenes.meshes.images import decode
from sim_bridge.scenes.meshes.read import MeshReader, material_of
from sim_bridge.scenes.pieces import GREY, Notes
from sim_bridge.scenes.stages.semantics import _joined


def _encoded(picture: Image.Image, form: str) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form)
    return stream.getvalue()


@pytest.fixture
def ghostscript(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A Ghostscript that only counts how often Pillow would start it."""
    started: list[object] = []

    def start(*arguments: object, **_: object) -> Image.core.ImagingCore:
        if EpsImagePlugin.has_ghostscript():
            started.append(arguments)
        raise OSError("not here")

    monkeypatch.setattr(EpsImagePlugin, "gs_binary", "gs")
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    return started


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TGA", "TIFF", "GIF", "WEBP", "DDS"])
def test_common_formats_are_read(form: str) -> None:
    notes = Notes()
    pixels = decode(_encoded(Image.new("RGB", (8, 4), (200, 100, 48)), form), "it", notes)
    assert pixels is not None and pixels.shape == (4, 8, 3) and notes.lines() == ()
    assert np.abs(pixels.astype(int) - (200, 100, 48)).max() <= 8


@pytest.mark.parametrize("form", ["EPS", "PPM", "ICO"])
def test_other_formats_are_grey_and_start_nothing(form: str, ghostscript: list[object]) -> None:
    data, notes = _encoded(Image.new("RGB", (32, 32), (255, 0, 0)), form), Notes()
    assert decode(data, "wood.png", notes) is None
    assert "wood.png is no readable picture" in notes.lines()[0]
    material = trimesh.visual.material.SimpleMaterial(image=Image.open(io.BytesIO(data)))
    assert material_of(material, "a.obj", notes, raw=False) is GREY
    assert f"is a {form} file, which is not read" in notes.lines()[1] and not ghostscript


def test_an_obj_with_an_eps_picture_starts_nothing(tmp_path: Path, ghostscript: list[object]) -> None:
    (tmp_path / "wood.png").write_bytes(_encoded(Image.new("RGB", (8, 8), (255, 0, 0)), "EPS"))
    (tmp_path / "a.mtl").write_text("newmtl one\nKd 1 1 1\nmap_Kd wood.png\n")
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl one\nf 1/1 2/2 3/3\n"
    )
    notes = Notes()
    ((_, mesh),) = MeshReader(Resources([tmp_path]), notes).read(tmp_path / "a.obj").meshes
    assert mesh.materials == (GREY,) and "is a EPS file" in notes.lines()[0] and not ghostscript
    assert EpsImagePlugin.gs_binary is False


def test_a_texture_of_a_kind_that_pillow_lacks_is_grey() -> None:
    data = bytearray(_encoded(Image.new("RGBA", (4, 4)), "DDS"))
    data[80:84] = (0).to_bytes(4, "little")  # flags of the pixel format: neither RGB nor a code
    notes = Notes()
    assert decode(bytes(data), "a.dds", notes) is None and "a.dds is no readable picture" in notes.lines()[0]


def test_a_picture_of_floats_goes_from_nought_to_one() -> None:
    picture = Image.fromarray(np.array([[0.0, 0.5], [1.0, np.nan]], np.float32))
    pixels = decode(_encoded(picture, "TIFF"), "a.tif", Notes())
    assert pixels is not None and pixels[..., 0].tolist() == [[0, 128], [255, 0]]


def test_the_largest_picture_is_less_than_pillow_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2 * (Image.MAX_IMAGE_PIXELS or 0) > 1e6 * limit("picture_megapixels")
    monkeypatch.setenv("SEAL_LIMITS", "picture_megapixels=1")
    notes = Notes()
    assert decode(_encoded(Image.new("1", (1000, 1001)), "PNG"), "big.png", notes) is None
    assert "big.png has 1000 x 1001 pixels, more than is decoded" in notes.lines()[0]
    assert decode(_encoded(Image.new("1", (1000, 1000)), "PNG"), "big.png", notes) is not None


def _two_triangles(change: dict[str, object] | None, form: str = "PNG") -> bytes:
    """A .glb of two unnamed materials: a plain green one and one with a picture, whose texture is then changed."""
    scene = trimesh.Scene()
    picture = Image.open(io.BytesIO(_encoded(Image.new("RGB", (4, 4), (200, 100, 48)), form)))
    materials = (
        trimesh.visual.material.PBRMaterial(baseColorFactor=[0, 255, 0, 255]),
        trimesh.visual.material.PBRMaterial(baseColorTexture=picture),
    )
    for k, material in enumerate(materials):
        visual = trimesh.visual.TextureVisuals(uv=[[0, 0], [1, 0], [1, 1]], material=material)
        corners = [[k, 0, 0], [k + 1, 0, 0], [k + 1, 1, 0]]
        scene.add_geometry(trimesh.Trimesh(corners, [[0, 1, 2]], visual=visual, process=False), node_name=f"n{k}")
    data = scene.export(file_type="glb", extension_webp=form == "WEBP")
    length = struct.unpack("<I", data[12:16])[0]
    header = json.loads(data[20 : 20 + length])
    if change is not None:
        header["textures"] = [change]
        header["images"][0]["mimeType"] = "image/ktx2"
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return struct.pack("<IIIII", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


@pytest.mark.parametrize("change", [{"source": 0}, {"extensions": {"KHR_texture_basisu": {"source": 0}}}])
def test_a_picture_in_ktx2_is_grey_and_noted(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "a.glb").write_bytes(_two_triangles(change))
    notes = Notes()
    meshes = dict(MeshReader(Resources([tmp_path]), notes).read(tmp_path / "a.glb").meshes)
    assert meshes["n0"].materials[0].texture.tolist() == [[[0, 255, 0]]] and meshes["n1"].materials == (GREY,)
    assert notes.lines() == (
        "a picture of a.glb is missing, broken or of a kind not read (KTX2); its surfaces are grey",
    )


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_picture_in_png_or_webp_is_read(tmp_path: Path, form: str) -> None:
    (tmp_path / "a.glb").write_bytes(_two_triangles(None, form))
    notes = Notes()
    meshes = dict(MeshReader(Resources([tmp_path]), notes).read(tmp_path / "a.glb").meshes)
    seen = meshes["n1"].materials[0].texture.astype(int)
    assert notes.lines() == () and np.abs(seen - (200, 100, 48)).max() <= 8


def test_a_semantic_mesh_with_an_eps_picture_is_refused(ghostscript: list[object]) -> None:
    picture = Image.open(io.BytesIO(_encoded(Image.new("RGB", (32, 32), (255, 0, 0)), "EPS")))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    visual = trimesh.visual.TextureVisuals(uv=[[0, 0], [1, 0], [1, 1]], material=material)
    part = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 1, 0]], [[0, 1, 2]], visual=visual, process=False)
    with pytest.raises(InputError, match="the semantic mesh has a EPS picture; expected PNG or JPEG"):
        _joined([(np.eye(4), part)], set())
    assert not ghostscript
