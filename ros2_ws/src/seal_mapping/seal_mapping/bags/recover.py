# SPDX-License-Identifier: Apache-2.0
"""What a bag holds, and recovery of one that was cut or damaged: all that can be read goes into a new bag."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from seal_mapping.bags.formats.mcap_records import MAGIC
from seal_mapping.bags.formats.mcap_salvage import Salvage
from seal_mapping.bags.messages import typestore
from seal_mapping.bags.store import METADATA, BagStore, one_line
from seal_mapping.bags.writer import BagWriter
from seal_perception.errors import InputError
from seal_perception.files import keep_original


@dataclass(frozen=True)
class TopicCount:
    """One topic of a bag."""

    topic: str
    msgtype: str
    messages: int


@dataclass(frozen=True)
class BagInfo:
    """What a bag holds.

    Attributes:
        path: of the bag.
        whole: False for one that was cut or has a damaged record.
        size_bytes: of its files.
        start_ns: first log time.
        end_ns: last log time.
        topics: with their messages.
        kind: mcap, sqlite3 or ros1.
        left_out: lines that say what `recover` could not read; empty where there was nothing to recover.
        original: where `recover` kept the damaged file; None where there was nothing to recover.
    """

    path: Path
    whole: bool
    size_bytes: int
    start_ns: int
    end_ns: int
    topics: tuple[TopicCount, ...]
    kind: str = "mcap"
    left_out: tuple[str, ...] = ()
    original: Path | None = None


def _mcap_of(path: Path) -> Path:
    if path.is_file() and path.suffix == ".mcap":
        return path
    files = sorted(path.glob("*.mcap")) if path.is_dir() else []
    if not files and (path / "bag").is_dir():
        raise InputError(f"{path} is no bag; did you mean {path / 'bag'}?")
    if len(files) > 1:
        raise InputError(f"{path} holds {len(files)} .mcap files: name the one to mend, such as {files[-1]}")
    if not files:
        raise InputError(f"{path} cannot be mended: expected a folder with one .mcap file, got 0")
    return files[0]


def bag_info(path: Path | str, store: BagStore | None = None) -> BagInfo:
    """What a bag of any kind holds, also a cut or damaged mcap.

    Args:
        path: the bag.
        store: the bag after a walk over it, where there was one: saves another.

    Raises:
        InputError: if it is no bag.
    """
    path = Path(path)
    try:
        if store is None:
            store = BagStore(path)
            for _ in store.scan(lambda topic: 0):
                raise AssertionError("nothing was asked for")
    except InputError:
        if not (path.suffix == ".mcap" or (path.is_dir() and len(list(path.glob("*.mcap"))) == 1)):
            raise
        with one_line(path):
            return _cut_info(path, Salvage(_mcap_of(path)))
    tally = store.tally
    topics = tuple(TopicCount(t.name, t.msgtype, t.count) for t in tally.topics.values())
    start, end = tally.start_ns or 0, tally.end_ns or 0
    whole = store.kind != "mcap" or (store.path / METADATA).is_file()
    return BagInfo(path, whole, store.size_bytes, start, end, topics, store.kind)


def _cut_info(path: Path, salvage: Salvage) -> BagInfo:
    counts: dict[str, int] = {}
    start, end = 2**63 - 1, 0
    for message in salvage.messages():
        counts[message.topic] = counts.get(message.topic, 0) + 1
        start, end = min(start, message.stamp_ns), max(end, message.stamp_ns)
    topics = tuple(TopicCount(t, k, counts.get(t, 0)) for t, k in salvage.topics().items())
    whole = (salvage.path.parent / METADATA).is_file() and _has_footer(salvage.path) and not salvage.left.lines()
    return BagInfo(path, whole, salvage.path.stat().st_size, min(start, end), end, topics)


def _has_footer(mcap: Path) -> bool:
    with open(mcap, "rb") as stream:
        stream.seek(0, os.SEEK_END)
        if stream.tell() < 2 * len(MAGIC):
            return False
        stream.seek(-len(MAGIC), os.SEEK_END)
        return stream.read() == MAGIC


def recover(path: Path | str) -> BagInfo:
    """Make a cut or damaged bag whole, in place; a bag that is whole and sound is left as it is.

    The new file is written beside and put in place at the end. The old one stays as `<name>.mcap.orig`, or under the
    next free number: what a reader of today cannot read, another may.

    Raises:
        InputError: if there is no bag, nothing in it that can be read, or messages of a type that is not standard.
        OSError: if there is no room for the copy.
    """
    path = Path(path)
    mcap = _mcap_of(path)
    folder = mcap.parent
    with one_line(path):
        salvage = Salvage(mcap)
        before = _cut_info(path, salvage)
    if before.whole:
        return before
    if not any(topic.messages for topic in before.topics):
        raise InputError(f"nothing can be recovered from {path}: no whole message is left in it")
    known = {t.topic: t.msgtype for t in before.topics if t.msgtype in typestore().fielddefs}
    unknown = [t.msgtype for t in before.topics if t.messages and t.topic not in known]
    if unknown:
        raise InputError(
            f"the bag {path} holds messages of {unknown[0]!r}, which is no standard type: mend it where that is known "
            "(`mcap recover`, then `ros2 bag reindex`)"
        )
    alone = len(list(folder.glob("*.mcap"))) == 1
    beside = folder / ".recover"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with BagWriter(beside / mcap.stem, known) as writer:
            for index, message in enumerate(m for m in salvage.messages() if m.topic in known):
                writer.write(message.topic, message.stamp_ns, message.data)
                if index % 64 == 63:
                    writer.flush()
        original = keep_original(mcap)
        os.replace(beside / mcap.stem / mcap.name, mcap)
        if alone:  # that of a bag in several files names them all, and stays
            if (folder / METADATA).is_file():
                keep_original(folder / METADATA)
            os.replace(beside / mcap.stem / METADATA, folder / METADATA)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    after = bag_info(path) if alone else _cut_info(path, Salvage(mcap))
    return BagInfo(
        path, after.whole, after.size_bytes, after.start_ns, after.end_ns, after.topics,
        left_out=salvage.left.lines(), original=original,
    )  # fmt: skip
