# SPDX-License-Identifier: Apache-2.0
"""What lenses, sensors, telephones, scanners and the internet make of a picture."""

from __future__ import annotations

import cv2
import numpy as np

from seal_perception.camera import Camera
from seal_perception.types import Float32Array, UInt8Array
from sim_bridge.catalogue.lighting import flash

Image = Float32Array
"""(H, W, 3) in 0..1."""


def _gains(rng: np.random.Generator, sigma: float) -> Image:
    return np.exp(rng.normal(0, sigma, 3)).astype(np.float32)


def _blurred(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def _metered(image: Image, rng: np.random.Generator) -> Image:
    """Exposed as cameras do by themselves: what is very dark is brightened, what is very bright is darkened."""
    mean = float(image.mean())
    gain = float(np.clip(rng.uniform(0.3, 0.6) / max(mean, 0.02), 0.6, 4.0)) ** rng.uniform(0.5, 1.0)
    return image * np.float32(gain if mean < 0.22 or mean > 0.7 else 1.0)


def _defocused(image: Image, depth: Float32Array, rng: np.random.Generator) -> Image:
    """Sharp at one distance, blurred before and behind it."""
    seen = depth[depth > 0]
    if not seen.size:
        return image
    inverse = np.where(depth > 0, 1.0 / np.maximum(depth, 0.2), 0.02)
    focus = 1.0 / float(np.quantile(seen, rng.uniform(0.05, 0.9)))
    out, strength = image, rng.uniform(3.0, 12.0)
    amount = np.abs(inverse - focus) * strength
    for sigma in (0.8, 1.7, 3.2):
        weight = np.clip(amount - sigma / 1.6, 0, 1)[..., None].astype(np.float32)
        out = out + (_blurred(image, sigma) - out) * weight
    return out


def _shaken(image: Image, rng: np.random.Generator) -> Image:
    """Motion blur along a line."""
    n = int(rng.integers(2, 6))
    kernel = np.zeros((2 * n + 1, 2 * n + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    tip = int(round(n * np.cos(angle))), int(round(n * np.sin(angle)))
    cv2.line(kernel, (n - tip[0], n - tip[1]), (n + tip[0], n + tip[1]), 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT), np.float32)


def _lens(image: Image, depth: Float32Array, rng: np.random.Generator) -> Image:
    """Defocus, shake, softness, bloom of what is bright, vignette."""
    if rng.random() < 0.1:
        image = _defocused(image, depth, rng)
    draw = rng.random()
    if draw < 0.06:
        image = _shaken(image, rng)
    elif draw < 0.32:
        image = _blurred(image, rng.uniform(0.4, 1.3))
    if rng.random() < 0.15:
        image = image + np.float32(rng.uniform(0.2, 0.9)) * _blurred(
            np.maximum(image - 0.85, 0) * 4, rng.uniform(3, 12)
        )
    if rng.random() < 0.25:
        v, u = np.mgrid[-1 : 1 : image.shape[0] * 1j, -1 : 1 : image.shape[1] * 1j]  # type: ignore[misc]
        image = image * (1 - rng.uniform(0.05, 0.4) * (u**2 + v**2) / 2)[..., None].astype(np.float32)
    return image


def _colours(image: Image, rng: np.random.Generator) -> Image:
    """White balance (mixed now and then), exposure, tone curve, saturation; black and white or sepia by chance."""
    image = image * _gains(rng, 0.05 if rng.random() < 0.85 else 0.16)
    if rng.random() < 0.08:
        ramp = np.linspace(0, 1, image.shape[1], dtype=np.float32)[None, :, None]
        image = image * (ramp * _gains(rng, 0.14) + (1 - ramp) * _gains(rng, 0.14))
    image = image * np.float32(np.exp(rng.normal(0, 0.1 if rng.random() < 0.85 else 0.4)))
    image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.18)))
    draw = rng.random()
    saturation = 0.0 if draw < 0.06 else np.exp(rng.normal(-0.4, 0.2)) if draw < 0.16 else np.exp(rng.normal(0, 0.22))
    grey = image.mean(2, keepdims=True)
    image = grey + (image - grey) * np.float32(saturation)
    if draw < 0.025:
        image = image * np.array([1.08, 0.95, 0.75], np.float32)
    image = 0.45 + (image - 0.45) * np.float32(np.exp(rng.normal(0, 0.15))) + np.float32(rng.normal(0, 0.03))
    if rng.random() < 0.05:
        image = 0.12 + 0.8 * image  # faded print
    return image


def _processed(image: Image, rng: np.random.Generator) -> Image:
    """Sharpening halos, local contrast as of HDR, and enlargement of small pictures."""
    draw = rng.random()
    if draw < 0.16:
        image = image + np.float32(rng.uniform(0.3, 1.4)) * (image - _blurred(image, rng.uniform(0.6, 1.6)))
    elif draw < 0.22:
        image = image + np.float32(rng.uniform(0.3, 0.9)) * (image - _blurred(image, rng.uniform(8, 24)))
    if rng.random() < 0.07:
        height, width = image.shape[:2]
        scale = rng.uniform(0.3, 0.75)
        small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
        how = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
        image = np.asarray(cv2.resize(small, (width, height), interpolation=how), np.float32)
    return image


def _grain(image: Image, rng: np.random.Generator) -> Image:
    sigma = rng.uniform(0.003, 0.03) if rng.random() < 0.85 else rng.uniform(0.03, 0.08)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    if rng.random() < 0.4:
        noise = np.repeat(noise[..., :1], 3, 2) + 0.3 * noise
    return image + np.float32(sigma) * noise


def _levels(image: Image) -> UInt8Array:
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _compressed(rgb: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    quality = int(rng.integers(40, 95) if rng.random() < 0.85 else rng.integers(12, 40))
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def develop(rgb: UInt8Array, depth: Float32Array, camera: Camera, plain: bool, rng: np.random.Generator) -> UInt8Array:
    """A picture (H, W, 3) as it reaches the internet; `plain` ones stay nearly as a simulator's camera gives them."""
    image = rgb.astype(np.float32) / np.float32(255.0)
    if plain:
        if rng.random() < 0.5:
            return rgb
        return _levels(_grain(image * _gains(rng, 0.02), rng) if rng.random() < 0.5 else image * _gains(rng, 0.03))
    if rng.random() < 0.12:
        image = flash(image, depth, camera, rng)
    if rng.random() < 0.8:
        image = _metered(image, rng)
    image = _processed(_colours(_lens(image, depth, rng), rng), rng)
    if rng.random() < 0.6:
        image = _grain(image, rng)
    out = _levels(image)
    return _compressed(out, rng) if rng.random() < 0.45 else out
