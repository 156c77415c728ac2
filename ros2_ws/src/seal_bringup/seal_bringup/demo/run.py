# SPDX-License-Identifier: Apache-2.0
"""The main job: in every home explore, label, fine-tune and evaluate; then one metrics file and one report."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.demo.config import DemoConfig
from seal_bringup.demo.home_loop import HomeLoop, Progress
from seal_bringup.demo.stages import StageLog
from seal_bringup.provenance import provenance
from seal_bringup.report import write_report
from seal_mapping.datasets.labelling import LABELS
from seal_perception.dataset import CocoDataset, own_dataset
from seal_perception.detector.facts import resolve_weights
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from seal_perception.training.join import join_datasets
from sim_bridge.catalogue.pictures import write_catalogue
from sim_bridge.worlds import require_scene

METRICS_FORMAT = 1
REPLAY = ".catalogue"
LABEL_FIGURES = ("instance_precision", "instance_recall", "pixel_precision", "pixel_recall")


def run_demo(
    config: DemoConfig,
    run_dir: Path,
    announce: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Run the loop in every home of `config` and return what metrics.json then holds.

    Args:
        config: what to run.
        run_dir: the run's folder; a folder of the same configuration is resumed.
        announce: called with one line per stage.
        progress: called with (stage, done, total) inside a stage.

    Raises:
        InputError: if a home or the weights are unknown, or the folder belongs to a run of another configuration.
    """
    for home in config.homes:
        require_scene(home)
    resolve_weights(config.weights)
    own = [own_dataset(folder) for folder in config.replay]
    made_by = provenance()
    _claim(run_dir, config, made_by)
    replay = _replay(run_dir, config, own, announce, progress)
    homes: dict[str, Any] = {}
    for home in config.homes:
        name = Path(home).name
        folder = run_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        log = StageLog(folder, lambda line, name=name: announce(f"[{name}] {line}"))  # type: ignore[misc]
        loop = HomeLoop(home, folder, config, progress, log, replay)
        if not (folder / "provenance.json").is_file():
            write_json(folder / "provenance.json", made_by)
        try:
            loop.run()
        finally:
            homes[name] = {**loop.metrics(), "provenance": read_json(folder / "provenance.json")}
            metrics = _write_metrics(run_dir, config, homes, made_by)
    announce("report ...")
    announce(f"report: {write_report(run_dir)}")
    return metrics


def _replay(
    run_dir: Path,
    config: DemoConfig,
    given: list[CocoDataset],
    announce: Callable[[str], None],
    progress: Progress,
) -> Path | None:
    """Pictures to mix into every fine-tuning, drawn or joined once for all homes of the run; None if none are."""
    if config.replay_share == 0 or config.rows == ("pretrained",):
        return None
    folder, size = run_dir / REPLAY, (config.width, config.height)

    def draw() -> None:
        if folder.is_dir():  # finished, but of another number or size, or not yet marked as done
            shutil.rmtree(folder)
        if given:
            join_datasets(given, folder, lambda part: (part.folder / LABELS).is_file())
            return
        write_catalogue(
            folder, config.replay_pictures, size=size, progress=lambda i, n: progress("catalogue pictures", i, n)
        )

    if given:
        StageLog(run_dir, announce).run("replay", [part.hash() for part in given], draw)
    else:
        StageLog(run_dir, announce).run("catalogue pictures", [config.replay_pictures, size], draw)
    return folder


def _claim(run_dir: Path, config: DemoConfig, made_by: dict[str, Any]) -> None:
    path = run_dir / "config.json"
    wanted = {"replay": [], **config.as_dict()}
    if path.is_file():
        found = {k: v for k, v in {"replay": [], **read_json(path)}.items() if k in wanted}
        differing = sorted(k for k in wanted if found.get(k) != wanted[k] and k != "homes")
        if differing:
            difference = ", ".join(f"{k} = {found.get(k)} there, {wanted[k]} now" for k in differing)
            raise InputError(f"{run_dir} holds another run ({difference}); give another --name or delete the folder")
    write_json(path, {**wanted, "provenance": made_by})


def _write_metrics(run_dir: Path, config: DemoConfig, homes: dict[str, Any], made_by: dict[str, Any]) -> dict[str, Any]:
    metrics = {
        "format": METRICS_FORMAT,
        "seed": config.seed,
        "preset": "laptop",
        "config": config.as_dict(),
        "provenance": made_by,
        "homes": homes,
        "mean": mean_over_homes(homes),
    }
    write_json(run_dir / "metrics.json", metrics)
    return metrics


def mean_over_homes(homes: dict[str, Any]) -> dict[str, Any]:
    """Plain mean over homes of each row's AP50 and of each row's label precision and recall.

    Only rows that every home has are averaged, so that no mean hides a home.
    """
    out: dict[str, Any] = {"rows": {}, "labels": {}}
    for part, keys in (("rows", ("box_ap50", "mask_ap50")), ("labels", LABEL_FIGURES)):
        for row in _common(homes, part):
            values = [home[part][row] for home in homes.values()]
            out[part][row] = {
                key: round(float(np.mean([v[key] for v in values])), 4)
                for key in keys
                if all(v.get(key) is not None for v in values)
            }
    return out


def _common(homes: dict[str, Any], part: str) -> list[str]:
    if not homes:
        return []
    first, *others = homes.values()
    return [row for row in first[part] if all(row in home[part] for home in others)]
