# SPDX-License-Identifier: Apache-2.0
"""3DLabelProp in plain loops and float64: what `propagate`, `keep_ids` and the label pictures must equal.

A map is a dictionary voxel (i, j, k) -> `reference.Voxel`. What `propagate` does with
`plausible_size` and with a human's map is not here: tests by hand have those.
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from tests.mapping.equality.reference import NEAR, TooClose, at_most, floored, reading

from seal_perception.camera import Camera

AROUND = [offset for offset in itertools.product((-1, 0, 1), repeat=3) if offset != (0, 0, 0)]
FACES = [offset for offset in AROUND if sum(map(abs, offset)) == 1]


def near(voxel, offsets):
    i, j, k = voxel
    return [(i + a, j + b, k + c) for a, b, c in offsets]


def best_of(values):
    """The greatest value's place; the lower of equal ones."""
    return values.index(max(values))


def sums(voxels, voxel, config):
    """Per category what speaks for it, and what that is out of, summed over the cube around the voxel."""
    reach = range(-config.smooth_voxels, config.smooth_voxels + 1)
    for_it, out_of = [0.0] * len(voxels[voxel].best_score), 0.0
    for other in near(voxel, itertools.product(reach, repeat=3)):
        if other in voxels:
            v = voxels[other]
            score = config.evidence == "score"
            more = [total / 255.0 for total in v.score_sum] if score else v.votes
            for_it = [a + b for a, b in zip(for_it, more, strict=True)]
            out_of += v.weight if score else v.views
    return for_it, out_of


def ratio(for_it, out_of, config):
    """Evidence 0..1 per category."""
    if config.evidence != "log_odds":
        return [value / out_of for value in for_it]
    odds = [config.log_prior + votes * config.log_hit + (out_of - votes) * config.log_miss for votes in for_it]
    return [1.0 / (1.0 + math.exp(-min(max(value, -50.0), 50.0))) for value in odds]


def evidence(voxels, voxel, config):
    """Kept in single precision."""
    return [np.float32(value) for value in ratio(*sums(voxels, voxel, config), config)]


def reference_fuse_labels(voxels, config, voxel_m):
    """Voxel -> category + 1 under the rule, before instances; and voxel -> the score it went by, per category."""
    if config.rule == "paper":
        score = {voxel: [best / 255.0 for best in v.best_score] for voxel, v in voxels.items()}
        enough = {voxel for voxel, v in voxels.items() if max(v.best_score) >= config.confident}
    else:
        score = {voxel: evidence(voxels, voxel, config) for voxel in voxels}
        bar, views = config.agreement, config.agreement_min_views
        if config.rule == "instance_vote":
            bar, views = config.vote_low, config.vote_min_views
        enough = {v for v in voxels if max(score[v]) >= np.float32(bar) and voxels[v].views >= views}
    if config.min_height_m > 0:
        enough = {v for v in enough if np.float32(v[2] * voxel_m) >= np.float32(config.min_height_m)}
    labels = {voxel: best_of(score[voxel]) + 1 for voxel in enough}
    return (vote_on(voxels, labels, config) if config.rule == "instance_vote" else labels), score


def vote_on(voxels, candidates, config):
    """A component takes the category with the most evidence in all its voxels, or none."""
    out = {}
    joined = dict.fromkeys(candidates, 1) if config.vote_merge else candidates
    for _, part in reference_components(joined):
        for_it, out_of, views, confident = [0.0] * len(voxels[part[0]].best_score), 0.0, 0, 0
        for voxel in part:
            more, of = sums(voxels, voxel, config)
            for_it, out_of = [a + b for a, b in zip(for_it, more, strict=True)], out_of + of
            views += voxels[voxel].views
            confident += max(voxels[voxel].best_score) >= config.confident
        if config.evidence == "log_odds":  # of the mean voxel
            for_it, out_of = [value / len(part) for value in for_it], out_of / len(part)
        found = ratio(for_it, out_of, config)
        if config.evidence == "log_odds" and abs(max(found) - config.agreement) < NEAR:
            raise TooClose
        enough = views >= config.agreement_min_views * len(part)
        if enough and max(found) >= config.agreement and confident >= config.vote_confident_share * len(part):
            out.update(dict.fromkeys(part, best_of(found) + 1))
    return out


