# SPDX-License-Identifier: Apache-2.0
"""Curves of a training: rows in a CSV file, TensorBoard's event file, a picture.

The event file is written here and not by a library: TensorBoard's scalars are a record format with a checksum and four
fields, and the libraries that write it bring a protocol compiler's runtime. `tensorboard --logdir FOLDER` shows it.
"""

from __future__ import annotations

import csv
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from seal_perception.files import replacing

CSV, EVENTS, PICTURE = "curves.csv", "events.out.tfevents.seal", "curves.png"


class Row(NamedTuple):
    """One figure of a curve.

    Attributes:
        time_s: when, in seconds since 1970.
        step: frames of the robot so far, or passes over the demonstrations.
        tag: name of the curve.
        value: the figure.
    """

    time_s: float
    step: int
    tag: str
    value: float


class Curves:
    """The curves of a training in a folder.

    Args:
        folder: where the three files lie.

    Attributes:
        rows: all figures so far.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows: list[Row] = []
        if (folder / CSV).is_file():
            with open(folder / CSV, newline="", encoding="utf-8") as stream:
                self.rows = [Row(float(t), int(s), tag, float(v)) for t, s, tag, v in list(csv.reader(stream))[1:]]

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Take figures of a step."""
        now = time.time()
        self.rows += [Row(now, step, tag, float(value)) for tag, value in values.items()]

    def forget(self, prefix: str, after: int = -1) -> None:
        """Drop the figures after a step of the curves with this prefix: what is done again is not drawn twice."""
        self.rows = [row for row in self.rows if not (row.tag.startswith(prefix) and row.step > after)]

    def write(self) -> None:
        """Write rows and events, each file whole or not at all."""
        with replacing(self._folder / CSV) as beside, open(beside, "w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(Row._fields)
            writer.writerows((f"{r.time_s:.3f}", r.step, r.tag, repr(r.value)) for r in self.rows)
        with replacing(self._folder / EVENTS) as beside:
            beside.write_bytes(event_file(self.rows))

    def draw(self, title: str) -> None:
        """Draw each curve into the picture."""
        from matplotlib.figure import Figure

        tags = sorted({row.tag for row in self.rows})
        if not tags:
            return
        columns = min(3, len(tags))
        lines = -(-len(tags) // columns)
        figure = Figure(figsize=(4.2 * columns, 2.6 * lines), layout="constrained")
        figure.suptitle(title)
        for n, tag in enumerate(tags):
            axes = figure.add_subplot(lines, columns, n + 1)
            points = [(row.step, row.value) for row in self.rows if row.tag == tag]
            axes.plot(*zip(*points, strict=True), color="#045c58", lw=1.4, marker="." if len(points) < 40 else "")
            axes.set_title(tag, fontsize=9)
            axes.grid(alpha=0.3)
        with replacing(self._folder / PICTURE) as beside:
            figure.savefig(beside, format="png", dpi=90)


def event_file(rows: list[Row]) -> bytes:
    """Rows as a TensorBoard event file: TFRecords of `Event` messages with one scalar each."""
    first = rows[0].time_s if rows else 0.0
    events = [_number(1, first) + _text(3, b"brain.Event:2")]
    for row in rows:
        value = _text(1, row.tag.encode()) + b"\x15" + struct.pack("<f", row.value)
        events.append(_number(1, row.time_s) + b"\x10" + _varint(row.step) + _text(5, _text(1, value)))
    return b"".join(map(_record, events))


def _record(data: bytes) -> bytes:
    """A TFRecord: length, its checksum, the data, their checksum."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", _masked(length)) + data + struct.pack("<I", _masked(data))


def _number(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _text(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _crc_table() -> list[int]:
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


_CRC = _crc_table()


def _masked(data: bytes) -> int:
    """CRC-32C (Castagnoli), masked as TFRecords have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
