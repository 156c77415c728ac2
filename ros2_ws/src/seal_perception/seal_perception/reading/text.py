# SPDX-License-Identifier: Apache-2.0
"""Reading files that others wrote: bounded before they are unpacked, errors in one line that names the file.

What is no regular file (a pipe, a device) is not opened: it could keep us waiting, or never end.
"""

from __future__ import annotations

import gzip
import json
import re
import stat
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from seal_perception.errors import InputError
from seal_perception.reading.limits import DEPTH, limit, require

MB = 1_000_000
_BLOCK = 1 << 20
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HUGE = re.compile(rb"[\[:,\s-][0-9]{300}")
"""A number that no float holds."""
_OPEN, _CLOSE, _QUOTE = b"[{", b"]}", ord('"')


def require_file(path: Path | str) -> int:
    """Size in bytes of a regular file; links are followed.

    Raises:
        InputError: if it is a folder, a pipe or a device.
        OSError: if it is not there or must not be looked at.
    """
    found = Path(path).stat()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe or a device"
        raise InputError(f"{path} is {kind}, expected a file")
    return found.st_size


def read_bytes(path: Path | str, bound: str) -> bytes:
    """A file's bytes, with its size checked first.

    Args:
        path: the file.
        bound: name of the limit for its size, in MB.

    Raises:
        InputError: if it is no regular file, or larger than the limit.
        OSError: if it cannot be read.
    """
    require(bound, require_file(path) / MB, path)
    with open(path, "rb") as stream:
        most = limit(bound) * MB
        data = stream.read(most + 1)
    require(bound, len(data) / MB, path)  # a file may grow, and those of /proc have no size
    return data


def as_text(data: bytes, what: object, kind: str = "") -> str:
    """Text of UTF-8 bytes, with or without a mark in front.

    Args:
        data: the bytes.
        what: the file, as an error begins.
        kind: what it is not, besides UTF-8 text.

    Raises:
        InputError: if they are not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"0x{data[error.start]:02x} at byte {error.start}"
        raise InputError(f"{what} is not {kind}UTF-8 text ({found}); save it as UTF-8") from error


def read_text(path: Path | str, bound: str = "text_mb") -> str:
    """A UTF-8 file; see `read_bytes` and `as_text` for the errors."""
    return as_text(read_bytes(path, bound), path)


def gunzip(path: Path | str) -> bytes:
    """What a .gz file unpacks to, never more than the limit.

    Raises:
        InputError: if it is no gzip file, is broken, or unpacks to more.
        OSError: if it cannot be read.
    """
    require_file(path)
    most = limit("gzip_mb") * MB
    try:
        with gzip.open(path, "rb") as stream:
            data = stream.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is not a whole gzip file: {error}") from error
    if len(data) > most:
        require("gzip_mb", most / MB + 1, f"{path} unpacks to more than is read: it")
    return data


def load_json(text: str | bytes, what: object) -> Any:
    """The value of a JSON text; its depth and the number of its values are bounded before it is parsed.

    Args:
        text: the JSON; bytes are UTF-8.
        what: the file or message, as an error begins.

    Raises:
        InputError: if it is no JSON, nested too deep, or holds too many values.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    plain = as_text(data, what, "valid JSON: it is not ") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    if _HUGE.search(data):
        raise InputError(f"{what} is not valid JSON: it has a number of more than 300 digits")
    containers = data.count(b"[") + data.count(b"{")
    require("json_values", containers + data.count(b","), what)
    if containers > DEPTH and (deep := _depth(data)) > DEPTH:
        raise InputError(f"{what} is not valid JSON: it is nested {deep:,} deep, expected at most {DEPTH}")
    try:
        value = json.loads(plain)
        if b"\\ud" in data.lower():  # half of a pair, which no file's name and no terminal takes
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError) as error:  # ValueError: also a number of more than 4300 digits
        raise InputError(f"{what} is not valid JSON: {_first_line(error)}") from error


def read_json(path: Path | str) -> Any:
    """The value of a JSON file; see `read_bytes` and `load_json` for the errors."""
    return load_json(read_bytes(path, "json_mb"), path)


def _depth(data: bytes) -> int:
    """Greatest depth of brackets outside of texts."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    deepest = now = 0
    quoted = False
    for start in range(0, len(data), _BLOCK):
        block = np.frombuffer(data, np.uint8, min(_BLOCK, len(data) - start), start)
        inside = (np.cumsum(block == _QUOTE) + quoted) % 2 == 1
        quoted = bool(inside[-1])
        step = np.isin(block, list(_OPEN)).astype(np.int64) - np.isin(block, list(_CLOSE))
        level = now + np.cumsum(np.where(inside, 0, step))
        deepest, now = max(deepest, int(level.max())), int(level[-1])
    return deepest


def load_yaml(text: str, what: object) -> Any:
    """The value of a YAML text, plain types only; depth and values are bounded before it is built.

    A text of a few lines can stand for billions of values by `&name` and `*name`; they are counted first.

    Args:
        text: the YAML.
        what: the file, as an error begins.

    Raises:
        InputError: if it is no YAML, nested too deep, refers to itself, or holds too many values.
    """
    loader = None
    try:
        _require_shallow(text, what)
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        require("yaml_values", _values(node, what), what)
        return loader.construct_document(node)  # type: ignore[no-untyped-call]
    except InputError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        # PyYAML raises all of these over texts that only look like dates, booleans or numbers.
        raise InputError(f"{what} is not valid YAML: {_first_line(error)}") from error
    finally:
        if loader is not None:
            loader.dispose()  # type: ignore[no-untyped-call]


def _require_shallow(text: str, what: object) -> None:
    """Refuse a deep text by its events, which are read without recursion; building it is not (and is in C)."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH:
            raise InputError(f"{what} is YAML nested more than {DEPTH} deep; it is broken or no data")


def read_yaml(path: Path | str) -> Any:
    """The value of a YAML file; see `read_bytes` and `load_yaml` for the errors."""
    return load_yaml(read_text(path, "yaml_mb"), path)


def _values(root: yaml.Node, what: object) -> int:
    """Values under a node, repeated ones as often as they stand.

    Raises:
        InputError: if it is nested too deep or holds itself.
    """
    counts: dict[int, int] = {}
    above: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, done = stack.pop()
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        if done:
            above.discard(id(node))
            counts[id(node)] = min(1 + sum(counts[id(child)] for child in children), 10**18)
            continue
        if id(node) in counts:
            continue
        if id(node) in above:
            raise InputError(f"{what} has a YAML value that holds itself; write it out")
        above.add(id(node))
        if len(above) > DEPTH:
            raise InputError(f"{what} is YAML nested more than {DEPTH} deep; it is broken or no data")
        stack.append((node, True))
        stack += [(child, False) for child in children]
    return counts[id(root)]


def _first_line(error: BaseException) -> str:
    """A parser's complaint in one short line, with its place."""
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    place = getattr(error, "problem_mark", None)
    if place is not None:
        problem = getattr(error, "problem", None) or getattr(error, "context", None) or "broken"
        return f"line {place.line + 1}, column {place.column + 1}: {problem}"[:200]
    return re.sub(r"\s+", " ", str(error) or type(error).__name__)[:200]
