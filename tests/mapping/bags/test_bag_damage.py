# SPDX-License-Identifier: Apache-2.0
"""Damage in a bag of our own: the checksums notice it, and recovery keeps all the rest, and the file of before."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap.writer import CompressionType
from mcap.writer import Writer as PlainWriter
from typer.testing import CliRunner

from seal_bringup.cli.app import app
from seal_mapping.bags import messages as bm
from seal_mapping.bags.formats import mcap_records as mr
from seal_mapping.bags.reader import open_bag
from seal_mapping.bags.recover import bag_info, recover
from seal_mapping.bags.writer import BagWriter, write_frame
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.detections import Detections
from seal_perception.errors import InputError
from seal_perception.pose import camera_mounting, planar_pose

CAMERA = Camera.from_hfov(16, 12, 1.2)
FRAMES = 6


def _picture(k: int) -> np.ndarray:
    return np.random.default_rng(k).integers(0, 256, (12, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a bag with one chunk per frame."""
    bag = tmp_path_factory.mktemp("good") / "bag"
    with BagWriter(bag) as writer:
        for k in range(FRAMES):
            depth, none = np.full((12, 16), 1.5 + k, np.float32), Detections.empty(12, 16)
            pose = planar_pose(0.1 * k, 0, 0)
            write_frame(writer, (1 + k) * m.NS, _picture(k), depth, CAMERA, pose, camera_mounting(0.88), none)
    return (bag / "bag.mcap").read_bytes()


def _chunks(data: bytes) -> list[tuple[int, int]]:
    """Begin of the record and of what follows it, of each chunk."""
    found, at = [], len(mr.MAGIC)
    while data[at] != mr.DATA_END:
        opcode, length = mr.RECORD.unpack_from(data, at)
        if opcode == mr.CHUNK:
            found.append((at, at + 9 + length))
        at += 9 + length
    return found


def _bag(folder: Path, data: bytes, metadata: bool = True) -> Path:
    folder.mkdir()
    (folder / "bag.mcap").write_bytes(data)
    if metadata:
        about = {"storage_identifier": "mcap", "relative_file_paths": ["bag.mcap"], "version": 8}
        (folder / "metadata.yaml").write_text(f"rosbag2_bagfile_information: {about}")
    return folder


def test_each_chunk_has_its_checksum_and_the_official_reader_agrees(good: bytes, tmp_path: Path) -> None:
    chunks = _chunks(good)
    assert len(chunks) == FRAMES
    for begin, end in chunks:
        head = mr.chunk_head(good[begin + 9 : end])
        assert head.crc == zlib.crc32(mr.unpack_chunk(head, good[begin + 9 + head.payload : end])) != 0
    with open(_bag(tmp_path / "bag", good) / "bag.mcap", "rb") as stream:
        assert sum(1 for _ in make_reader(stream, validate_crcs=True).iter_messages()) == 6 * FRAMES + 1


