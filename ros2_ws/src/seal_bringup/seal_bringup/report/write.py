# SPDX-License-Identifier: Apache-2.0
"""Writing report.html of a run: one page that needs no network, from whatever the run left."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from markupsafe import Markup

from seal_bringup.report import charts, figures
from seal_bringup.report.cubes import CubeView, render_cubes
from seal_bringup.report.label_folder import judge, read_labels
from seal_bringup.report.label_gallery import most_wrong, shots
from seal_bringup.report.page import config_groups, write_page
from seal_bringup.report.pictures import drawing_uri, photo_uri, rendering_uri
from seal_bringup.report.run_folder import SAMPLE_KINDS, HomeFolder, RunFolder, as_dict, number, numbers, read_run
from seal_bringup.report.topdown import draw_topdown, trajectory_arrays
from seal_bringup.report.viewer import VIEWER_LIMIT, pack_voxels
from seal_bringup.report.voxels import Voxels
from seal_mapping.voxels.io import load_map
from seal_perception.categories import SIX, CategorySet
from seal_perception.coco.names import CategoryNames
from seal_perception.dataset import CocoDataset
from seal_perception.errors import InputError, SealError

LOG = logging.getLogger(__name__)
PICTURE = CubeView(width=1400)
MAX_SAMPLES, ALL_SAMPLES, ALL_VOXELS = 8, 24, 1_000_000
SAMPLE_TITLES = {
    "before": "Before",
    "label": "Label from the map",
    "after": "After",
    "truth": "Ground truth (evaluation only)",
}
LABEL_ROWS = ("label_prop", "label_prop_paper")
CLOCK_STAGES = "Seconds per stage of the run"
STEP_STAGES = "Milliseconds per step"


def write_report(run_dir: Path) -> Path:
    """Write `run_dir`/report.html from the files of the run, whole or partial.

    The page names what is missing; a figure appears only where metrics.json has it.

    Returns:
        The path of report.html.

    Raises:
        InputError: if `run_dir` is no folder.
    """
    run = read_run(Path(run_dir))
    page = _page(run)
    lists = [CategorySet.stored(home["viewer"].get("categories")) for home in page["homes"] if home["viewer"]]
    return write_page(run.path / "report.html", "report.html.j2", page, lists[0] if lists else SIX)


def _page(run: RunFolder) -> dict[str, Any]:
    main, of_what = figures.main_figures(run)
    samples = max(1, min(MAX_SAMPLES, ALL_SAMPLES // max(1, len(run.homes))))
    limit = max(20_000, min(VIEWER_LIMIT, ALL_VOXELS // max(1, len(run.homes))))
    homes = [_home(home, samples, limit) for home in run.homes]
    mean = as_dict(run.metrics.get("mean"))
    tables: list[dict[str, Any]] = [
        {"name": home.name, "rows": figures.ap_table(as_dict(home.metrics.get("rows")))}
        for home in run.homes
        if as_dict(home.metrics.get("rows"))
    ]
    if as_dict(mean.get("rows")) and len(run.homes) > 1:
        tables.insert(0, {"name": f"Mean of {len(tables)} homes", "rows": figures.ap_table(as_dict(mean["rows"]))})
    shown = {row["key"] for table in tables for row in table["rows"]}
    return {
        "headline": figures.headline(main, of_what),
        "chips": _chips(run),
        "cards": _cards(main, run),
        "hero": next((home["picture"] for home in homes if home["picture"]), None),
        "plot": charts.dot_plot(as_dict(main.get("rows"))),
        "of_what": of_what,
        "ap_tables": tables,
        "sure": any(row["sure"] != figures.DASH for table in tables for row in table["rows"]),
        "row_texts": [row for row in figures.ROWS if row.key in shown] or list(figures.ROWS),
        "mean_labels": figures.label_tables(as_dict(mean.get("labels"))) if len(run.homes) > 1 else [],
        "homes": homes,
        "missing": run.missing,
        "config": config_groups(run.config),
        "sample_kinds": [(kind, SAMPLE_TITLES[kind]) for kind in SAMPLE_KINDS],
    }


def _chips(run: RunFolder) -> list[tuple[str, str]]:
    """Short facts on top: preset, seed, homes, commit."""
    chips = [(name, str(run.metrics[name])) for name in ("preset", "seed") if run.metrics.get(name) is not None]
    if run.homes:
        chips.append(("home" if len(run.homes) == 1 else "homes", ", ".join(home.name for home in run.homes)))
    for place in (run.config, as_dict(run.config.get("versions")), as_dict(run.config.get("provenance"))):
        if isinstance(place.get("commit"), str):
            chips.append(("commit", place["commit"]))
            break
    return chips


def _cards(main: dict[str, Any], run: RunFolder) -> list[dict[str, str]]:
    rows, labels = as_dict(main.get("rows")), figures.label_figures(as_dict(main.get("labels")).get("label_prop"))
    before, after = as_dict(rows.get("pretrained")), as_dict(rows.get("label_prop"))
    cards = []
    for metric, title in (("box_ap50", "Box AP50"), ("mask_ap50", "Mask AP50")):
        old, new = number(before.get(metric)), number(after.get(metric))
        gain = None if old is None or new is None else new - old
        cards.append(
            {
                "title": title,
                "value": figures.fixed(new),
                "unit": "",
                "note": f"from {figures.fixed(old)}" if old is not None else "start not measured",
                "change": "" if gain is None else figures.signed(gain),
                "class": figures.sign_class(gain),
            }
        )
    for key, title, note in (
        ("precision", "Label precision", "labels that are right"),
        ("recall", "Label recall", "objects in view that got one"),
    ):
        cards.append(_card(title, labels.get(key), note))
    if len(run.homes) == 1:
        cards.append(_card("Floor seen", _seen(run.homes[0]), "of what the robot can reach"))
    return cards


def _card(title: str, share: Any, note: str) -> dict[str, str]:
    value = figures.fixed(share, 1, 100.0)
    unit = "%" if value != figures.DASH else ""
    return {"title": title, "value": value, "unit": unit, "note": note, "change": "", "class": "flat"}


def _home(home: HomeFolder, samples: int, limit: int) -> dict[str, Any]:
    missing = list(home.missing)
    voxels, confident = _voxels(home, missing)
    poses, _ = trajectory_arrays(home.trajectory)
    picture = None
    if voxels is not None:
        picture = rendering_uri(render_cubes(voxels.confident(confident), PICTURE, poses))
    rows, labels = as_dict(home.metrics.get("rows")), as_dict(home.metrics.get("labels"))
    return {
        "name": home.name,
        "missing": missing,
        "plot": charts.dot_plot(rows),
        "box_categories": figures.category_table(rows, "box_ap50"),
        "mask_categories": figures.category_table(rows, "mask_ap50"),
        "labels": figures.label_tables(labels),
        "wrong": _wrong_labels(home, samples, missing),
        "samples": _gallery(home, samples, missing),
        "topdown": _topdown(home, voxels, confident, missing),
        "picture": picture,
        "viewer": None if voxels is None else pack_voxels(voxels, limit, poses, confident),
        "curves": _curves(home.status),
        "timings": _timings(home),
        "facts": _facts(home, len(poses)),
    }


def _voxels(home: HomeFolder, missing: list[str]) -> tuple[Voxels | None, int]:
    """The map with all its labels, and the score from which one is confident."""
    if home.folder is None or not (home.folder / "map.npz").is_file():
        return None, 230
    try:
        voxel_map = load_map(home.folder / "map.npz")
    except (SealError, ValueError, OSError) as error:
        LOG.warning("map of %s cannot be read: %s", home.name, error)
        missing.append(f"map.npz cannot be read ({type(error).__name__})")
        return None, 230
    voxels = Voxels.from_cloud(voxel_map.voxels(), voxel_map.config.voxel_m, voxel_map.config.names)
    if not len(voxels):
        missing.append("map.npz holds no voxel")
        return None, 230
    return voxels, int(voxel_map.config.confident)


def _topdown(home: HomeFolder, voxels: Voxels | None, confident: int, missing: list[str]) -> dict[str, Any] | None:
    """The top-down map drawn from map and trajectory; where there is neither, the run's own topdown.png."""
    sure = None if voxels is None else voxels.confident(confident)
    with tempfile.TemporaryDirectory() as folder:
        try:
            return {"uri": drawing_uri(draw_topdown(Path(folder) / "topdown.png", sure, home.trajectory)), "ours": True}
        except ValueError:
            LOG.info("%s has neither a map nor a trajectory to draw", home.name)
    if home.folder is not None and (home.folder / "topdown.png").is_file():
        uri = drawing_uri(home.folder / "topdown.png")
        if uri is not None:
            return {"uri": uri, "ours": False}
    missing.append("no top-down map: there is neither a map nor a trajectory")
    return None


