# SPDX-License-Identifier: Apache-2.0
"""Beds of any make, made or unmade, head towards -x.

Not among them are what test homes keep for themselves: headboards end in a straight line (no arch), no post rises above
a headboard or footboard, and there is one level to lie on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from seal_perception.types import FloatArray
from sim_bridge.catalogue.shapes.parts import Stand, another, bumps, finish, four_legs, frame_of, slab, tufted
from sim_bridge.furniture.draw import Draw
from sim_bridge.geometry.mesh import Material, Mesh
from sim_bridge.modelling.shapes import box, box_between, cushion, merge, move, pillow, rod, sheet, turn


@dataclass(frozen=True)
class Form:
    """Mattress and what is below it, metres; `frame` is the bed's, `linen` the sheet's material."""

    length: float
    width: float
    base: float
    thick: float
    frame: Material
    linen: Material

    @property
    def top(self) -> float:
        """Height of the mattress."""
        return self.base + self.thick


def _pale(d: Draw) -> Material:
    white = (d.uniform(0.75, 0.98), d.uniform(0.75, 0.97), d.uniform(0.7, 0.97))
    return d.material("fabric", white if d.chance(0.6) else None)


def _form(d: Draw) -> Form:
    base = d.uniform(0.0, 0.08) if d.chance(0.12) else d.uniform(0.1, 0.5)
    frame = d.cover() if d.chance(0.3) else frame_of(d)
    return Form(
        length=d.uniform(1.75, 2.12) if d.chance(0.9) else d.uniform(1.3, 1.7),
        width=d.pick((d.uniform(0.68, 1.05), d.uniform(1.0, 1.5), d.uniform(1.35, 1.85), d.uniform(1.6, 2.05))),
        base=base,
        thick=min(d.uniform(0.1, 0.38), 0.8 - base),
        frame=frame,
        linen=_pale(d),
    )


def _blocks(d: Draw, f: Form) -> list[Mesh]:
    """A solid base, padded or of wood, down to the floor, on feet or on a plinth, perhaps with drawers."""
    gap, over = d.uniform(0.0, min(0.18, f.base * 0.6)) if d.chance(0.6) else 0.0, d.uniform(-0.02, 0.14)
    long, wide = f.length + over, f.width + over
    rim = d.uniform(0.0, min(0.16, f.thick * 0.6)) if over > 0.03 else 0.0
    body = slab(d, (long, wide, f.base - gap + rim), (0, 0, (f.base + gap + rim) / 2), f.frame)
    parts = [body]
    if gap > 0.03:
        inset = d.uniform(0.0, 0.25)
        if d.chance(0.5):
            parts += four_legs(d, Stand(long - inset, wide - inset, gap + 0.02), frame_of(d), d.uniform(0.03, 0.08))
        else:
            parts.append(box((long - inset - 0.1, wide - inset - 0.1, gap), (0, 0, gap / 2), f.frame))
    if f.base - gap > 0.18 and d.chance(0.35):
        front, count = another(d, f.frame, lambda: frame_of(d), 0.3), d.integer(1, 4)
        knob = d.material("metal")
        for s in (-1, 1):
            for i in range(count):
                x = ((i + 0.5) / count - 0.5) * long * 0.96
                z = (f.base + gap) / 2
                size = (long / count * 0.9, 0.015, (f.base - gap) * 0.75)
                parts += [box(size, (x, s * (wide / 2 + 0.006), z), front),
                          box((0.1, 0.03, 0.014), (x, s * (wide / 2 + 0.015), z + 0.03), knob)]  # fmt: skip
    return parts


def _rails(d: Draw, f: Form) -> list[Mesh]:
    """An open frame: side rails on legs, slats or a net below the mattress."""
    rail, out = d.uniform(0.03, 0.2), d.uniform(0.0, 0.08)
    high = d.uniform(0.0, 0.06)
    z = f.base - rail / 2 + high
    parts = [box((f.length + 2 * out, 0.028, rail), (0, s * (f.width / 2 + out), z), f.frame) for s in (-1, 1)]
    parts += [box((0.028, f.width + 2 * out, rail), (s * (f.length / 2 + out), 0, z), f.frame) for s in (-1, 1)]
    parts.append(box((f.length, f.width, 0.02), (0, 0, f.base - 0.012), f.frame))
    stand = Stand(f.length + out, f.width + out, max(f.base - 0.01, 0.05))
    return parts + four_legs(d, stand, f.frame, d.uniform(0.02, 0.09))


def _camp(d: Draw, f: Form) -> list[Mesh]:
    """A folding cot: crossed legs below two long bars."""
    r, parts = d.uniform(0.01, 0.022), []
    for x in np.linspace(-0.42, 0.42, d.integer(2, 4)) * f.length:
        for s in (-1, 1):
            parts.append(rod((x, s * f.width * 0.45, 0), (x, -s * f.width * 0.48, f.base), r, f.frame, sides=6))
    for s in (-1, 1):
        side = [(e * f.length / 2, s * f.width * 0.49, f.base) for e in (-1, 1)]
        parts.append(rod(side[0], side[1], r, f.frame, sides=6))
    return parts


def _board(d: Draw, width: float, high: float, low: float, frame: Material) -> Mesh:
    """A head- or footboard that stands at x = 0 with a straight upper edge; it reaches from `low` up to `high`."""
    kind, thick, r = d.integer(0, 6), d.uniform(0.02, 0.14), d.uniform(0.006, 0.025)
    if kind == 0:
        return box((thick, width, high - low), (0, 0, (high + low) / 2), frame)
    if kind == 1:
        return cushion((thick + 0.03, width, high - low), (0, 0, (high + low) / 2), d.cover(), d.uniform(8, 18))
    if kind == 2:
        cells = (1, d.integer(3, 14)) if d.chance(0.5) else (d.integer(2, 5), d.integer(3, 10))
        return move(tufted(d, (0.08 + 0.4 * thick, width, high - low), cells, d.cover()), -0.03, 0, low)
    if kind == 3:
        n = d.integer(2, 5)
        each = [(thick, width / n * 0.985, high - low) for _ in range(n)]
        cover = another(d, frame, d.cover, 0.6)
        return merge(
            [cushion(s, (0, ((i + 0.5) / n - 0.5) * width, (high + low) / 2), cover, 9) for i, s in enumerate(each)]
        )
    posts = [
        rod((0, s * width / 2, 0), (0, s * width / 2, high), r + 0.014, frame, sides=d.pick((4, 8))) for s in (-1, 1)
    ]
    crest = d.uniform(0.02, 0.14)
    parts = [*posts, box((0.03, width, crest), (0, 0, high - crest / 2), frame)]
    start = low + d.uniform(0.0, 0.5) * (high - low)
    if kind == 4:
        parts.append(box((0.025, width, 0.03), (0, 0, start), frame))
        at = np.linspace(-0.5, 0.5, d.integer(4, 18)) * width
        parts += [rod((0, float(y), start), (0, float(y), high - crest / 2), r, frame, sides=5) for y in at[1:-1]]
    else:
        n = d.integer(1, 5)
        pitch = (high - crest - start) / n
        parts += [
            box((0.02, width, pitch * d.uniform(0.3, 0.9)), (0, 0, start + (i + 0.5) * pitch), frame) for i in range(n)
        ]
    return merge(parts)


def _boards(d: Draw, f: Form) -> list[Mesh]:
    """Headboard, footboard, both or neither; a headboard may lean or be broader than the bed."""
    parts, bare = [], another(d, f.frame, lambda: frame_of(d), 0.2)
    if d.chance(0.8):
        wide, high = f.width + d.pick((0.0, 0.05, 0.12, d.uniform(0.1, 0.7))), f.top + d.uniform(0.12, 0.85)
        head = _board(d, wide, high, d.uniform(0.0, f.base), bare)
        if d.chance(0.25):
            head = turn(head, "y", -d.uniform(0.03, 0.2), (0, 0, f.base))
        parts.append(move(head, -f.length / 2 - 0.07))
        if d.chance(0.12):
            shelf = (-f.length / 2 - 0.34, -wide / 2, 0.0), (-f.length / 2 - 0.1, wide / 2, high - d.uniform(0.0, 0.2))
            parts.append(box_between(*shelf, bare))
    if d.chance(0.35):
        high = f.base + d.uniform(0.03, f.thick + 0.2)
        parts.append(move(_board(d, f.width + 0.06, high, d.uniform(0.0, f.base * 0.6), bare), f.length / 2 + 0.07))
    if f.width < 1.15 and d.chance(0.12):  # a day bed: a board along one side
        side = turn(_board(d, f.length, f.top + d.uniform(0.15, 0.4), 0.05, bare), "z", math.pi / 2)
        parts.append(move(side, 0, d.pick((-1, 1)) * (f.width / 2 + 0.08)))
    return parts


def _cover_sheet(d: Draw, f: Form, start: float, end: float, hang: float) -> FloatArray:
    """(16, 18, 3) points of a cover that lies between two x and hangs over both sides."""
    y = np.concatenate([[-1.0, -1.0, -0.985], np.linspace(-0.92, 0.92, 12), [0.985, 1.0, 1.0]])
    fall = np.concatenate([[hang, hang * 0.5, 0.03], np.zeros(12), [0.03, hang * 0.5, hang]])
    x = np.linspace(start, end, 16)
    rough = d.uniform(0.002, 0.03) if d.chance(0.7) else d.uniform(0.03, 0.06)
    z = f.top + d.uniform(0.012, 0.06) + 0.5 * rough - fall[None, :] + np.maximum(bumps(d, 16, 18, rough), -rough)
    z = np.where(fall[None, :] > 0.05, z, np.maximum(z, f.top + 0.006))
    side = y[None, :] * (f.width / 2 + 0.02) + np.sign(y) * np.abs(bumps(d, 16, 18, 0.3 * rough)) * (fall > 0)
    skew = d.uniform(-0.12, 0.12) * y[None, :] if d.chance(0.4) else 0.0
    grid = np.stack(np.broadcast_arrays(x[:, None] + skew, side, np.maximum(z, 0.015)), -1).copy()
    return grid


def _duvet(d: Draw, f: Form) -> list[Mesh]:
    """A cover that lies straight, half turned back, crumpled in a heap or rolled at the foot."""
    cover, hang = (_pale(d) if d.chance(0.5) else d.material("fabric")), d.uniform(0.03, f.thick + 0.2)
    hang = min(hang, f.top - 0.02)
    kind = d.rng.random()
    if kind < 0.62:
        start, end = -f.length / 2 + d.uniform(0.02, 0.95), f.length / 2 + 0.025
        grid = _cover_sheet(d, f, start, end, hang)
        last = grid[-1:].copy()
        last[..., 2] = np.maximum(last[..., 2] - hang, 0.015)
        last[..., 0] += 0.012
        lip = grid[:1].copy()
        lip[..., 2] = np.minimum(lip[..., 2], f.top)
        parts = [sheet(np.concatenate([lip, grid, last]), cover)]
        if d.chance(0.4):
            fold = d.uniform(0.1, 0.5)
            size = (fold, f.width + 0.05, d.uniform(0.03, 0.09))
            parts.append(
                cushion(size, (start + fold / 2, 0, f.top + 0.06), another(d, cover, lambda: _pale(d), 0.6), 7)
            )
        return parts
    if kind < 0.9:
        return [_heap(d, f, cover)]
    roll = d.uniform(0.12, 0.2)
    return [cushion((roll * 2, f.width * 0.98, roll), (f.length / 2 - roll * 1.2, 0, f.top + roll * 0.45), cover, 3)]


def _heap(d: Draw, f: Form, cover: Material) -> Mesh:
    """A cover thrown aside: a hilly patch that ends somewhere on the bed."""
    long, wide = d.uniform(0.4, 0.95) * f.length, d.uniform(0.5, 1.0) * f.width
    u, v = np.linspace(-1, 1, 16)[:, None], np.linspace(-1, 1, 16)[None, :]
    edge = 1 - np.maximum(np.abs(u), np.abs(v)) ** 4
    high = d.uniform(0.06, 0.24)
    z = f.top + 0.004 + edge * np.maximum(0.35 * high + bumps(d, 16, 16, 0.4 * high), 0.02)
    bend = 1 + 0.12 * np.sin(3 * u + d.uniform(0, 6))
    x, y = u * long / 2 * (1 + 0.1 * np.sin(3 * v + d.uniform(0, 6))), v * wide / 2 * bend
    turn_ = d.uniform(-0.5, 0.5)
    c, s = math.cos(turn_), math.sin(turn_)
    px, py = c * x - s * y + d.uniform(-0.1, 0.3) * f.length, s * x + c * y + d.uniform(-0.2, 0.2) * f.width
    over = np.abs(py) > f.width / 2 + 0.01
    z = np.where(over, z - np.minimum((np.abs(py) - f.width / 2) * 2.5 + 0.05, f.top - 0.02), z)
    py = np.clip(py, -f.width / 2 - 0.06, f.width / 2 + 0.06)
    px = np.clip(px, -f.length / 2 + 0.05, f.length / 2 + 0.05)
    return sheet(np.stack([px, py, np.maximum(z, 0.015)], -1), cover)


def _pillows(d: Draw, f: Form) -> list[Mesh]:
    """None to eight, in rows that lean or lie about."""
    count = d.integer(0, 8) if f.width > 1.2 else d.integer(0, 3)
    across = 1 if f.width < 1.15 else d.pick((2, 2, 3))
    tidy, plain, parts = d.chance(0.6), _pale(d), []
    other = d.material("fabric")
    for k in range(count):
        row, column = divmod(k, across)
        wide = min(0.85, f.width / across) * d.uniform(0.72, 0.98) * (1 - 0.12 * row)
        cover = plain if row == 0 or d.chance(0.3) else other
        size = (d.uniform(0.3, 0.52) * (1 - 0.1 * row), wide, d.uniform(0.1, 0.22))
        rest = turn(pillow(size, (0, 0, size[2] / 2), cover), "y", d.uniform(0.0, 1.1) if tidy else d.uniform(0, 0.4))
        rest = turn(rest, "z", d.rng.normal(0, 0.06 if tidy else 0.4))
        side = (column - (across - 1) / 2) * f.width / across + (0 if tidy else d.rng.normal(0, 0.1))
        low = rest.bounds()[0, 2]
        parts.append(move(rest, -f.length / 2 + 0.24 + 0.16 * row, side, f.top - low + 0.01 + 0.01 * row))
    return parts


def _throw(d: Draw, f: Form) -> list[Mesh]:
    """A blanket across the foot."""
    if not d.chance(0.25):
        return []
    start = f.length / 2 - d.uniform(0.35, 0.9)
    end = min(start + d.uniform(0.25, 0.6), f.length / 2 + 0.02)
    grid = _cover_sheet(d, f, start, end, min(d.uniform(0.05, 0.4), f.top - 0.02))
    grid[..., 2] += 0.035
    grid[..., 1] *= 1.015
    return [sheet(grid, d.material("fabric"))]


def bed(d: Draw) -> Mesh:
    """Any bed: a mattress with or without a frame, headboard and bedding."""
    f = _form(d)
    parts: list[Mesh] = []
    if f.base > 0.1:
        make = _camp if f.width < 0.95 and d.chance(0.15) else d.pick((_blocks, _blocks, _rails))
        parts += make(d, f)
        parts += _boards(d, f)
    elif f.base > 0.04:
        parts.append(
            box((f.length + d.uniform(0, 0.5), f.width + d.uniform(0, 0.5), f.base), (0, 0, f.base / 2), f.frame)
        )
    low = f.base if f.base > 0.04 else 0.0
    thick = f.top - low
    if thick > 0.22 and d.chance(0.3):
        split = thick * d.uniform(0.3, 0.6)
        parts.append(cushion((f.length, f.width, split), (0, 0, low + split / 2), d.cover(), 14))
        parts.append(cushion((f.length, f.width, thick - split), (0, 0, (low + split + f.top) / 2), f.linen, 12))
    else:
        parts.append(cushion((f.length, f.width, thick), (0, 0, low + thick / 2), f.linen, d.uniform(8, 16)))
    if d.chance(0.85):
        parts += _duvet(d, f)
    return finish(parts + _pillows(d, f) + _throw(d, f))
