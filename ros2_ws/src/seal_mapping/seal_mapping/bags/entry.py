# SPDX-License-Identifier: Apache-2.0
"""What the readers of all bag formats share: topics, messages with their location, a chunk cache."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

CACHE_BYTES = 64_000_000
ALL = -1
HEAD = 1024


@dataclass
class Topic:
    """One topic of a bag with one type, over all its files.

    Attributes:
        name: as recorded.
        msgtype: in the form package/msg/Type.
        encoding: "cdr" (ROS 2), "ros1", or what an mcap file says; others cannot be read.
        count: messages seen so far.
    """

    name: str
    msgtype: str
    encoding: str
    count: int = 0

    @property
    def readable(self) -> bool:
        """Whether its messages can be decoded."""
        return self.encoding in ("cdr", "ros1")


class Location(NamedTuple):
    """Location of a message: file number, chunk (-1: none, or not compressed), offset or row id, length in bytes."""

    file: int
    chunk: int
    offset: int
    length: int


class Entry(NamedTuple):
    """One message of a bag; `data` is its whole content or its first bytes, as asked for."""

    topic: Topic
    log_ns: int
    data: bytes
    where: Location


Wants = Callable[[Topic], int]
"""How many first bytes of a topic's messages are wanted: 0 none of them, `ALL` the whole content."""


@dataclass
class Tally:
    """What a walk over a bag has found: its topics, the span of its log times, what was damaged."""

    topics: dict[tuple[str, str], Topic] = field(default_factory=dict)
    start_ns: int | None = None
    end_ns: int | None = None
    broken_chunks: int = 0
    broken_messages: int = 0

    def topic(self, name: str, msgtype: str, encoding: str) -> Topic:
        """The topic of this name and type; made at its first mention."""
        if msgtype.count("/") == 1:
            msgtype = msgtype.replace("/", "/msg/")
        return self.topics.setdefault((name, msgtype), Topic(name, msgtype, encoding))

    def count(self, topic: Topic, log_ns: int, number: int = 1) -> None:
        """Count messages."""
        topic.count += number
        self.start_ns = log_ns if self.start_ns is None else min(self.start_ns, log_ns)
        self.end_ns = log_ns if self.end_ns is None else max(self.end_ns, log_ns)


class ChunkCache:
    """The last decompressed chunks, at most `CACHE_BYTES` of them (or one, if it is larger)."""

    def __init__(self, load: Callable[[int, int], bytes]) -> None:
        self._load = load
        self._chunks: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, file: int, chunk: int) -> bytes:
        """Content of a chunk."""
        key = (file, chunk)
        if key in self._chunks:
            self._chunks.move_to_end(key)
            return self._chunks[key]
        data = self._load(file, chunk)
        self._chunks[key] = data
        self._bytes += len(data)
        while self._bytes > CACHE_BYTES and len(self._chunks) > 1:
            self._bytes -= len(self._chunks.popitem(last=False)[1])
        return data