def test_no_flipped_bit_of_a_chunk_changes_a_picture_without_a_word(good: bytes, tmp_path: Path) -> None:
    rng, folder = np.random.default_rng(5), _bag(tmp_path / "bag", good)
    for _ in range(40):
        begin, end = _chunks(good)[int(rng.integers(1, FRAMES))]
        data = bytearray(good)
        data[int(rng.integers(begin + 60, end))] ^= 1 << int(rng.integers(8))
        (folder / "bag.mcap").write_bytes(data)
        reader = open_bag(folder)
        frames = {f.frame.stamp_ns // m.NS - 1: f.frame.rgb for f in reader}
        # A few bits of zstd's frame mean nothing: then all is as it was.
        assert len(frames) == FRAMES - reader.unused.get("broken chunk", 0)
        assert all(np.array_equal(rgb, _picture(k)) for k, rgb in frames.items())


@pytest.mark.parametrize("opcode", [mr.MESSAGE_INDEX, mr.CHANNEL, mr.FOOTER, mr.DATA_END, 0x86])
def test_a_chunk_that_looks_like_something_else_is_counted(good: bytes, tmp_path: Path, opcode: int) -> None:
    data = bytearray(good)
    data[_chunks(good)[2][0]] = opcode
    reader = open_bag(_bag(tmp_path / "bag", bytes(data)))
    assert len(reader) == FRAMES - 1 and reader.unused["broken chunk"] == 1


def test_without_its_first_chunk_a_bag_still_knows_its_topics(good: bytes, tmp_path: Path) -> None:
    """That chunk declares them and holds the camera's mounting; the error names it as the cause."""
    data = bytearray(good)
    data[_chunks(good)[0][0] + 80] ^= 1
    folder = _bag(tmp_path / "bag", bytes(data))
    with pytest.raises(InputError, match=r"no base_link -> .* on /tf_static .*; in it 1 broken chunk$"):
        open_bag(folder)
    info = bag_info(folder)
    assert {t.topic: t.messages for t in info.topics}["/odom"] == FRAMES - 1


def _length(data: bytearray, begin: int, end: int) -> None:
    data[begin + 6] = 0x7F


def _short_length(data: bytearray, begin: int, end: int) -> None:
    data[begin + 1] ^= 0x40


def _opcode(data: bytearray, begin: int, end: int) -> None:
    data[begin] = 0x26


def _head(data: bytearray, begin: int, end: int) -> None:
    data[begin : begin + 40] = bytes(40)


def _payload(data: bytearray, begin: int, end: int) -> None:
    data[end - 20] ^= 4


def _hole(data: bytearray, begin: int, end: int) -> None:
    data[begin - 30 : end + 30] = bytes(end - begin + 60)


@pytest.mark.parametrize(
    ("damage", "lost"), [(_length, 0), (_short_length, 0), (_opcode, 0), (_head, 6), (_payload, 6), (_hole, 6)]
)
def test_recovery_goes_on_behind_a_damaged_place(
    good: bytes, tmp_path: Path, damage: Callable[[bytearray, int, int], None], lost: int
) -> None:
    data = bytearray(good)
    damage(data, *_chunks(good)[3])
    folder = _bag(tmp_path / "bag", bytes(data))
    done = recover(folder)
    assert sum(t.messages for t in done.topics) == 6 * FRAMES + 1 - lost
    assert done.original == folder / "bag.mcap.orig" and done.original.read_bytes() == bytes(data)
    if lost:
        (line,) = done.left_out
        assert line.startswith("left out: ") and (damage is _hole or ", 6 messages, log times 4.000 to 4.000 s" in line)
    assert len(open_bag(folder)) == FRAMES - (lost > 0)
    assert recover(folder).original is None, "now it is whole"


def test_the_file_of_before_is_never_overwritten_and_the_command_says_what_is_lost(good: bytes, tmp_path: Path) -> None:
    folder = _bag(tmp_path / "bag", good[: _chunks(good)[3][0] + 50], metadata=False)
    (folder / "bag.mcap.orig").write_text("mine")
    said = CliRunner().invoke(app, ["bag", "recover", str(folder)]).output.replace("\n", " ")
    assert "19 messages kept" in said and "bag.mcap.orig1" in said
    assert "left out: 1 damaged place, 50 bytes" in said and "no index counts the messages of 1 of them" in said
    assert (folder / "bag.mcap.orig").read_text() == "mine"
    assert len(open_bag(folder)) == 3


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_of_another_recorder_without_checksums_is_recovered(tmp_path: Path, chunked: bool) -> None:
    """Messages outside of chunks, and a chunk that is not compressed: the message with the damaged length is lost."""
    path = tmp_path / "bag.mcap"
    with open(path, "wb") as stream:
        writer = PlainWriter(
            stream, chunk_size=1 << 20, compression=CompressionType.NONE, use_chunking=chunked, enable_crcs=False
        )
        writer.start("ros2")
        schema = writer.register_schema("std_msgs/msg/String", "ros2msg", b"string data")
        channel = writer.register_channel("/notes", "cdr", schema)
        for k in range(9):
            content = bytes(
                bm.typestore().serialize_cdr(bm.text_message(f"note {k} " + "x" * 90), "std_msgs/msg/String")
            )
            writer.add_message(channel, k * m.NS, content, k * m.NS)
        writer.finish()
    data = bytearray(path.read_bytes())
    at = data.index(b"note 4") - 8 - 22 - 9
    assert data[at] == mr.MESSAGE
    data[at + 2] = 1
    path.write_bytes(data)
    assert not bag_info(path).whole
    done = recover(path)
    assert [t.messages for t in done.topics] == [8] and done.left_out


def test_one_of_several_files_is_mended_by_its_name(good: bytes, tmp_path: Path) -> None:
    folder = _bag(tmp_path / "bag", good)
    about = (folder / "metadata.yaml").read_text()
    (folder / "bag_1.mcap").write_bytes(good[: _chunks(good)[3][0]])
    with pytest.raises(InputError, match=r"holds 2 \.mcap files: name the one to mend, such as .*bag_1\.mcap"):
        recover(folder)
    assert sum(t.messages for t in recover(folder / "bag_1.mcap").topics) == 19
    assert (folder / "metadata.yaml").read_text() == about, "it names all files"
