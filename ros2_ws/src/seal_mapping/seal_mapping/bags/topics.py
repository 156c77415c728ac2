# SPDX-License-Identifier: Apache-2.0
"""Which of a bag's topics are colour, depth and camera info: by type, by their first messages, by name.

The rankings below are the ones in docs/bags.md; a line reports each choice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from seal_mapping.bags import decode as bd
from seal_mapping.bags.entry import Topic
from seal_mapping.bags.index import BagIndex, CameraInfos, PictureIndex
from seal_mapping.bags.options import BagOptions
from seal_mapping.geometry.conventions import same_view
from seal_perception import messages as m
from seal_perception.camera import Camera
from seal_perception.errors import InputError

COLOUR_NAMES = (
    r"(^|/)(color|colour|rgb)/image_rect(_color|_colour)?$",
    rf"(^|/){m.COLOUR}$",
    r"(^|/)(color|colour|rgb)/image(_raw|_color|_colour)?$",
    r"color|colour|rgb",
    r"(^|/)left(/|_|$)",
    r"image",
)
"""Names of colour topics, best first; names are compared without a final /compressed."""
DEPTH_NAMES = (
    r"aligned_depth_to_(color|colour|rgb)",
    r"depth_registered|depth_to_(color|colour|rgb)|registered",
    rf"(^|/){m.DEPTH}$",
    r"depth/image",
    r"depth",
)
"""Names of depth topics, best first; names are compared without a final /compressed or /compressedDepth."""
NO_COLOUR = re.compile(
    r"depth|disparity|infra|thermal|mask|overlay|scores|semantic|label|truth|debug|confidence|(^|[/_])ir([/_]|$)"
)
"""Parts of names that are never taken for colour unless the user names the topic."""
ELSEWHERE = 3
"""`registration` of depth that does not belong to colour."""
_PACKED = re.compile(r"/(compressed|compressedDepth)$")


@dataclass(frozen=True)
class Choice:
    """The topics of pictures that a bag is read from."""

    colour: PictureIndex
    depth: PictureIndex
    lines: tuple[str, ...]


def base_name(topic: str) -> str:
    """Name of a picture's topic without what image_transport puts behind it."""
    return _PACKED.sub("", "/" + topic.lstrip("/"))


def rank(name: str, table: tuple[str, ...]) -> int:
    """Place of a name in a ranking: of the first pattern that it matches."""
    return next((i for i, pattern in enumerate(table) if re.search(pattern, name.lower())), len(table))


def is_depth(topic: Topic, kind: bd.PictureKind) -> bool:
    """Whether pictures can be depth, by encoding first, by name where that is ambiguous."""
    if kind.compressed:
        packed = "compresseddepth" in (kind.encoding + topic.name).lower()
        return packed or ("depth" in topic.name.lower() and ("png" in kind.encoding or "16UC1" in kind.encoding))
    if kind.encoding == "mono16":
        return "depth" in topic.name.lower()
    return kind.encoding in m.DEPTH_ENCODINGS


def is_colour(topic: Topic, kind: bd.PictureKind) -> bool:
    """Whether pictures can be colour."""
    if NO_COLOUR.search(base_name(topic.name).lower()):
        return False
    return not is_depth(topic, kind) if kind.compressed else kind.encoding in m.COLOUR_ENCODINGS


def matches(topic: str, given: str) -> bool:
    """Whether a topic is the one that the user gave in full, or by its last parts."""
    tail = "/" + given.strip("/")
    return ("/" + topic.lstrip("/")).endswith(tail)


def named(topics: list[str], given: str, what: str, index: BagIndex) -> list[str]:
    """The topics among some that the user's name fits: the exact one, else by last parts, else its compressed form.

    Raises:
        InputError: if there is none.
    """
    exact = [t for t in topics if t.lstrip("/") == given.lstrip("/")]
    found = exact or [t for t in topics if matches(t, given)] or [t for t in topics if matches(base_name(t), given)]
    if not found:
        raise InputError(
            f"the bag {index.store.path} has no topic {given} with {what} messages; it has {index.listing()}"
        )
    return found


def _shared_parts(a: str, b: str) -> int:
    """How many first parts of two names are the same."""
    count = 0
    for one, other in zip(a.strip("/").split("/")[:-1], b.strip("/").split("/")[:-1], strict=False):
        if one != other:
            break
        count += 1
    return count


