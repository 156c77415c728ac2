# SPDX-License-Identifier: Apache-2.0
"""XML that others wrote: no document types, bounded depth and size, and what Gazebo overlooks is overlooked.

Gazebo's own parser is no strict one. Worlds that people have used for years begin with blank lines, have an `&` in a
description, `--` in a comment, or an `é` in Latin-1. They are mended in memory and read again; nothing is expanded.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from seal_perception.errors import InputError
from seal_perception.reading.limits import DEPTH, limit, require
from sim_bridge.scenes.files import read_bytes
from sim_bridge.scenes.pieces import Notes

_DECLARATION = re.compile(r"<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([\w.-]{1,40})[\"']")
_BARE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_MARK = re.compile(r"<!--|<!\[CDATA\[")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def read_xml(path: Path, notes: Notes) -> ElementTree.Element:
    """Root of an XML file; names keep the prefix that they have in the file.

    Args:
        path: the file.
        notes: receives what was mended.

    Raises:
        InputError: if it is not XML, has a document type, or is nested too deep or too long.
    """
    builder = ElementTree.TreeBuilder()
    data = read_bytes(path)
    mended, _ = checked_xml(data, path, notes)
    _parse(mended, path, builder)
    return builder.close()


def checked_xml(data: bytes, path: Path, notes: Notes) -> tuple[bytes, str]:
    """XML that a parser takes, mended where it must be, and the root's tag.

    Args:
        data: the file.
        path: its path, for errors.
        notes: receives what was mended.

    Raises:
        InputError: if it is not XML, has a document type, or is nested too deep or too long.
    """
    try:
        return data, _parse(data, path)
    except expat.ExpatError as error:
        if data[:100].startswith(b"version https://git-lfs"):
            raise InputError(f"{path} is a Git LFS pointer, not the file itself; run 'git lfs pull'") from error
        first = InputError(f"{path} is not valid XML: {error}")
    mended = _mended(data)
    try:
        tag = _parse(mended, path)
    except expat.ExpatError:
        raise first from None
    notes.add(f"{path.name} is not quite XML ({str(first).rsplit(': ', 1)[-1]}); it was read all the same")
    return mended, tag


def _parse(data: bytes, path: Path, builder: ElementTree.TreeBuilder | None = None) -> str:
    """Walk a document, and build it where a builder is given; returns the root's tag.

    Raises:
        InputError: if it has a document type, an encoding that is not read, or is nested too deep or too long.
        expat.ExpatError: if it is not well-formed.
    """
    most = limit("xml_elements")
    depth = count = 0
    root = ""

    def refuse(*_: object) -> None:
        raise InputError(f"{path} has a document type (<!DOCTYPE>), which scene files do not need; remove it")

    def begin(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count, root
        root = root or tag
        depth, count = depth + 1, count + 1
        if depth > DEPTH:
            raise InputError(f"{path} is nested more than {DEPTH} deep (<{tag[:40]}>); it is broken or no scene")
        if count > most:
            require("xml_elements", count, path)
        if builder is not None:
            builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        if builder is not None:
            builder.end(tag)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    if builder is not None:
        parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
    except (ValueError, LookupError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} has an encoding that is not read ({error}); save it as UTF-8") from error
    return root


def _mended(data: bytes) -> bytes:
    """The document in UTF-8 without what a strict parser stumbles over."""
    named = _ENCODING.search(data[:1000])
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16" if wide else named[1].decode() if named else "utf-8")
    except (ValueError, LookupError):
        text = data.decode("cp1252", errors="replace")
    out = []
    for kept, part in _outside_comments(_DECLARATION.sub("", text)):
        out.append(part if kept else _BARE.sub("&amp;", part))
    return _CONTROLS.sub("", "".join(out)).strip("\ufeff \t\r\n").encode("utf-8", errors="replace")


def _outside_comments(text: str) -> list[tuple[bool, str]]:
    """The text without its comments, in parts; True where a part is CDATA, which is kept to the letter."""
    out, at = [], 0
    while (found := _MARK.search(text, at)) is not None:
        out.append((False, text[at : found.start()]))
        close = text.find("-->" if found[0] == "<!--" else "]]>", found.end())
        if close < 0:
            return [*out, (False, text[found.start() :])]
        if found[0] != "<!--":
            out.append((True, text[found.start() : close + 3]))
        at = close + 3
    return [*out, (False, text[at:])]