def _wrong_labels(home: HomeFolder, count: int, missing: list[str]) -> list[dict[str, Any]]:
    """Frames with wrong labels, those the headline speaks of, marked by the simulator's truth: evaluation only."""
    if home.folder is None:
        return []
    for row in LABEL_ROWS:
        labels, truth = home.folder / f"labels_{row}", home.folder / "labels_oracle"
        if not (labels / "annotations.json").is_file() or not (truth / "annotations.json").is_file():
            continue
        try:
            found = read_labels(labels, with_map=False)
            true = CocoDataset(truth, CategoryNames(known=found.dataset.names))
            if found.dataset.image_ids != true.image_ids:
                raise InputError(f"{labels.name} and {truth.name} hold other pictures")
            verdicts = judge(found.dataset, true)
            return shots(found, most_wrong(found, count, verdicts), verdicts)
        except InputError as error:
            LOG.warning("wrong labels of %s cannot be shown: %s", home.name, error)
            missing.append(f"no wrong labels are shown: {labels.name} or {truth.name} cannot be read")
            return []
    return []


def _gallery(home: HomeFolder, count: int, missing: list[str]) -> list[dict[str, Any]]:
    """Up to `count` samples, spread over all there are."""
    chosen = home.samples
    if len(chosen) > count:
        chosen = tuple(chosen[round(i * (len(chosen) - 1) / max(1, count - 1))] for i in range(count))
    gallery = []
    for stem, paths in chosen:
        pictures = [(kind, photo_uri(paths[kind]) if kind in paths else None) for kind in SAMPLE_KINDS]
        for kind, uri in pictures:
            if kind in paths and uri is None:
                missing.append(f"samples/{paths[kind].name} cannot be read")
        gallery.append({"name": stem, "pictures": pictures})
    return gallery


