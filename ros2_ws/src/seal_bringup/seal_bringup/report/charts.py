# SPDX-License-Identifier: Apache-2.0
"""Small charts as inline SVG that stretch with the page: text keeps its size, colours come from the style sheet."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from seal_bringup.report.figures import fixed, interval, ordered_rows, row_text
from seal_bringup.report.run_folder import as_dict, number, numbers


@dataclass(frozen=True)
class Axis:
    """A linear axis from `low` to `high` with ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> float:
        """Place of a value in percent of the axis."""
        return round(100.0 * (value - self.low) / (self.high - self.low), 3)


def nice_axis(high: float, low: float = 0.0, count: int = 4) -> Axis:
    """Axis from a round number below `low` to a round number above `high`, about `count` round steps."""
    span = max(high - low, 1e-9)
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return Axis(first * step, last * step, tuple(round(i * step, 10) for i in range(first, last + 1)))


def grouped(value: float, decimals: int) -> str:
    """A number with fixed decimals; thousands set apart from 10 000 on."""
    text = f"{value:,.{decimals}f}".replace(",", "\u202f" if abs(value) >= 10_000 else "")
    return text.replace("-", "\u2212")


def _tick_text(value: float) -> str:
    return grouped(value, 0) if value == int(value) else f"{value:g}"


def _dot_row(axis: Axis, row: dict[str, Any], y: dict[str, str]) -> str:
    parts = []
    for metric in ("box", "mask"):
        value, span = number(row.get(f"{metric}_ap50")), numbers(row.get(f"{metric}_ap50_interval"), 2)
        if span is not None:
            a, b = axis.percent(span[0]), axis.percent(span[1])
            parts.append(
                f'<line class="{metric}" x1="{a}%" x2="{b}%" y1="{y[metric]}" y2="{y[metric]}">'
                f"<title>{metric} AP50, 95 % interval {interval(span)}</title></line>"
            )
        if value is not None:
            parts.append(
                f'<circle class="{metric}" cx="{axis.percent(value)}%" cy="{y[metric]}" r="5.5">'
                f"<title>{metric} AP50 {fixed(value)}</title></circle>"
            )
    return "".join(parts)


def dot_plot(rows: dict[str, Any]) -> Markup:
    """Box (filled) and mask (hollow) AP50 of every row with its interval; a dashed line at the start."""
    table = ordered_rows(rows)
    tops = [0.0]
    for _, row in table:
        for metric in ("box", "mask"):
            tops += [number(row.get(f"{metric}_ap50")) or 0.0, *(numbers(row.get(f"{metric}_ap50_interval"), 2) or [])]
    if max(tops) <= 0.0:
        return Markup("")
    axis = nice_axis(max(tops))
    start = number(as_dict(rows.get("pretrained")).get("box_ap50"))
    grid = "".join(f'<line class="grid" x1="{p}%" x2="{p}%" y1="0" y2="100%"/>' for p in map(axis.percent, axis.ticks))
    if start is not None:
        p = axis.percent(start)
        grid += f'<line class="start" x1="{p}%" x2="{p}%" y1="0" y2="100%"/>'
    lines = []
    for key, row in table:
        text = row_text(key)
        dots = _dot_row(axis, row, {"box": "15", "mask": "29"})
        value = fixed(row.get("box_ap50"))
        lines.append(
            f'<div class="dots-row {escape(text.role)} {"main" if key == "label_prop" else ""}">'
            f'<span class="dots-name">{escape(text.title)}</span>'
            f'<svg class="dots-track" height="44" role="img" aria-label="{escape(text.title)}: box AP50 {value}">'
            f"{grid}{dots}</svg></div>"
        )
    ticks = "".join(f'<span style="left:{axis.percent(t)}%">{_tick_text(t)}</span>' for t in axis.ticks)
    lines.append(f'<div class="dots-row dots-axis"><span></span><div class="ticks">{ticks}</div></div>')
    return Markup(f'<div class="dots">{"".join(lines)}</div>')


