# SPDX-License-Identifier: Apache-2.0
"""From metrics to the report's tables: every figure is one of metrics.json's, rounded, or a dash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seal_bringup.report.run_folder import RunFolder, as_dict, number, numbers
from seal_perception.categories import CATEGORIES, SIX, CategorySet

DASH = "–"


@dataclass(frozen=True)
class RowText:
    """How a row is called, and what it means in plain words."""

    key: str
    title: str
    role: str
    meaning: str


ROWS: tuple[RowText, ...] = (
    RowText(
        "pretrained",
        "Before",
        "start",
        "The shipped detector as it is: trained on catalogue pictures, never on a robot's view or this home.",
    ),
    RowText(
        "self_training",
        "Self-training",
        "control",
        "The control. The same frames and the same training, but the labels are the detector's own confident "
        "detections, picture by picture, with no map. It shows what one gains without 3D.",
    ),
    RowText(
        "optical_flow",
        "Optical flow",
        "control",
        "The paper's second control: confident detections of the picture itself and of those before and after it, "
        "carried along optical flow. No map and no pose.",
    ),
    RowText(
        "label_prop_paper",
        "3DLabelProp, paper's rule",
        "method",
        "SEAL as published: a voxel takes the best score it ever got, if above 0.9; voxels are grouped into objects "
        "and painted back into every frame.",
    ),
    RowText(
        "label_prop",
        "3DLabelProp",
        "method",
        "SEAL with this project's rule of fusing views, chosen on training homes only. No human label is used.",
    ),
    RowText(
        "oracle",
        "True labels",
        "ceiling",
        "A ceiling, not a result of the method: trained on the simulator's true labels of the same frames. "
        "A robot has no such labels.",
    ),
)
ROW_TEXTS = {row.key: row for row in ROWS}


def row_text(key: str) -> RowText:
    """The known text of a row, or the key itself for a row nobody described."""
    return ROW_TEXTS.get(key, RowText(key, key, "other", ""))


def fixed(value: Any, decimals: int = 1, scale: float = 1.0) -> str:
    """A number with fixed decimals and a true minus sign; a dash where there is none."""
    figure = number(value)
    if figure is None:
        return DASH
    text = f"{figure * scale:.{decimals}f}"
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def signed(value: Any, decimals: int = 1) -> str:
    """A change with its sign; a dash where there is none."""
    figure = number(value)
    if figure is None:
        return DASH
    text = fixed(figure, decimals)
    return text if text.startswith("−") or float(text) == 0.0 else f"+{text}"


def interval(value: Any) -> str:
    """'31.0 to 37.0', or an empty text."""
    pair = numbers(value, 2)
    return "" if pair is None else f"{fixed(pair[0])} to {fixed(pair[1])}"


def change(row: dict[str, Any], base: dict[str, Any], key: str) -> float | None:
    """A row's figure less the base row's; None where either is missing."""
    new, old = number(row.get(key)), number(base.get(key))
    return None if new is None or old is None else new - old


def sign_class(value: float | None) -> str:
    """CSS class of a change."""
    if value is None or round(value, 1) == 0.0:
        return "flat"
    return "up" if value > 0 else "down"


def ordered_rows(rows: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The known rows in their order, then others."""
    known = [row.key for row in ROWS if row.key in rows]
    return [(key, as_dict(rows[key])) for key in known + [key for key in rows if key not in known]]


