# SPDX-License-Identifier: Apache-2.0
"""Pictures of any common format become RGB as viewers show them; broken and huge ones are one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seal_perception.errors import InputError
from seal_perception.reading.limits import VARIABLE
from seal_perception.reading.pictures import read_rgb


def gradient(height: int = 40, width: int = 60) -> np.ndarray:
    """Dark on the left, bright on the right; red above."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 1] = np.linspace(0, 250, width).astype(np.uint8)
    rgb[: height // 2, :, 0] = 200
    return rgb


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(gradient()).save(path, **({"quality": 95} if suffix in (".jpg", ".webp") else {}))
    found = read_rgb(path)
    assert found.dtype == np.uint8 and found.flags["C_CONTIGUOUS"]
    assert np.abs(found.astype(int) - gradient()).mean() < (4 if suffix in (".jpg", ".webp") else 1e-9)


@pytest.mark.parametrize(("tag", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_the_exif_orientation_is_honoured_unless_stored_pixels_are_asked_for(
    tmp_path: Path, tag: int, turns: int
) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = tag
    Image.fromarray(gradient()).save(path, exif=exif)
    np.testing.assert_array_equal(read_rgb(path), np.rot90(gradient(), turns))
    np.testing.assert_array_equal(read_rgb(path, turn=False), gradient())


def test_grey_palette_alpha_and_16_bits(tmp_path: Path) -> None:
    grey = gradient()[..., 1]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert (read_rgb(tmp_path / "grey.png") == grey[..., None]).all()
    Image.fromarray(grey.astype(np.uint16) * 256 + 7).save(tmp_path / "deep.png")
    assert (read_rgb(tmp_path / "deep.png") == grey[..., None]).all()
    Image.fromarray(np.dstack([gradient(), np.zeros_like(grey)])).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "alpha.png"), gradient())
    Image.fromarray(gradient()).quantize(16).save(tmp_path / "palette.png")
    assert read_rgb(tmp_path / "palette.png").shape == (40, 60, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_cut_off_picture_is_refused(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    whole, cut = tmp_path / f"whole{suffix}", tmp_path / f"cut{suffix}"
    Image.fromarray(noise).save(whole)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cut\.\w+ (is cut off or broken: \S|is no picture)"):
        read_rgb(cut)


def test_what_is_no_picture_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(InputError, match=r"text\.jpg is no picture: expected PNG"):
        read_rgb(tmp_path / "text.jpg")
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match="is no picture"):
        read_rgb(tmp_path / "empty.png")
    Image.fromarray(np.zeros((1100, 1000, 3), np.uint8)).save(tmp_path / "large.png")
    monkeypatch.setenv(VARIABLE, "picture_megapixels=1")
    with pytest.raises(InputError, match="--limit picture_megapixels=2"):
        read_rgb(tmp_path / "large.png")
