# SPDX-License-Identifier: Apache-2.0
"""XML as people have it: what Gazebo overlooks is read, with a note; what could do harm is refused all the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sim.scenes.scene_files import ROOM, box_model, write_dae, write_model, write_world

from seal_perception.errors import InputError
from sim_bridge.scenes.load import read_scene
from sim_bridge.scenes.pieces import Notes
from sim_bridge.scenes.xml import read_xml

BODY = f"<sdf version='1.6'><world name='w'>{ROOM}{box_model('chair')}</world></sdf>".encode()
HEAD = b"<?xml version='1.0'?>"


@pytest.mark.parametrize(
    "data",
    [
        b"\n\n" + HEAD + BODY,
        b"\xef\xbb\xbf \r\n" + HEAD + BODY,
        b"<!-- made by hand -->\n" + HEAD + BODY,
        HEAD + BODY.replace(b"</world>", b"<gui><plugin name='a'>walls & doors; R&D</plugin></gui></world>"),
        HEAD + BODY.replace(b"</world>", b"<info>&nbsp;caf&eacute;</info></world>"),
        HEAD + BODY.replace(b"</world>", b"<!-- ---- a -- b ---- --></world>"),
        HEAD + BODY.replace(b"</world>", "<info>café</info></world>".encode("latin-1")),
        HEAD + BODY.replace(b"</world>", b"<info>\x0c\x01</info></world>"),
        HEAD + BODY + b"\n\0\0",
    ],
    ids=["blank lines", "a mark", "a comment", "ampersands", "entities", "dashes", "latin-1", "controls", "zeros"],
)
def test_a_world_that_is_not_quite_xml_is_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.world").write_bytes(data)
    loaded = read_scene(tmp_path / "a.world")
    assert [part.name for part in loaded.scene.parts] == ["room", "chair"]
    assert [note for note in loaded.notes if "a.world is not quite XML" in note] != []


def test_names_keep_their_prefix_whether_it_is_declared_or_not(tmp_path: Path) -> None:
    for data in (
        HEAD + BODY.replace(b"</world>", b"<ignition:x a='1'/></world>"),
        HEAD + BODY.replace(b"<sdf", b"<sdf xmlns='http://sdformat.org/schemas/root.xsd'"),
    ):
        (tmp_path / "a.world").write_bytes(data)
        loaded = read_scene(tmp_path / "a.world")
        assert len(loaded.scene.parts) == 2 and loaded.notes == ()


@pytest.mark.parametrize(
    "description",
    [b"a box & a lid", b"<b>bold", b"a < b", "Türme".encode("latin-1"), b"<![CDATA[ & ]] ]]>"],
)
def test_a_description_does_not_matter(description: bytes, tmp_path: Path) -> None:
    write_model(tmp_path / "models", "chair_1", box_model("x").split(">", 1)[1].replace("</model>", ""))
    config = b"<model><name>a</name><sdf version='1.7'>model.sdf</sdf><description>" + description
    (tmp_path / "models" / "chair_1" / "model.config").write_bytes(config + b"</description></model>")
    include = "<include><uri>model://chair_1</uri><pose>1 1 0 0 0 0</pose></include>"
    loaded = read_scene(write_world(tmp_path, ROOM + include))
    assert [part.name for part in loaded.scene.parts] == ["room", "chair_1"]


def test_cdata_is_kept_to_the_letter(tmp_path: Path) -> None:
    notes = Notes()
    (tmp_path / "a.xml").write_bytes(b"\n" + HEAD + b"<a><![CDATA[x & <!-- y --> z]]><!-- & --> &amp; & &#65;</a>")
    assert read_xml(tmp_path / "a.xml", notes).text == "x & <!-- y --> z & & A"
    assert len(notes.lines()) == 1 and notes.lines()[0].startswith("a.xml is not quite XML (")


@pytest.mark.parametrize("before", [b"", b"\n\n", b"<!-- -- -->"])
def test_a_document_type_is_refused_however_broken_the_rest(before: bytes, tmp_path: Path) -> None:
    bomb = b"<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
    (tmp_path / "a.world").write_bytes(before + HEAD + bomb + BODY.replace(b"chair", b"&f;"))
    with pytest.raises(InputError, match="has a document type|not valid XML") as error:
        read_scene(tmp_path / "a.world")
    assert "root:" not in str(error.value)


def test_what_is_no_xml_is_still_told_by_its_first_fault(tmp_path: Path) -> None:
    (tmp_path / "a.world").write_bytes(b"\n<sdf><world>&</sdf>")
    with pytest.raises(InputError, match=r"a\.world is not valid XML: not well-formed .*: line 2, column 1\d"):
        read_scene(tmp_path / "a.world")
    (tmp_path / "a.world").write_bytes(b"<!--" * 200_000)
    with pytest.raises(InputError, match=r"a\.world is not valid XML"):
        read_scene(tmp_path / "a.world")


def test_collada_with_ampersands_is_read(tmp_path: Path) -> None:
    path = write_dae(tmp_path / "a.dae", node="A&B", size=5.0)
    loaded = read_scene(path)
    assert [part.name for part in loaded.scene.parts][:1] == ["A&B"] and "not quite XML" in loaded.notes[0]


def test_many_elements_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_LIMITS", "xml_elements=100")
    (tmp_path / "a.world").write_text("<sdf>" + "<a/>" * 100 + "</sdf>")
    with pytest.raises(InputError, match=r"a\.world asks for 101 elements"):
        read_scene(tmp_path / "a.world")