def _curves(status: dict[str, Any]) -> list[Markup]:
    steps = numbers(status.get("step"))
    out = []
    for key, title, unit, decimals in (
        ("confident_voxels", "Confident voxels (their growth is the reward)", "voxels", 0),
        ("explored_m2", "Explored area", "m²", 1),
    ):
        values = numbers(status.get(key))
        if steps is not None and values is not None and len(values) == len(steps):
            out.append(charts.line_chart(steps, values, title, unit, decimals))
    return [curve for curve in out if curve]


def _timings(home: HomeFolder) -> list[dict[str, Any]]:
    per_step: dict[str, tuple[str, float, float | None]] = {}
    for source in (as_dict(home.status.get("ms")), as_dict(home.metrics.get("timings"))):
        for name, value in source.items():
            pair, one = numbers(value, 2), number(value)
            if name not in per_step and pair is not None:
                per_step[name] = (name, pair[0], pair[1])
            elif name not in per_step and one is not None:
                per_step[name] = (name, one, None)
    whole = [(name, number(value)) for name, value in as_dict(home.metrics.get("stages")).items()]
    tables = [
        {"title": STEP_STAGES, "p90": True, "lines": charts.stage_bars(list(per_step.values()), "ms", 1)},
        {
            "title": CLOCK_STAGES,
            "p90": False,
            "lines": charts.stage_bars([(name, s, None) for name, s in whole if s is not None], "s", 1),
        },
    ]
    return [table for table in tables if table["lines"]]


def _seen(home: HomeFolder) -> Any:
    coverage = as_dict(home.metrics.get("coverage"))
    return coverage.get("reachable_seen", coverage.get("seen_share"))


def _facts(home: HomeFolder, poses: int) -> list[tuple[str, str]]:
    """Figures beside the home's name; only those that are there."""
    coverage = as_dict(home.metrics.get("coverage"))
    facts = [("frames", str(poses))] if poses else []
    for value, name, unit, scale in (
        (_seen(home), "reachable floor seen", "%", 100.0),
        (coverage.get("explored_m2"), "explored", "m²", 1.0),
        (coverage.get("path_m"), "way", "m", 1.0),
        (home.status.get("steps_per_s"), "steps per second", "", 1.0),
    ):
        if number(value) is not None:
            facts.append((name, f"{figures.fixed(value, 1, scale)} {unit}".strip()))
    return facts