def registration(colour: bd.PictureKind, depth: bd.PictureKind) -> int:
    """0: depth has colour's frame and size; 1: frame, size unknown; 2: frame, view in another size; 3: it has not."""
    if colour.frame_id != depth.frame_id:
        return ELSEWHERE
    if 0 in (colour.width, depth.width):
        return 1
    sizes = (colour.width, colour.height), (depth.width, depth.height)
    return 0 if sizes[0] == sizes[1] else 2 if same_view(*sizes) else ELSEWHERE


def _pair_key(colour: PictureIndex, depth: PictureIndex) -> tuple[object, ...]:
    """What a pair of topics is ranked by; the smallest wins."""
    a, b = base_name(colour.topic.name), base_name(depth.topic.name)
    return (
        registration(colour.usual, depth.usual),
        rank(a, COLOUR_NAMES),
        rank(b, DEPTH_NAMES),
        -_shared_parts(a, b),
        colour.usual.compressed,
        depth.usual.compressed,
        len(colour.topic.name) + len(depth.topic.name),
        colour.topic.name,
        depth.topic.name,
    )


def choose_pictures(index: BagIndex, options: BagOptions) -> Choice:
    """The pair of colour and depth topics that ranks best.

    Raises:
        InputError: if there is none; the text lists the bag's topics.
    """
    pictures = [p for p in index.pictures.values() if len(p)]
    colours = _colours(index, options)
    if options.depth:
        names = named([p.topic.name for p in pictures], options.depth, "Image or CompressedImage", index)
        depths = [p for p in pictures if p.topic.name in names]
    else:
        depths = [p for p in pictures if is_depth(p.topic, p.usual)]
    lacking = [word for word, found in (("colour", colours), ("depth", depths)) if not found]
    if lacking:
        wrong = [f"{p.topic.name} is {p.usual.encoding!r}" for p in pictures if p not in colours + depths]
        raise InputError(
            f"the bag {index.store.path} has no frame with colour, depth, camera info and a pose: it has no "
            f"{' and no '.join(lacking)} pictures{' (' + ', '.join(wrong[:6]) + ')' if wrong else ''}; "
            f"it has {index.listing()}"
        )
    pairs = [(c, d) for c in colours for d in depths if c is not d]
    if not pairs:
        raise InputError(f"the bag {index.store.path}: colour and depth must be two topics, got {options.colour} twice")
    colour, depth = min(pairs, key=lambda pair: _pair_key(*pair))
    lines = [
        _line("colour", colour, [c for c in colours if c is not colour]),
        _line("depth", depth, [d for d in depths if d is not depth]),
    ]
    a, b = colour.usual, depth.usual
    if 0 not in (a.width, b.width) and (a.width, a.height) != (b.width, b.height):
        lines.append(
            f"depth is {b.width} x {b.height}, colour {a.width} x {a.height}: taken for the same view, each colour "
            "pixel has the depth of the nearest depth pixel"
        )
    return Choice(colour, depth, tuple(lines))


def choose_colour(index: BagIndex, options: BagOptions) -> tuple[PictureIndex, str]:
    """The colour topic that ranks best by itself, where there is no depth to go with it, and the line that reports it.

    Raises:
        InputError: if there is none; the text lists the bag's topics.
    """
    colours = _colours(index, options)
    if not colours:
        raise InputError(f"the bag {index.store.path} has no colour pictures; it has {index.listing()}")
    best = min(colours, key=lambda c: (rank(base_name(c.topic.name), COLOUR_NAMES), c.usual.compressed, c.topic.name))
    return best, _line("colour", best, [c for c in colours if c is not best])


def _colours(index: BagIndex, options: BagOptions) -> list[PictureIndex]:
    """The topics that can be colour; those that the user names, if one is named."""
    pictures = [p for p in index.pictures.values() if len(p)]
    if options.colour:
        names = named([p.topic.name for p in pictures], options.colour, "Image or CompressedImage", index)
        return [p for p in pictures if p.topic.name in names]
    return [p for p in pictures if is_colour(p.topic, p.usual)]