def reference_components(labels):
    """26-connected parts of equal labels by flood: (label, its voxels in order), by label, then by first voxel."""
    out = []
    for value in sorted(set(labels.values())):
        left = {voxel for voxel, label in labels.items() if label == value}
        for start in sorted(left):
            if start in left:
                out.append((value, sorted(flood(start, left, AROUND))))
    return out


def flood(start, inside, offsets):
    """What hangs together with `start`; it is taken out of the set `inside`."""
    found, stack = {start}, [start]
    inside.discard(start)
    while stack:
        for other in near(stack.pop(), offsets):
            if other in inside:
                inside.discard(other)
                found.add(other)
                stack.append(other)
    return found


def holes(part):
    """Regions without a way out, by faces, through the box around a part."""
    low = [min(v[n] for v in part) - 1 for n in range(3)]
    high = [max(v[n] for v in part) + 1 for n in range(3)]
    empty = set(itertools.product(*(range(a, b + 1) for a, b in zip(low, high, strict=True)))) - set(part)
    flood(tuple(low), empty, FACES)
    out = []
    while empty:
        out.append(flood(min(empty), empty, FACES))
    return out


def reference_fill_holes(parts, max_voxels):
    """The parts with their smaller holes; what has a label keeps it."""
    taken, out = {voxel for _, part in parts for voxel in part}, []
    for label, part in parts:
        fill = [voxel for hole in holes(part) if len(hole) < max_voxels for voxel in hole if voxel not in taken]
        taken.update(fill)
        out.append((label, part + sorted(fill)))
    return out


@dataclass
class Labels:
    """What `propagate` gives: voxel -> id (0 = occupied), and id -> its row of the table."""

    instance: dict
    table: dict = field(default_factory=dict)


def reference_propagate(voxels, config, voxel_m, weight_one=1, previous=None):
    """The labelled voxels and the table of objects."""
    labels, score = reference_fuse_labels(voxels, config, voxel_m)
    parts = []
    for label, part in reference_fill_holes(reference_components(labels), config.max_hole_m3 / voxel_m**3):
        if len(part) >= math.ceil(config.min_instance(label - 1) / voxel_m**3 - 1e-6):
            parts.append((label, part))
    ids = reference_keep_ids(parts, previous)
    out = Labels({v: 0 for v, voxel in voxels.items() if voxel.weight >= config.min_views * weight_one})
    if config.ignore_uncertain:
        labelled = {voxel for _, part in parts for voxel in part}
        found = {v: evidence(voxels, v, config) for v in voxels if v not in labelled}
        unsure = {v: best_of(e) + 1 for v, e in found.items() if max(e) >= np.float32(config.uncertain)}
        for number, (label, part) in enumerate(reference_components(unsure), start=1):
            describe(out, -number, label, part, voxels, found, voxel_m)
    for number, (label, part) in zip(ids, parts, strict=True):
        describe(out, number, label, part, voxels, score, voxel_m)
    return out


def describe(out, number, label, part, voxels, score, voxel_m):
    out.instance.update(dict.fromkeys(part, number))
    seen, c = [voxel for voxel in part if voxel in voxels], label - 1
    axes = list(zip(*part, strict=True))
    out.table[number] = {
        "category": c,
        "voxels": len(part),
        "score": statistics.fmean(float(score[voxel][c]) for voxel in seen) if seen else 0.0,
        "views": statistics.median(voxels[voxel].views for voxel in seen) if seen else 0.0,
        "support": statistics.median(voxels[voxel].votes[c] for voxel in seen) if seen else 0.0,
        "seen": len(seen) / len(part),
        "centre_xyz": [voxel_m * statistics.fmean(axis) for axis in axes],
        "size_xyz": [voxel_m * (max(axis) - min(axis) + 1) for axis in axes],
    }


