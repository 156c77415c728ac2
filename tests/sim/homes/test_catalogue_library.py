# SPDX-License-Identifier: Apache-2.0
"""Furniture libraries: read, converted, and in catalogue pictures; the library here is made by the test."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from seal_perception.errors import InputError
from seal_perception.reading.limits import VARIABLE
from sim_bridge.catalogue.library.kinds import kind_of
from sim_bridge.catalogue.library.models import (
    DEBIAN_FOLDER,
    INDEX,
    Models,
    convert,
    library_folder,
    load_mesh,
    save_mesh,
)
from sim_bridge.catalogue.library.sweethome import TABLE, Entry, entries, libraries, read_model
from sim_bridge.catalogue.pictures import catalogue_at, make_picture
from sim_bridge.catalogue.rooms import build
from sim_bridge.geometry.mesh import Material, Mesh

BOX = """mtllib box.mtl
{corners}
vt 0 0
vt 1 0
vt 1 1
usemtl cloth
f 1/1 2/2 3/3
f 1/1 3/3 4/1
f 5/1 7/3 6/2
f 5/1 8/1 7/3
f 1/1 5/2 6/3
f 1/1 6/3 2/2
f 4/1 3/2 7/3
f 4/1 7/3 8/2
f 1/1 4/2 8/3
f 1/1 8/3 5/2
usemtl wood
f 2/1 6/2 7/3
f 2/1 7/3 3/2
"""
"""A box, y up, whose side towards +z is missing none of its triangles; the last two are of wood."""


def _obj() -> str:
    corners = [(-1, 0, 3), (1, 0, 3), (1, 2, 3), (-1, 2, 3), (-1, 0, -1), (1, 0, -1), (1, 2, -1), (-1, 2, -1)]
    return BOX.format(corners="\n".join(f"v {x} {y} {z}" for x, y, z in corners))


def _row(number: int, name: str, **more: object) -> str:
    row: dict[str, object] = {"id": f"test#{name}-{number}", "name": name, "category": "Living room"}
    row.update({"model": "/test/box/box.obj", "width": 50, "depth": 60, "height": 90, **more})
    return "".join(f"{key}#{number}={value}\n" for key, value in row.items() if value is not None)


def _library(folder: Path, rows: str, name: str = "test.sh3f") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    mtl = "newmtl cloth\nKd 1 1 1\nmap_Kd cloth.png\nnewmtl wood\nKd 0.5 0.25 0.1\n"
    cloth = cv2.imencode(".png", np.full((600, 300, 3), (10, 200, 30), np.uint8))[1].tobytes()
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr(TABLE, "id=test\nname=A library\n" + rows)
        archive.writestr("test/box/box.obj", _obj())
        archive.writestr("test/box/box.mtl", mtl)
        archive.writestr("test/box/cloth.png", cloth)
        archive.writestr("test/broken/box.obj", "f 1 2 3\n")
    return folder / name


def _all_six(folder: Path) -> Path:
    names = ("Chair", "Sofa", "Plant", "Bed", "Toilets unit", "TV", "Table", "Stool")
    rows = "".join(_row(8 * i + j, name) for i in range(6) for j, name in enumerate(names))
    return _library(folder, rows)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    _all_six(folder / "libraries")
    return convert(folder / "libraries", folder / "models")


def _entry(name: str, room: str = "Living room", size: tuple[float, float, float] = (0.5, 0.6, 0.9)) -> Entry:
    return Entry(f"test#{name}", name, room, size, 0.0, "a/b.obj", np.eye(3), Path("x.sh3f"))


def _volume(mesh: Mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, k]].astype(np.float64) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("name", "category", "doubtful"),
    [
        ("Oak chair", 0, False), ("Winchester armchair", 0, False), ("Stool", 0, True), ("Wheelchair", 0, True),
        ("Corner sofa", 1, False), ("Futon couch", 1, False), ("Ficus", 2, False), ("Flower box", 2, True),
        ("Child bed", 3, False), ("Opened convertible sofa BZ", 3, False), ("Day bed", 3, True),
        ("Toilets unit", 4, False), ("Wall flat TV", 5, False), ("TV 16:9", 5, False), ("Television cabinet", 5, True),
        ("Toilet paper dispenser", -1, False), ("Bedside table", -1, False), ("TV stand", -1, False),
        ("TV remote control", -1, False), ("Bench", -1, False), ("Vase", -1, False), ("Urinal", -1, False),
    ],
)  # fmt: skip
def test_what_a_name_means(name: str, category: int, doubtful: bool) -> None:
    kind = kind_of(_entry(name))
    assert kind is not None
    assert (kind.category, kind.doubtful) == (category, doubtful)


@pytest.mark.parametrize(
    "entry",
    [
        _entry("Sitting male"), _entry("Sports car", "Vehicles"), _entry("Palm tree"),
        _entry("Ruler", size=(0.1, 0.02, 0.002)), _entry("Table", size=(9.0, 1.0, 1.0)),
    ],
)  # fmt: skip
def test_what_is_left_out(entry: Entry) -> None:
    assert kind_of(entry) is None


def test_a_model_comes_in_our_axes_and_its_own_size(tmp_path: Path) -> None:
    library = _library(tmp_path, _row(1, "Chair", elevation=25))
    (tmp_path / "scratch").mkdir()
    mesh = read_model(entries(library)[0], tmp_path / "scratch")
    assert mesh.bounds() == pytest.approx(np.array([[-0.3, -0.25, 0.25], [0.3, 0.25, 1.15]]), abs=1e-6)
    assert _volume(mesh) == pytest.approx(0.5 * 0.6 * 0.9, rel=1e-5)  # triangles look outwards
    wood = next(i for i, m in enumerate(mesh.materials) if m.texture.shape == (1, 1, 3))
    corners = mesh.vertices[mesh.faces[mesh.material == wood]].reshape(-1, 3)
    assert np.allclose(corners[:, 1], 0.25)  # the library's right is our left: x of theirs is y of ours


def test_a_turned_model(tmp_path: Path) -> None:
    rotation = "1 0 0 0 0 -1 0 1 0"  # about x, by a quarter
    library = _library(tmp_path, _row(1, "Chair", modelRotation=rotation, width=20, depth=20, height=40))
    (tmp_path / "scratch").mkdir()
    mesh = read_model(entries(library)[0], tmp_path / "scratch")
    assert np.ptp(mesh.vertices, axis=0) == pytest.approx([0.2, 0.2, 0.4], abs=1e-6)
    assert _volume(mesh) == pytest.approx(0.2 * 0.2 * 0.4, rel=1e-5)


def test_rows_that_say_nothing_usable_are_left_out(tmp_path: Path) -> None:
    rows = _row(1, "Chaise \\u00e9l\\u00e9gante") + _row(2, "No size", width=None) + _row(3, "Sky", model="/a/b.dae")
    rows += _row(4, "Endless", depth="nan") + _row(5, "Flat", height=0) + _row(6, "Odd", modelRotation="1 2 3")
    assert [entry.name for entry in entries(_library(tmp_path, rows))] == ["Chaise élégante"]


def test_a_file_that_is_no_library_is_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.sh3f").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(InputError, match="no readable furniture library"):
        entries(tmp_path / "a.sh3f")
    with zipfile.ZipFile(tmp_path / "b.sh3f", "w") as archive:
        archive.writestr("other.txt", "x")
    with pytest.raises(InputError, match="no readable furniture library"):
        entries(tmp_path / "b.sh3f")
    with pytest.raises(InputError, match=r"expected a folder with \.sh3f files"):
        libraries(tmp_path / "nowhere")


def test_no_name_in_a_library_leads_out_of_the_scratch_folder(tmp_path: Path) -> None:
    library = _library(tmp_path / "libraries", _row(1, "Chair"))
    with zipfile.ZipFile(library, "a") as archive:
        archive.writestr("test/box/..", b"x")
        archive.writestr("../../outside.txt", b"x")
    scratch = tmp_path / "a" / "b" / "scratch"
    scratch.mkdir(parents=True)
    read_model(entries(library)[0], scratch)
    assert sorted(path.name for path in scratch.iterdir()) == ["box.mtl", "box.obj", "cloth.png"]
    assert not list(tmp_path.rglob("outside.txt"))


def test_a_model_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "scene_mb=1")
    library = _library(tmp_path, "")
    with zipfile.ZipFile(library, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("test/box/zeros.bin", bytes(2 << 20))
    entry = Entry("a", "Chair", "", (1, 1, 1), 0.0, "test/box/box.obj", np.eye(3), library)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(InputError, match="scene_mb"):
        read_model(entry, tmp_path / "scratch")
    assert not list((tmp_path / "scratch").iterdir())


def test_a_full_disk_is_no_broken_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = _library(tmp_path / "libraries", _row(1, "Chair"))

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("sim_bridge.catalogue.library.sweethome.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        convert(library.parent, tmp_path / "models")
    assert not (tmp_path / "models" / INDEX).exists()


def test_conversion_keeps_what_is_there_and_leaves_out_what_is_broken(tmp_path: Path) -> None:
    rows = (
        _row(1, "Chair") + _row(2, "Sofa", model="/test/broken/box.obj") + _row(3, "Spoon", width=1, depth=1, height=1)
    )
    _library(tmp_path / "libraries", rows)
    out = convert(tmp_path / "libraries", tmp_path / "models")
    document = json.loads((out / INDEX).read_text())
    assert [row["name"] for row in document["models"]] == ["Chair"]
    assert len(document["left_out"]) == 1 and document["left_out"][0].startswith("Sofa: ")
    file = out / document["models"][0]["file"]
    before = file.stat().st_mtime_ns
    (out / INDEX).unlink()  # as after an interruption
    convert(tmp_path / "libraries", out)
    assert file.stat().st_mtime_ns == before
    _library(tmp_path / "libraries", _row(1, "Armchair"), "more.sh3f")
    convert(tmp_path / "libraries", out)
    assert file.stat().st_mtime_ns == before  # another library changes neither a piece nor its split
    assert {row["name"] for row in json.loads((out / INDEX).read_text())["models"]} == {"Chair", "Armchair"}
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_a_mesh_survives_its_file(tmp_path: Path) -> None:
    library = _library(tmp_path, _row(1, "Chair"))
    (tmp_path / "scratch").mkdir()
    mesh = read_model(entries(library)[0], tmp_path / "scratch")
    save_mesh(tmp_path / "m.npz", mesh)
    again = load_mesh(tmp_path / "m.npz")
    for name in ("vertices", "faces", "uv", "material"):
        assert np.array_equal(getattr(again, name), getattr(mesh, name))
    sizes = sorted(m.texture.shape[:2] for m in again.materials)
    assert sizes == [(1, 1), (150, 75)]  # of 600 x 300


def test_thin_pictures_stay_pictures(tmp_path: Path) -> None:
    library = _library(tmp_path, _row(1, "Chair"))
    (tmp_path / "scratch").mkdir()
    mesh = read_model(entries(library)[0], tmp_path / "scratch")
    stripe = Material(np.full((600, 1, 3), 7, np.uint8))
    save_mesh(tmp_path / "m.npz", replace(mesh, materials=(stripe, *mesh.materials[1:])))
    assert load_mesh(tmp_path / "m.npz").materials[0].texture.shape == (200, 1, 3)


def test_a_damaged_piece_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"PK no npz")
    with pytest.raises(InputError, match="is no converted model"):
        load_mesh(tmp_path / "m.npz")


def test_a_library_of_few_pieces_leaves_the_rest_to_code(tmp_path: Path) -> None:
    _library(tmp_path / "libraries", _row(1, "Chair"))
    out = convert(tmp_path / "libraries", tmp_path / "models")
    splits = [Models(out, "train"), Models(out, "val")]
    assert sorted(models.share(0) for models in splits) == pytest.approx([0.0, 1 / 21])
    assert all(models.share(category) == 0 for models in splits for category in (-1, 1, 2, 3, 4, 5))
    assert make_picture(0, "val", (80, 60), out)[0].shape == (60, 80, 3)


def test_no_piece_is_in_both_splits(converted: Path) -> None:
    train, val = Models(converted, "train"), Models(converted, "val")
    files = [{m.file for rows in (*models.of.values(), models.others) for m in rows} for models in (train, val)]
    assert files[0] and files[1] and not files[0] & files[1]
    assert len(files[0] | files[1]) == 48
    assert train.share(0) == pytest.approx(len(train.of[0]) / (len(train.of[0]) + 20))


def test_pieces_are_scaled_mirrored_and_painted(converted: Path) -> None:
    models, rng = Models(converted, "train"), np.random.default_rng(0)
    items = [models.piece(0, rng) for _ in range(40)]
    sizes = np.array([np.ptp(item.mesh.vertices, axis=0) for item in items])
    assert sizes.std(0).min() > 0.01
    assert np.abs(sizes / [0.6, 0.5, 0.9] - 1).max() < 0.35
    assert all(_volume(item.mesh) > 0 for item in items)  # a mirrored piece is no piece turned inside out
    colours = {item.mesh.materials[0].texture.tobytes()[:3] for item in items}
    assert 5 < len(colours) < 30
    assert {item.category for item in items} == {0}
    doubtful = [item for item in (models.other(rng) for _ in range(60)) if item.category >= 0]
    assert doubtful and all(item.family == "doubtful" for item in doubtful)


def test_pictures_show_them_and_none_without_a_library_changes(converted: Path) -> None:
    size = (80, 60)
    with_models = [make_picture(seed, "train", size, converted) for seed in range(0, 8, 2)]
    again = [make_picture(seed, "train", size, converted) for seed in range(6, -2, -2)][::-1]
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(with_models, again, strict=True))
    models = Models(converted, "train")
    rooms = [build(np.random.default_rng(n), models)[0] for n in range(80)]
    assert any(part.name.startswith("model chair") for room in rooms for part in room.parts)
    furnished_by_code = sum(room.models is None for room in rooms)
    assert 25 <= furnished_by_code <= 55, "half of the rooms have nothing of the library"
    assert not any(
        np.array_equal(a[0], make_picture(s, "train", size)[0])
        for a, s in zip(with_models, range(0, 8, 2), strict=True)
    )


def test_a_catalogue_says_which_library_it_shows(converted: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = catalogue_at(tmp_path / "c", 2, "train", 1, said.append, converted)
    document = json.loads((folder / "annotations.json").read_text())
    assert document["info"]["models"] == Models(converted, "train").source
    said.clear()
    catalogue_at(folder, 2, "train", 1, said.append, converted)
    assert not said
    catalogue_at(folder, 2, "train", 1, said.append)
    assert len(said) == 1 and "with a furniture library" in said[0]


def test_which_library_is_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library_folder("none") is None
    monkeypatch.setattr("sim_bridge.catalogue.library.models.DEBIAN_FOLDER", tmp_path)
    with pytest.raises(InputError, match="apt install sweethome3d-furniture"):
        library_folder("installed")
    _library(tmp_path, _row(1, "Chair"))
    assert library_folder("installed") == tmp_path
    with pytest.raises(InputError, match=r"\.sh3f"):
        library_folder(str(tmp_path / "nothing"))


@pytest.mark.skipif(not DEBIAN_FOLDER.is_dir(), reason="the package sweethome3d-furniture is not installed")
def test_the_real_libraries_have_all_six() -> None:
    kinds = [kind_of(entry) for file in libraries(DEBIAN_FOLDER) for entry in entries(file)]
    counts = [sum(k is not None and k.category == c and not k.doubtful for k in kinds) for c in range(6)]
    assert min(counts) >= 3 and counts[0] >= 50