def _line(what: str, chosen: PictureIndex, others: list[PictureIndex]) -> str:
    kind = chosen.usual
    size = f"{kind.width} x {kind.height} " if kind.width else ""
    also = f"; also there: {', '.join(sorted(p.topic.name for p in others))}" if others else ""
    return (
        f"{what}: {chosen.topic.name} ({chosen.topic.msgtype}, {size}{kind.encoding}, frame {kind.frame_id!r}, "
        f"{len(chosen)} pictures){also}"
    )


def choose_info(index: BagIndex, options: BagOptions, choice: Choice) -> tuple[CameraInfos, str]:
    """The CameraInfo of the colour camera, and the line that reports it.

    The one beside the colour topic; else one of colour's frame and size; else one beside registered depth; else the
    only one of colour's size.

    Raises:
        InputError: if there is none; the text names what is missing.
    """
    usable = [i for i in index.infos.values() if i.cameras]
    if options.camera_info:
        names = named(list(index.infos), options.camera_info, "CameraInfo", index)
        wanted = [index.infos[name] for name in names]
        if not any(i.cameras for i in wanted):
            raise InputError(f"the bag {index.store.path}: {names[0]} cannot be used: {wanted[0].problem}")
        chosen = next(i for i in wanted if i.cameras)
        return chosen, f"camera info: {chosen.topic.name} (as given)"
    colour, depth = choice.colour, choice.depth
    folder = base_name(colour.topic.name).rsplit("/", 1)[0]
    beside = f"{folder}/camera_info"
    kind = colour.usual

    def fits(infos: CameraInfos) -> bool:
        camera = infos.cameras[0]
        if infos.unsized:
            return kind.width > 0 and 0 < camera.cx < kind.width - 1 and 0 < camera.cy < kind.height - 1
        return kind.width == 0 or (camera.width, camera.height) == (kind.width, kind.height)

    depth_folder = base_name(depth.topic.name).rsplit("/", 1)[0]
    ways = (
        ([i for i in usable if "/" + i.topic.name.lstrip("/") == beside], "beside colour"),
        ([i for i in usable if i.frame_id == kind.frame_id and fits(i)], "of colour's frame and size"),
        ([i for i in usable if i.topic.name.endswith(f"{depth_folder}/camera_info") and fits(i)], "beside depth"),
        ([i for i in usable if fits(i)], "the only one of colour's size"),
    )
    for found, why in ways:
        if found and (len(found) == 1 or not why.startswith("the only")):
            chosen = min(found, key=lambda i: (rank(i.topic.name, COLOUR_NAMES), len(i.topic.name), i.topic.name))
            return chosen, f"camera info: {chosen.topic.name} ({why})"
    broken = [f"{i.topic.name}: {i.problem}" for i in index.infos.values() if not i.cameras]
    raise InputError(
        f"the bag {index.store.path} has no frame with colour, depth, camera info and a pose: it has no usable camera "
        f"info {beside}{' (' + '; '.join(broken) + ')' if broken else ''}; name the topic, or give the camera's "
        f"intrinsics; it has {index.listing()}"
    )


def uses_projection(colour_topic: str) -> bool:
    """Whether pictures are rectified ones, whose intrinsics are P and not K."""
    return "rect" in base_name(colour_topic).rsplit("/", 1)[-1]


def camera_lines(infos: CameraInfos, camera: Camera, colour_topic: str) -> list[str]:
    """Lines that report the intrinsics."""
    lines = []
    if uses_projection(colour_topic):
        lines.append("intrinsics: P of the camera info, because the colour pictures are rectified (image_rect)")
    elif infos.distorted:
        lines.append(
            "warning: the camera info has lens distortion (d is not zero) and the pictures are raw: they are taken as "
            "rectified; rectify them before (image_proc) if the lens bends visibly"
        )
    across, down = camera.cx / camera.width, camera.cy / camera.height
    if not (0.25 < across < 0.75 and 0.25 < down < 0.75):
        lines.append(
            f"warning: the principal point ({camera.cx:g}, {camera.cy:g}) is far from the middle of {camera.width} x "
            f"{camera.height}: is K that of another size? camera=width,height,fx,fy,cx,cy overrides"
        )
    lines.append(
        f"camera: {camera.width} x {camera.height}, fx {camera.fx:.2f} fy {camera.fy:.2f} cx {camera.cx:.2f} "
        f"cy {camera.cy:.2f}"
    )
    return lines