def line_chart(x: list[float], y: list[float], title: str, unit: str, decimals: int = 0) -> Markup:
    """A filled curve with its last value and, under the pointer, the value at a step.

    Raises:
        ValueError: if the lists differ in length.
    """
    if len(x) != len(y):
        raise ValueError(f"x and y must have one length, got {len(x)} and {len(y)}")
    if len(x) < 2:
        return Markup("")
    across = Axis(min(x), max(max(x), min(x) + 1e-9), ())
    up = nice_axis(max(max(y), 1e-6), min(min(y), 0.0), 3)
    points = " ".join(f"{across.percent(a):g},{round(100 - up.percent(b), 3):g}" for a, b in zip(x, y, strict=True))
    grid = "".join(
        f'<line class="grid" x1="0" x2="100" y1="{100 - up.percent(t):g}" y2="{100 - up.percent(t):g}"/>'
        for t in up.ticks
    )
    labels = "".join(f'<span style="bottom:{up.percent(t)}%">{_tick_text(t)}</span>' for t in up.ticks)
    series = escape(json.dumps({"x": x, "y": y, "low": up.low, "high": up.high, "unit": unit, "decimals": decimals}))
    name = f"{escape(title)}: {fixed(y[-1], decimals)} {escape(unit)} at the end"
    return Markup(
        f'<figure class="curve" data-series="{series}"><figcaption><span>{escape(title)}</span>'
        f"<output>{grouped(y[-1], decimals)}<small> {escape(unit)}</small></output></figcaption>"
        f'<div class="plot"><div class="y-ticks">{labels}</div>'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{name}">{grid}'
        f'<polygon points="0,100 {points} 100,100"/><polyline points="{points}"/></svg><i class="cursor"></i></div>'
        f'<div class="x-ticks"><span>step {_tick_text(x[0])}</span><span>{_tick_text(x[-1])}</span></div></figure>'
    )


def stage_bars(stages: list[tuple[str, float, float | None]], unit: str, decimals: int) -> list[dict[str, Any]]:
    """Lines of a table of durations: name, median, 90 % figure, and a bar in percent of the longest."""
    longest = max((max(median, p90 or 0.0) for _, median, p90 in stages), default=0.0)
    return [
        {
            "name": name,
            "median": fixed(median, decimals),
            "p90": fixed(p90, decimals),
            "bar": round(100.0 * median / longest, 2) if longest > 0 else 0.0,
            "unit": unit,
        }
        for name, median, p90 in stages
    ]


def histogram(title: str, groups: list[tuple[str, str, list[float]]], edges: list[float]) -> Markup:
    """Counts of values per bin as stacked bars; a value on a bound counts above it, beyond the ends in the nearest bin.

    Args:
        title: what is counted.
        groups: name, CSS class and values of each layer, from the bottom.
        edges: bounds of the bins, ascending.
    """
    last = len(edges) - 2
    counts = [[0] * (last + 1) for _ in groups]
    for n, (_, _, values) in enumerate(groups):
        for value in values:
            counts[n][min(last, max(0, bisect_right(edges, value) - 1))] += 1
    tallest = max((sum(column) for column in zip(*counts, strict=True)), default=0)
    if tallest == 0:
        return Markup("")
    bars = []
    for k in range(last + 1):
        span = f"{edges[k]:g} to {edges[k + 1]:g}"
        layers = "".join(
            f'<i class="{escape(kind)}" style="height:{100.0 * counts[n][k] / tallest:.2f}%"></i>'
            for n, (_, kind, _) in reversed(list(enumerate(groups)))
            if counts[n][k]
        )
        text = ", ".join(f"{counts[n][k]} {name}" for n, (name, _, _) in enumerate(groups))
        bars.append(f'<span title="{escape(span)}: {escape(text)}">{layers}</span>')
    ticks = f"<span>{edges[0]:g}</span><span>{edges[(last + 1) // 2]:g}</span><span>{edges[-1]:g}</span>"
    return Markup(
        f'<figure class="hist"><figcaption>{escape(title)}<small>tallest bar {tallest}</small></figcaption>'
        f'<div class="bins">{"".join(bars)}</div><div class="hist-ticks">{ticks}</div></figure>'
    )
