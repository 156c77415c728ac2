# SPDX-License-Identifier: Apache-2.0
"""What weights say about themselves: where their file is, its metadata, its list of categories; read without torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from seal_perception.categories import SIX, CategorySet
from seal_perception.coco.names import require_of_coco
from seal_perception.errors import InputError
from seal_perception.reading.text import load_json, require_file

FORMAT = "seal-detector-1"
_FOLDER = Path(__file__).parents[1] / "weights"
SHIPPED = _FOLDER / "seal_small.safetensors"
SHIPPED_HOMES = _FOLDER / "seal_homes.safetensors"
"""`seal-small` taught by its own labels in the 25 training homes; docs/detector.md says what chose them."""
SHIPPED_NAMES = ("seal-small", "seal-homes")
"""Words that stand for a shipped file."""


def is_coco(weights: str | Path) -> bool:
    """Whether weights are of torchvision or detectron2: "coco", or a file of theirs (.pth, .pkl)."""
    return str(weights) == "coco" or Path(weights).suffix in (".pth", ".pkl")


def resolve_weights(weights: str | Path) -> Path:
    """The file behind "seal-small", "seal-homes" or a path.

    Raises:
        InputError: if there is no such file.
    """
    path = dict(zip(SHIPPED_NAMES, (SHIPPED, SHIPPED_HOMES), strict=True)).get(str(weights), Path(weights))
    if not path.is_file():
        expected = "expected seal-small, seal-homes, coco, a .safetensors file or COCO's .pth"
        raise InputError(f"no weights at {path}; {'`seal pretrain` makes it' if path == SHIPPED else expected}")
    return path


def read_metadata(path: Path | str) -> dict[str, Any]:
    """The facts stored with weights.

    Raises:
        InputError: if the file is no safetensors file or was not written by SEAL.
    """
    path = Path(path)
    with opened(path, "np") as stream:
        stored = (stream.metadata() or {}).get("seal")
    if stored is None:
        raise InputError(f"{path} is a safetensors file that SEAL did not write (no `seal` metadata)")
    facts = load_json(stored, f"{path}: its metadata")
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"{path} must be of format {FORMAT}")
    return facts


def stored_categories(facts: dict[str, Any], path: Path) -> CategorySet:
    """The list in a file's facts.

    Raises:
        InputError: if it has none, or one that is no list of categories.
    """
    try:
        if not isinstance(facts.get("categories"), list):
            raise ValueError(f"categories must be a list of names, got {str(facts.get('categories'))[:60]}")
        return CategorySet(tuple(facts["categories"]))
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} has no usable list of categories: {error}") from error


def categories_of(weights: str | Path, chosen: tuple[str, ...] = ()) -> CategorySet:
    """The list that a detector with these weights looks for.

    Args:
        weights: as of `load_detector`; "none" looks for nothing, its list is the six.
        chosen: names that the user gave, empty = none: any of COCO's 80 for COCO's own weights; of other files only
            their own list.

    Raises:
        InputError: if there is no such file, its list is none, it is not the chosen one, or a chosen name is none of
            COCO's 80.
    """
    try:
        names = CategorySet(chosen) if chosen else None
    except ValueError as error:
        raise InputError(str(error)) from error
    if is_coco(weights) or str(weights) == "none":
        names = names or SIX
        require_of_coco(names)
        return names
    path = resolve_weights(weights)
    own = stored_categories(read_metadata(path), path)
    if names is not None and names != own:
        raise InputError(
            f"{path} is for the categories {own}, not for {names}: a list can be chosen for COCO's own weights "
            "(--weights coco), and `seal finetune --categories` makes a file with another one"
        )
    return own


@contextmanager
def opened(path: Path, framework: str = "pt") -> Iterator[Any]:
    """A safetensors file, its tensors as torch's ("pt") or numpy's ("np").

    Raises:
        InputError: if it is none.
    """
    require_file(path)
    try:
        with safe_open(str(path), framework=framework) as stream:
            yield stream
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not a safetensors file: {str(error)[:200]}") from error