def reference_keep_ids(parts, previous):
    """Ids of parts (label, voxels): of the objects they lie on, most shared voxels first; the others go on after."""
    if previous is None:
        return list(range(1, len(parts) + 1))
    pairs = []
    for number, (label, part) in enumerate(parts):
        for old, row in previous.table.items():
            size = sum(id_ == old for id_ in previous.instance.values())
            shared = sum(previous.instance.get(voxel) == old for voxel in part)
            if old > 0 and row["category"] == label - 1 and shared and shared >= 0.25 * min(len(part), size):
                pairs.append((-shared, number, old))
    ids = [0] * len(parts)
    for _, number, old in sorted(pairs):
        if ids[number] == 0 and old not in ids:
            ids[number] = old
    fresh = itertools.count(max([0, *previous.table]) + 1)
    return [id_ or next(fresh) for id_ in ids]


def walk(p, d, stops, max_t):
    """Amanatides and Woo (1987), from the camera on: the first stop and the parameter at which its voxel is entered."""
    voxel, t = [floored(value) for value in p], 0.0
    while True:
        if tuple(voxel) in stops:
            return tuple(voxel), t
        planes = [math.inf] * 3
        for axis in range(3):
            if abs(d[axis]) > 1e-12:
                planes[axis] = (voxel[axis] + (d[axis] > 0) - p[axis]) / d[axis]
        t, second = sorted(planes)[:2]
        if second - t < NEAR:
            raise TooClose
        if not at_most(t, max_t):
            return None, 0.0
        voxel[planes.index(t)] += 1 if d[planes.index(t)] > 0 else -1


class Scene(NamedTuple):
    """What is looked at, and from where.

    Attributes:
        stops: voxel -> id.
        origin: (3,) lower corner of voxel (0, 0, 0).
        voxel_m: edge of a voxel.
        camera: intrinsics.
        T: (4, 4) T_map_camera.
    """

    stops: dict
    origin: np.ndarray
    voxel_m: float
    camera: Camera
    T: np.ndarray


def reference_labels(scene, max_range, pixels="ray", depth=None, check=0.0):
    """(H, W) id of what each pixel sees and (H, W) depth at which its ray stops; 0 = nothing.

    Args:
        scene: the labelled voxels and the camera.
        max_range: greatest depth.
        pixels: "ray" or "depth": by the voxel that the pixel's own depth falls in, where it has one.
        depth: (H, W) the frame's own depth.
        check: "ray": nothing where the middle of the voxel is farther than this from the own depth; 0 = off.
    """
    stops, origin, voxel_m, camera, T = scene
    ids, out = np.zeros((camera.height, camera.width), int), np.zeros((camera.height, camera.width))
    p = [(T[n, 3] - origin[n]) / voxel_m for n in range(3)]
    for r, u in itertools.product(range(camera.height), range(camera.width)):
        a, b = (u - camera.cx) / camera.fx, (r - camera.cy) / camera.fy
        ray = [(T[n, 0] * a + T[n, 1] * b + T[n, 2]) / voxel_m for n in range(3)]
        own = float(depth[r, u]) if depth is not None else 0.0
        known = reading(own)
        if pixels == "depth" and known:
            voxel, t = tuple(floored(p[n] + own * ray[n]) for n in range(3)), own
            if own > max_range:
                voxel = None
        else:
            voxel, t = walk(p, ray, stops, max_range)
            if check > 0 and known and voxel is not None and not at_most(abs(t + 0.5 * voxel_m - own), check):
                voxel = None
        if voxel in stops:
            ids[r, u], out[r, u] = stops[voxel], t
    return ids, out
