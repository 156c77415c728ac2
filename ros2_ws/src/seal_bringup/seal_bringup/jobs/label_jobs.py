# SPDX-License-Identifier: Apache-2.0
"""Labelling of bags as jobs: one after the other here, or one per task on a Ray cluster, with the same output."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from seal_bringup.console import echo
from seal_bringup.evaluation.map_check import held
from seal_bringup.report.label_report import write_label_report
from seal_mapping.annotation.annotations import FrameAnnotations, read_annotations
from seal_mapping.bags.options import BagOptions
from seal_mapping.bags.reader import BagReader, open_bag
from seal_mapping.datasets.detected_frames import DetectedFrames
from seal_mapping.datasets.label_prop import LabelProp
from seal_mapping.datasets.labelling import DatasetWork, write_dataset
from seal_mapping.datasets.map_builder import silent
from seal_mapping.datasets.optical_flow import OpticalFlow
from seal_mapping.datasets.resumable import fingerprint
from seal_mapping.datasets.self_training import SelfTraining
from seal_mapping.labels.config import RULES, LabelConfig, label_preset
from seal_mapping.voxels.config import MapConfig
from seal_perception.categories import SIX
from seal_perception.coco.names import CategoryNames, listed, maps_names, shown
from seal_perception.dataset import ANNOTATIONS
from seal_perception.detector.facts import categories_of, resolve_weights
from seal_perception.errors import InputError, SealError
from seal_perception.files import sha256
from seal_perception.upright import FrameDetector

_LOG = logging.getLogger(__name__)

MAPLESS = {"self_training": SelfTraining, "optical_flow": OpticalFlow}
"""Rules that need no map, and so no option about one."""
RULE_OPTIONS = {
    "objects": {"least_overlap", "confirm_score", "stand_from_m"},
    "agreement": {"agreement", "evidence"},
    "instance_vote": {"agreement", "evidence"},
}
"""Options that only some rules use; another rule refuses them."""

_ONE_BAG = (SealError, OSError, MemoryError)
"""Errors of one bag; the other bags are still labelled."""

Report = Callable[[int, int], None]
Bar = Callable[[str], AbstractContextManager[Report]]
Show = Callable[["LabelJob", dict[str, Any]], None]


@dataclass(frozen=True)
class LabelJob:
    """One bag to label.

    Attributes:
        bag: where it is.
        out: folder to write.
        rule: one of `labels.config.RULES`, or of `MAPLESS`.
        label_changes: fields of LabelConfig that differ from the rule's.
        map_changes: fields of MapConfig that differ from the default.
        options: how the bag is read.
        weights: detector to run on every frame; None = the bag's detections.
        annotations: frames that a human drew on.
        categories: names of that file and which of ours they are, and the list of COCO's weights or of drawings alone
            (`CategoryNames.from_words`); of other weights and of recorded detections only their own list.
        continue_from: labels of an earlier run in the same map frame.
        workers: threads; None = one per core.
        overwrite: replace a dataset that is there already.
    """

    bag: Path
    out: Path
    rule: str = "objects"
    label_changes: dict[str, Any] = field(default_factory=dict)
    map_changes: dict[str, Any] = field(default_factory=dict)
    options: BagOptions = field(default_factory=BagOptions)
    weights: str | None = None
    annotations: Path | None = None
    categories: tuple[str, ...] = ()
    continue_from: Path | None = None
    workers: int | None = None
    overwrite: bool = False

    def check(self) -> LabelConfig | None:
        """The label configuration, None for a rule without a map; before any long work.

        Raises:
            InputError: if an option is unknown or out of range, options contradict each other, the weights look for
            another list, or `out` is taken.
        """
        if self.rule not in (*RULES, *MAPLESS):
            raise InputError(f"--rule must be one of {', '.join([*RULES, *MAPLESS])}; got {self.rule!r}")
        chosen = listed(self.categories)
        if maps_names(self.categories) and self.annotations is None:
            raise InputError("--categories maps names of --annotations: give that file too")
        if chosen is not None and self.weights is not None:
            categories_of(self.weights, chosen.names)
        elif chosen is not None and self.annotations is None:
            raise InputError(
                "--categories names a list for --redetect --weights coco, or for --annotations without detections; "
                "recorded detections have their own"
            )
        if (self.out / ANNOTATIONS).exists() and not self.overwrite:
            raise InputError(f"{self.out} already holds a dataset; add --overwrite to replace it")
        if self.rule in MAPLESS:
            if self.label_changes or self.map_changes or self.annotations or self.continue_from:
                raise InputError(
                    f"{self.rule} uses no map: leave out --agreement, --min-volume, --min-views, --annotations, "
                    "--continue-from and the like"
                )
            return None
        of_rules = {name for names in RULE_OPTIONS.values() for name in names} & self.label_changes.keys()
        if unused := sorted(of_rules - RULE_OPTIONS.get(self.rule, set())):
            words = ", ".join(
                f"--{name.removesuffix('_m').removesuffix('_score').replace('_', '-')}" for name in unused
            )
            raise InputError(f"the rule {self.rule} does not use {words}: leave it out, or give another --rule")
        try:
            MapConfig(**self.map_changes)
            return label_preset(self.rule, **self.label_changes)
        except ValueError as error:
            raise InputError(str(error)) from error


def run_job(job: LabelJob, report: Report | None = None, on_bag: Callable[[BagReader], object] | None = None) -> Any:
    """Label one bag; what `labels.json` holds.

    Args:
        job: what to do.
        report: called with (frames done, frames to do).
        on_bag: called with the opened bag, before its frames are read.

    Raises:
        InputError: as `LabelJob.check`, `open_bag` and `write_dataset`.
    """
    config = job.check()
    if job.weights is not None and job.annotations is not None:
        CategoryNames.from_words(job.categories, categories_of(job.weights))  # said before the bag is read
    source = open_bag(job.bag, job.options)
    if on_bag is not None:
        on_bag(source)
    frames = DetectedFrames(source, _detector(job))
    drawn = None
    if job.annotations is not None:
        drawn = read_annotations(job.annotations, CategoryNames.from_words(job.categories, frames.names or SIX))
        _check_drawn(drawn, source)
    work = DatasetWork(
        job.out,
        progress=report or silent,
        workers=job.workers,
        resume_key=_resume_key(job, source),
        on_folder=lambda folder: write_label_report(folder, source_lines=source.choices),
    )
    if config is None:
        return write_dataset(frames, MAPLESS[job.rule](), work)
    changed = MapConfig(**job.map_changes) if job.map_changes else None
    _check_heights(source, changed or MapConfig())
    return write_dataset(frames, LabelProp(config, changed, drawn, job.continue_from), work)


def _detector(job: LabelJob) -> FrameDetector | None:
    """The detector to run on every frame; None = the recorded detections."""
    if job.weights is None:
        return None
    from seal_perception.detector.detector import DetectorConfig, load_detector

    chosen = listed(job.categories)
    return load_detector(job.weights, DetectorConfig(categories=() if chosen is None else chosen.names))


def _resume_key(job: LabelJob, source: BagReader) -> str:
    """Hash of the recording, the options it is read with and the detector."""
    files = [[str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns] for file in source.store.files]
    mounting = job.options.T_base_camera
    weights: list[str | None] | None = None
    if job.weights is not None:
        path = resolve_weights(job.weights) if job.weights != "coco" else None
        weights = [job.weights, None if path is None else sha256(path)]
        weights += [] if (chosen := listed(job.categories)) is None else chosen.names
    facts = {"files": files, "options": repr(job.options), "stamps": source.stamps_ns, "choices": source.choices}
    return fingerprint({**facts, "mounting": None if mounting is None else mounting.tolist(), "weights": weights})


def _check_heights(source: BagReader, config: MapConfig) -> None:
    """Warn if most of what the camera saw lies outside the mapped heights."""
    inside = readings = 0
    for start in range(0, len(source), max(1, len(source) // 5)):
        for item in source.frames(start):
            inside += int(held(item.frame, config).sum())
            readings += int((np.isfinite(item.frame.depth) & (item.frame.depth > 0)).sum())
            break
    if readings and inside < 0.5 * readings:
        _LOG.warning(
            "only %.0f %% of the depth readings lie between %g and %g m of height and within %g to %g m of the camera: "
            "is z = 0 the floor of the map frame? see --min-height, --max-height and --max-depth",
            *(
                100 * inside / readings,
                config.min_height_m,
                config.max_height_m,
                config.min_depth_m,
                config.max_depth_m,
            ),
        )


def _check_drawn(drawn: FrameAnnotations, source: BagReader) -> None:
    lost = drawn.missing(source.stamps_ns)
    if len(lost) == len(drawn):
        raise InputError(f"none of the {len(drawn)} pictures of {drawn.path} is a frame of {source.path}: {lost[0]}")
    if lost:
        drawn.left_out[f"annotated pictures not used: no frame of the bag, such as {shown(lost[0])}"] = len(lost)


def label_all(jobs: list[LabelJob], ray: str | None, bar: Bar, show: Show) -> None:
    """Label all bags; a bag that fails does not stop the others.

    Args:
        jobs: the bags.
        ray: address of a Ray cluster, "auto" or "local"; None = one after the other in this process.
        bar: gives a progress function for a name.
        show: called with each job and its summary.

    Raises:
        InputError: for a single bag its error; for several, how many failed, after the others are done.
    """
    for job in jobs:
        job.check()
    if len({job.out for job in jobs}) < len(jobs):
        raise InputError("two bags would be labelled into one folder: give bags of different names, or one at a time")
    if ray is not None:
        _over_ray(jobs, ray, bar, show)
        return
    failed = []
    for job in jobs:
        try:
            with bar(job.bag.name) as report:
                summary = run_job(job, report, lambda source: echo("\n".join(source.choices)))
            show(job, summary)
        except _ONE_BAG as error:
            if len(jobs) == 1:
                raise
            failed.append(f"{job.bag}: {error}")
    _raise_failed(failed, len(jobs))


def _raise_failed(failed: list[str], count: int) -> None:
    if failed:
        raise InputError(f"{len(failed)} of {count} bags failed: " + "; ".join(failed))


def _remote_job(job: LabelJob) -> tuple[dict[str, Any] | None, str]:
    """`run_job` on another machine: its summary, or its error as text."""
    try:
        return run_job(job), ""
    except _ONE_BAG as error:
        return None, f"{error}"


def _absolute(job: LabelJob) -> LabelJob:
    """The job with paths that mean the same in every working directory."""
    paths = {name: getattr(job, name) for name in ("bag", "out", "annotations", "continue_from")}
    own = replace(job, **{name: path.absolute() for name, path in paths.items() if path is not None})
    if job.weights is not None and Path(job.weights).suffix == ".safetensors":
        own = replace(own, weights=str(Path(job.weights).absolute()))
    return own


def _over_ray(jobs: list[LabelJob], address: str, bar: Bar, show: Show) -> None:
    """One task per bag; bags and folders must be reachable under the same paths on every machine."""
    try:
        import ray
    except ImportError as error:
        raise InputError("--ray needs the package ray: pip install 'ray==2.*'") from error
    ray.init(address=None if address == "local" else address, log_to_driver=False)
    try:
        task = ray.remote(_remote_job)
        waiting = {}
        for job in jobs:
            own = replace(_absolute(job), workers=job.workers or 1)
            waiting[task.options(num_cpus=own.workers).remote(own)] = job
        failed: list[str] = []
        with bar("bags") as report:
            report(0, len(jobs))
            while waiting:
                (done,), _ = ray.wait(list(waiting), num_returns=1)
                job = waiting.pop(done)
                try:
                    summary, text = ray.get(done)
                except ray.exceptions.RayError as error:
                    summary, text = None, str(error).splitlines()[0]
                report(len(jobs) - len(waiting), len(jobs))
                if summary is None:
                    failed.append(f"{job.bag}: {text}")
                else:
                    show(job, summary)
    finally:
        ray.shutdown()
    _raise_failed(failed, len(jobs))
