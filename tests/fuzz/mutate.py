# SPDX-License-Identifier: Apache-2.0
"""Damage to files: bytes, numbers, words, trees of JSON and YAML, arrays, headers, pictures; all by one generator."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

Mutator = Callable[[bytes, random.Random], bytes]

NUMBERS: list[Any] = [
    0, -1, 1, 2, 255, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64, -(2**31), -(2**63), 10**18,
    10**30, 1e9, 1e18, 1e38, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), 1e-9, 1e-308, 0.5, -0.0, 10**400,
]  # fmt: skip
VALUES: list[Any] = [
    *NUMBERS, None, True, False, "", "x", "x" * 5000, "../../../../etc/passwd", "/etc/passwd", "\u0000", "\U0001f600",
    "\x1b]0;t\x07", "[/bold]", "a\nb", "nan", "1e999", [], {}, [[]], {"a": 1}, [1, 2, 3], [None], ["x"], [1e308] * 3,
    "file:///etc/passwd", "http://127.0.0.1:9/x",
]  # fmt: skip
WORDS: list[Any] = [
    *NUMBERS,
    "",
    "nan",
    "1e999",
    "-",
    "x",
    "../../x",
    "999999999999",
    "0x10",
    "&",
    "<",
    "\x1b[31m",
    "\x00",
]
INTEGERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1, 10**9)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z_]+")


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes after an accident: flipped, zeroed, cut, inserted, copied, or a length made absurd."""
    out = bytearray(data)
    if not out:
        return data
    size = len(out)
    way = rng.choice(("flip", "flips", "zero", "cut", "length", "insert", "double", "swap", "head"))
    if way == "flip":
        out[rng.randrange(size)] ^= 1 << rng.randrange(8)
    elif way in ("flips", "head"):
        for _ in range(rng.choice((4, 30, 300)) if way == "flips" else 6):
            out[rng.randrange(size if way == "flips" else min(size, 400))] ^= rng.randrange(1, 256)
    elif way == "zero":
        begin = rng.randrange(size)
        end = min(size, begin + rng.randrange(1, 2000))
        out[begin:end] = bytes(end - begin)
    elif way == "cut":
        del out[rng.randrange(size) :]
    elif way == "length":
        for _ in range(rng.choice((1, 1, 3))):
            width, order = rng.choice((2, 4, 8)), rng.choice(("little", "little", "big"))
            at = rng.randrange(max(1, size - width))
            value = rng.choice(INTEGERS) & ((1 << 8 * width) - 1)
            out[at : at + width] = value.to_bytes(width, "big" if order == "big" else "little")
    elif way == "insert":
        at = rng.randrange(size)
        out[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 4, 64))))
    else:
        begin, length = rng.randrange(size), rng.randrange(1, 500)
        piece, at = out[begin : begin + length], rng.randrange(size)
        out[at : at if way == "double" else at + length] = piece
    return bytes(out)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value below one, itself included."""
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, entry in rows for found in _paths(entry, (*path, key)))]


def _tree(document: Any, rng: random.Random) -> Any:
    """A copy of a document with one or two values replaced, removed, repeated or nested."""
    document = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 2))):
        paths = [path for path in _paths(document) if path]
        if not paths:
            return rng.choice(VALUES)
        # Shallow and deep values alike: most of them lie deep.
        depth = rng.choice(sorted({len(path) for path in paths}))
        path = rng.choice([path for path in paths if len(path) == depth])
        owner = document
        for key in path[:-1]:
            owner = owner[key]
        way = rng.choice(("value", "value", "value", "number", "remove", "repeat", "nest"))
        if way == "remove":
            del owner[path[-1]]
        elif way == "repeat" and isinstance(owner, list):
            owner += [owner[path[-1]]] * rng.choice((1, 1, 50))
        elif way == "nest":
            for _ in range(rng.choice((1, 3, 150))):
                owner[path[-1]] = [owner[path[-1]]]
        else:
            owner[path[-1]] = rng.choice(NUMBERS if way == "number" else VALUES)
    return document


def _dumped(document: Any, rng: random.Random) -> bytes:
    return json.dumps(document, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")


def json_text(data: bytes, rng: random.Random) -> bytes:
    """JSON with a wrong value; sometimes no JSON at all."""
    return damaged(data, rng) if rng.random() < 0.15 else _dumped(_tree(json.loads(data), rng), rng)


def yaml_text(data: bytes, rng: random.Random) -> bytes:
    """YAML with a wrong value, or with names that stand for millions of values."""
    if rng.random() < 0.2:
        return damaged(data, rng)
    if rng.random() < 0.1:
        names = [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9) if k else '1'}]" for k in range(9)]
        return "\n".join([*names, data.decode(), ""]).encode()
    plain = json.loads(json.dumps(yaml.safe_load(data)))
    return yaml.safe_dump(_tree(plain, rng), allow_unicode=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def plain_text(data: bytes, rng: random.Random) -> bytes:
    """Text with other numbers and words."""
    if rng.random() < 0.25:
        return damaged(data, rng)
    text = data.decode("utf-8", "replace")
    for _ in range(rng.choice((1, 1, 2, 4))):
        found = list(rng.choice((_NUMBER, _NUMBER, _WORD)).finditer(text))
        if found:
            match = rng.choice(found)
            text = text[: match.start()] + str(rng.choice(WORDS))[:400] + text[match.end() :]
    return text.encode("utf-8", "replace")


def xml_text(data: bytes, rng: random.Random) -> bytes:
    """As text; sometimes an element stands many times, in itself, or with a document type before it."""
    if rng.random() < 0.7:
        return plain_text(data, rng)
    text = data.decode("utf-8", "replace")
    whole = [m for m in re.finditer(r"<(\w+)[^<>]*/>|<(\w+)[^<>]*>[^<>]*</\2>", text)]
    way = rng.choice(("many", "nested", "declared", "comment"))
    if way in ("many", "nested") and whole:
        match = rng.choice(whole)
        piece = match[0] * rng.choice((2, 200))
        if way == "nested":
            name, depth = match[1] or match[2], rng.choice((5, 90, 3000))
            piece = f"<{name}>" * depth + match[0] + f"</{name}>" * depth
        text = text[: match.start()] + piece + text[match.end() :]
    elif way == "declared":
        text = rng.choice(("\n\n", "\ufeff", " ", "<!DOCTYPE a [<!ENTITY b 'b'>]>", "<!-- a -- b -->")) + text
    else:
        at = rng.choice([0, *(m.end() for m in re.finditer(">", text))])
        text = text[:at] + rng.choice(("<!-- -- -->", " & ", "&nbsp;", "<![CDATA[ ]]>", "&#0;", "<")) + text[at:]
    return text.encode("utf-8", "replace")


def npz(data: bytes, rng: random.Random) -> bytes:
    """Arrays of other types, shapes and values; their JSON head too."""
    if rng.random() < 0.15:
        return damaged(data, rng)
    with np.load(io.BytesIO(data)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    name = rng.choice([*arrays, "head", "head"])
    if name == "head" and "head" in arrays:
        text = json.dumps(_tree(json.loads(arrays["head"].tobytes()), rng))
        arrays["head"] = np.frombuffer(text.encode(), np.uint8)
    else:
        changed = _array(arrays[name], rng)
        arrays = {**{key: value for key, value in arrays.items() if key != name}, **changed(name)}
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _array(array: np.ndarray, rng: random.Random) -> Callable[[str], dict[str, np.ndarray]]:
    way = rng.choice(("type", "nan", "most", "least", "short", "empty", "flat", "remove", "random", "equal"))
    if way == "remove":
        return lambda name: {}
    whole = array.dtype.kind in "iu"
    edges = np.iinfo(array.dtype) if whole else None
    out = array.copy()
    with np.errstate(all="ignore"):
        if way == "type":
            kinds: list[Any] = [np.float32, np.float64, np.int64, np.uint8, np.complex64, "U8", bool, np.int8]
            out = array.astype(rng.choice(kinds))
        elif way == "nan":
            out = array.astype(np.float64)
            out.flat[:3] = [np.nan, np.inf, -1e300][: min(3, out.size)]
        elif way in ("most", "least") and out.size:
            far = 1e300 if way == "most" else -1e300
            out.flat[rng.randrange(out.size)] = (edges.max if way == "most" else edges.min) if edges else far
        elif way == "short":
            out = out[: len(out) // 2]
        elif way == "empty":
            out = out[:0]
        elif way == "flat":
            out = out.reshape(-1)
        elif way == "random" and edges:
            source = np.random.default_rng(rng.randrange(1 << 30))
            out = source.integers(edges.min, edges.max, out.shape, dtype=out.dtype, endpoint=True)
        elif way == "equal" and len(out):
            out[:] = out[:1]
    return lambda name: {name: out}


def glb(data: bytes, rng: random.Random) -> bytes:
    """A binary glTF file with a wrong value in its JSON."""
    if rng.random() < 0.3:
        return damaged(data, rng)
    length = struct.unpack("<I", data[12:16])[0]
    text = json.dumps(_tree(json.loads(data[20 : 20 + length]), rng)).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return struct.pack("<IIIII", 0x46546C67, 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A) + text + rest


def safetensors(data: bytes, rng: random.Random) -> bytes:
    """A weights file with a wrong value in its header or its metadata."""
    if rng.random() < 0.3:
        return damaged(data, rng)
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    if rng.random() < 0.6:
        facts = json.loads(header["__metadata__"]["seal"])
        header["__metadata__"]["seal"] = json.dumps(_tree(facts, rng))
    else:
        header = _tree(header, rng)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def gzipped(data: bytes, rng: random.Random) -> bytes:
    """Gzipped JSON with a wrong value, or far more than fits."""
    if rng.random() < 0.2:
        return damaged(data, rng)
    if rng.random() < 0.05:
        return gzip.compress(b"[" + b" " * 100_000_000, 1)
    return gzip.compress(json_text(gzip.decompress(data), rng))


def picture(data: bytes, rng: random.Random) -> bytes:
    """A picture with broken bytes, or (PNG) with a header that claims another size."""
    if not data.startswith(b"\x89PNG") or rng.random() < 0.6:
        return damaged(data, rng)
    head = bytearray(data[12:29])
    at = rng.choice((4, 8))
    head[at : at + 4] = rng.choice((0, 1, 70_000, 2**31 - 1)).to_bytes(4, "big")
    if rng.random() < 0.3:
        head[12 + rng.randrange(2)] = rng.randrange(17)
    return data[:12] + bytes(head) + struct.pack(">I", zlib.crc32(head)) + data[33:]


_BY_ENDING: tuple[tuple[tuple[str, ...], Mutator], ...] = (
    ((".npz",), npz),
    ((".json.gz",), gzipped),
    ((".json", ".gltf"), json_text),
    ((".yaml",), yaml_text),
    ((".glb",), glb),
    ((".safetensors",), safetensors),
    ((".png", ".jpg"), picture),
    ((".world", ".sdf", ".dae", ".config"), xml_text),
    ((".txt", ".mtl", ".obj", ".off", ".material"), plain_text),
)


def mutated(name: str, data: bytes, rng: random.Random) -> bytes:
    """A file after damage that fits its kind, by the ending of its name."""
    way = next((way for endings, way in _BY_ENDING if name.lower().endswith(endings)), damaged)
    return way(data, rng)