def ap_table(rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Cells of the AP table, one dict per row."""
    base = as_dict(rows.get("pretrained"))
    table = []
    for key, row in ordered_rows(rows):
        cells: dict[str, Any] = {"key": key, "text": row_text(key)}
        for metric in ("box", "mask"):
            gain = None if key == "pretrained" else change(row, base, f"{metric}_ap50")
            cells[metric] = fixed(row.get(f"{metric}_ap50"))
            cells[f"{metric}_interval"] = interval(row.get(f"{metric}_ap50_interval"))
            cells[f"{metric}_change"] = "" if key == "pretrained" else signed(gain)
            cells[f"{metric}_class"] = sign_class(gain)
        cells["sure"] = fixed(row.get("precision_at_90"), 1, 100.0)
        table.append(cells)
    return table


def _category_names(tables: list[dict[str, Any]]) -> list[str]:
    seen = {name for table in tables for name in table}
    return [name for name in CATEGORIES if name in seen] + sorted(seen - set(CATEGORIES))


def _listed(tables: list[dict[str, Any]]) -> CategorySet:
    """The list of categories that tables have a line of, in the order of the first; the six if it is none."""
    try:
        return CategorySet(tuple(tables[0])) if tables else SIX
    except ValueError:
        return SIX


def category_colour(name: str, names: CategorySet = SIX) -> str:
    """CSS colour of a category of a list; grey for a name that is none of it."""
    if name not in names.names:
        return "#888888"
    r, g, b = names.colour(names.index(name))
    return f"#{r:02x}{g:02x}{b:02x}"


def category_table(rows: dict[str, Any], metric: str) -> dict[str, Any]:
    """Per category AP of every row: {'columns': row texts, 'lines': [(name, colour, cells)]}."""
    kept = [(key, as_dict(row.get("per_category"))) for key, row in ordered_rows(rows)]
    kept = [(key, table) for key, table in kept if table]
    lines, names = [], _listed([table for _, table in kept])
    for name in _category_names([table for _, table in kept]):
        figures = [number(as_dict(table.get(name)).get(metric)) for _, table in kept]
        base = next((f for (key, _), f in zip(kept, figures, strict=True) if key == "pretrained"), None)
        cells = []
        for (key, _), figure in zip(kept, figures, strict=True):
            gain = figure - base if figure is not None and base is not None and key != "pretrained" else None
            cells.append(
                {"value": fixed(figure), "change": "" if gain is None else signed(gain), "class": sign_class(gain)}
            )
        lines.append((name, category_colour(name, names), cells))
    return {"columns": [row_text(key) for key, _ in kept], "lines": lines}


ERROR_ORDER = ("background", "wrong category", "localisation", "poor localisation", "duplicate")


def label_figures(value: Any) -> dict[str, Any]:
    """The figures of a set of labels or of one of its categories, under the report's names.

    Takes metrics.json's form (`precision`, `recall`, `instances`) and the one of `evaluation.label_quality`
    (`instance_precision`, `instance_recall`, `predicted`, all categories together under `overall`).
    """
    entry = as_dict(value)
    entry = {**entry, **as_dict(entry.get("overall"))}
    out = {key: entry.get(key) for key in ("pixel_precision", "pixel_recall", "errors", "per_category")}
    for key, other in (("precision", "instance_precision"), ("recall", "instance_recall"), ("instances", "predicted")):
        out[key] = entry[key] if key in entry else entry.get(other)
    return out


def label_tables(labels: dict[str, Any]) -> list[dict[str, Any]]:
    """Precision, recall, errors by kind and per category of each set of labels."""
    tables = []
    for key, value in ordered_rows(labels):
        figures = label_figures(value)
        per_category = as_dict(figures["per_category"])
        lines = []
        for name in _category_names([per_category]):
            entry = label_figures(per_category[name])
            lines.append(
                {
                    "name": name,
                    "colour": category_colour(name, _listed([per_category])),
                    "precision": fixed(entry["precision"], 1, 100.0),
                    "recall": fixed(entry["recall"], 1, 100.0),
                    "instances": fixed(entry["instances"], 0),
                }
            )
        shares = ("precision", "recall", "pixel_precision", "pixel_recall")
        tables.append(
            {
                "key": key,
                "text": row_text(key),
                **{field: fixed(figures[field], 1, 100.0) for field in shares},
                "lines": lines,
                "errors": _errors(as_dict(figures["errors"])),
            }
        )
    return tables


def _errors(errors: dict[str, Any]) -> list[dict[str, Any]]:
    names = [name for name in ERROR_ORDER if name in errors] + sorted(set(errors) - set(ERROR_ORDER))
    counts = [(name, number(errors[name])) for name in names]
    total = sum(count for _, count in counts if count is not None)
    out = []
    for index, (name, count) in enumerate(counts):
        share = 100.0 * count / total if count is not None and total > 0 else 0.0
        out.append({"name": name, "count": fixed(count, 0), "share": round(share, 2), "tone": index % 5})
    return out


def main_figures(run: RunFolder) -> tuple[dict[str, Any], str]:
    """The rows and labels that the headline speaks of, and of what they are: the one home or the mean."""
    mean = as_dict(run.metrics.get("mean"))
    if len(run.homes) == 1:
        return run.homes[0].metrics, run.homes[0].name
    if as_dict(mean.get("rows")):
        return mean, f"the mean of {len(as_dict(run.metrics.get('homes')))} homes"
    return {}, ""


def headline(figures: dict[str, Any], of_what: str) -> str:
    """What happened, in one sentence with the run's figures."""
    rows, labels = as_dict(figures.get("rows")), as_dict(figures.get("labels"))
    before = number(as_dict(rows.get("pretrained")).get("box_ap50"))
    after = number(as_dict(rows.get("label_prop")).get("box_ap50"))
    precision = number(label_figures(labels.get("label_prop"))["precision"])
    if before is None:
        return "This run is not finished: no average precision has been measured yet."
    if after is None:
        return f"The detector starts at {fixed(before)} box AP50 in {of_what}; the fine-tuned one is not measured yet."
    gain = after - before
    verb = {"up": "rose", "down": "fell", "flat": "stayed"}[sign_class(gain)]
    move = f"from {fixed(before)} to {fixed(after)}" if verb != "stayed" else f"at {fixed(after)}"
    where = f"In {of_what}" if not of_what.startswith("the mean") else f"On average over {of_what[12:]}"
    text = f"{where}, the detector {verb} {move} box AP50 without a human label"
    if precision is None:
        return text + "."
    return text + f"; {fixed(precision, 1, 100.0)}\u00a0% of the labels it trained on were right."
