# SPDX-License-Identifier: Apache-2.0
"""Reading the sqlite3 file of a rosbag2 bag: a walk row by row, and single messages by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from seal_mapping.bags.entry import ALL, Entry, Location, Tally, Topic, Wants
from seal_mapping.bags.unpack import MAX_BYTES, BrokenDataError
from seal_perception.errors import InputError

MAGIC = b"SQLite format 3\0"


class SqliteFile:
    """One sqlite3 file; of pictures only the first bytes are read while walking, sqlite passes over the rest.

    Args:
        path: the file.
        number: its number among the bag's files.
        whole: contents are compressed one by one, so that first bytes alone are of no use.

    Raises:
        InputError: if it is no sqlite3 file with a bag's tables.
    """

    def __init__(self, path: Path, number: int, whole: bool = False) -> None:
        self.path, self.number, self._whole = path, number, whole
        with open(path, "rb") as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                raise InputError(f"{path} is no sqlite3 file: its first bytes are not the format's")
        # Immutable: nothing is locked or made beside the file; not if a killed writer left a journal to be read.
        wal = path.with_name(path.name + "-wal")
        fixed = "" if wal.exists() and wal.stat().st_size else "&immutable=1"
        uri = f"file:{quote(str(path.resolve()))}?mode=ro{fixed}"
        self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
        try:
            tables = {row[0] for row in self._database.execute("SELECT name FROM sqlite_master WHERE type='table'")}
        except sqlite3.Error:
            self._database.close()
            raise
        if not {"topics", "messages"} <= tables:
            self._database.close()
            raise InputError(f"{path} is a sqlite3 file, but no bag: it has no tables topics and messages")

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def scan(self, wants: Wants, tally: Tally) -> Iterator[Entry]:
        """All messages of the wanted topics, in the order of their rows.

        Raises:
            BrokenDataError: if the tables are damaged.
            sqlite3.Error: if the file is.
        """
        topics: dict[int, Topic] = {}
        takes: dict[int, int] = {}
        for row in self._database.execute("SELECT id, name, type, serialization_format FROM topics"):
            if [type(v) for v in row] != [int, str, str, str]:
                raise BrokenDataError(f"{self.path.name} has a damaged row in its table of topics")
            topics[row[0]] = tally.topic(*row[1:])
            takes[row[0]] = wants(topics[row[0]])
        whole = ",".join(str(k) for k, n in takes.items() if n == ALL or (n and self._whole))
        head = ",".join(str(k) for k, n in takes.items() if n and n != ALL and not self._whole)
        most = max([n for n in takes.values() if n > 0], default=0)
        rows = self._database.execute(
            f"SELECT id, topic_id, timestamp, length(data), CASE WHEN length(data) > {MAX_BYTES} THEN NULL "
            f"WHEN topic_id IN ({whole}) THEN data WHEN topic_id IN ({head}) THEN substr(data, 1, {most}) "
            "ELSE x'' END FROM messages NOT INDEXED"
        )
        last = None
        for row, topic_id, log_ns, length, data in rows:
            if type(row) is not int or (last is not None and row <= last):
                raise BrokenDataError(f"{self.path.name} has rows out of order: the file is damaged")
            last = row
            topic = topics.get(topic_id)
            if topic is None or type(log_ns) is not int or type(data) is not bytes:
                tally.broken_messages += 1
                continue
            tally.count(topic, log_ns)
            if takes[topic_id]:
                yield Entry(topic, log_ns, data, Location(self.number, -1, row, length))

    def read(self, where: Location, records: bytes | None = None) -> bytes:
        """Content of one message.

        Raises:
            BrokenDataError: if it is damaged.
        """
        query = f"SELECT data FROM messages WHERE id = ? AND length(data) <= {MAX_BYTES}"
        try:
            found = self._database.execute(query, (where.offset,)).fetchone()
        except (sqlite3.Error, MemoryError) as error:
            raise BrokenDataError(f"{self.path.name}, row {where.offset}: {error}") from error
        if found is None or type(found[0]) is not bytes:
            raise BrokenDataError(f"{self.path.name} has lost row {where.offset}")
        return bytes(found[0])

    def chunk(self, content: int) -> bytes:
        """There are no chunks."""
        raise BrokenDataError("a sqlite3 file has no chunks")
