# SPDX-License-Identifier: Apache-2.0
"""Category names of the data sets that Habitat shows, as our six; and the paper's Gibson scenes."""

from __future__ import annotations

from pathlib import Path

import yaml

from seal_perception.categories import CATEGORIES, NO_CATEGORY
from seal_perception.errors import InputError

NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "Gibson": {name: (name,) for name in CATEGORIES},
    "MP3D": {
        "chair": ("chair",),
        "couch": ("sofa",),
        "potted plant": ("plant",),
        "bed": ("bed",),
        "toilet": ("toilet",),
        "tv": ("tv_monitor",),
    },
    "HM3D": {
        "chair": (
            "chair", "armchair", "arm chair", "office chair", "desk chair", "dining chair", "swivel chair",
            "computer chair", "lounge chair", "easy chair", "folding chair", "rocking chair", "patio chair",
            "wooden chair", "sofa chair", "side chair", "accent chair", "recliner", "high chair", "highchair",
        ),
        "couch": ("couch", "sofa", "loveseat", "sofa set", "l-shaped sofa", "l shape sofa", "sectional sofa"),
        "potted plant": (
            "potted plant", "plant", "plants", "house plant", "houseplant", "decorative plant", "artificial plant",
            "plant pot with plant",
        ),
        "bed": ("bed", "double bed", "single bed", "bunk bed"),
        "toilet": ("toilet", "toilet bowl"),
        "tv": ("tv", "television", "tv screen", "flatscreen tv", "monitor", "computer monitor", "computer screen"),
    },
    "Replica": {
        "chair": ("chair",),
        "couch": ("sofa",),
        "potted plant": ("indoor-plant",),
        "bed": ("bed",),
        "toilet": ("toilet",),
        "tv": ("tv-screen", "monitor"),
    },
}  # fmt: skip
"""Names per data set and category of ours. Gibson's semantics (3D Scene Graph) use COCO's names; MP3D those of its 40
classes (also ObjectNav's); HM3D free text, of which these are the usual spellings. Beds for animals, bed sheets,
stools, benches, plant stands, tv stands and the like stay without a category, as in COCO."""

SPLIT_FILE = Path(__file__).parent / "gibson_split.yaml"


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


_INDEX = {
    _plain(name): CATEGORIES.index(ours) for table in NAMES.values() for ours, names in table.items() for name in names
}


def category_index(name: str) -> int:
    """Our category of a data set's name (case, `_` and `-` do not count), -1 where it is none of the six."""
    return _INDEX.get(_plain(name), NO_CATEGORY)


def gibson_split(split: str) -> tuple[str, ...]:
    """Names of the Gibson scenes of SEAL's experiments: 25 for `train`, 5 for `val`.

    Source: the Gibson scenes of SemExp (Chaplot et al. 2020), which SEAL trains and tests on.

    Raises:
        InputError: for another split.
    """
    table = yaml.safe_load(SPLIT_FILE.read_text(encoding="utf-8"))
    if split not in table:
        raise InputError(f"split must be one of {', '.join(table)}, got {split!r}")
    return tuple(table[split])


def gibson_scenes(folder: Path | str, split: str) -> list[str]:
    """The split's scenes in a folder with Gibson's .glb files, as names that `open_simulator` takes.

    Raises:
        InputError: if a scene's file is absent.
    """
    paths = [Path(folder) / f"{name}.glb" for name in gibson_split(split)]
    missing = [path.stem for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of the {len(paths)} Gibson scenes of {split}: {', '.join(missing[:5])}"
            f"{', ...' if len(missing) > 5 else ''}; download gibson_habitat and name its folder of .glb files"
        )
    return [f"habitat:{path}" for path in paths]
