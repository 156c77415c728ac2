# SPDX-License-Identifier: Apache-2.0
"""The mutations: what `tests.mapping.equality.mutations` changes in the fast code, one at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One textual change.

    Attributes:
        name: what goes wrong.
        kind: of issue 3's list, or "labels" and "other".
        file: package/module.py.
        original: text that is there, exactly `times` times.
        changed: text in its place.
        times: how often it occurs; all of them are changed.
    """

    name: str
    kind: str
    file: str
    original: str
    changed: str
    times: int = 1


KERNELS, CLEAR = "seal_mapping/voxels/kernels.py", "seal_mapping/voxels/clearing.py"
FUSION, LABELS = "seal_mapping/labels/fusion.py", "seal_mapping/labels/propagate.py"
TRACE, VOLUME = "seal_mapping/labels/raytrace.py", "seal_mapping/labels/volume.py"
IDS = "seal_mapping/labels/instance_ids.py"

FLOOR = [
    (
        "map: x rounded",
        KERNELS,
        "int(math.floor((dx + tx - origin[0]) / voxel_m))",
        "round((dx + tx - origin[0]) / voxel_m)",
    ),
    ("map: z rounded", KERNELS, "int(math.floor((z - origin[2]) / voxel_m))", "round((z - origin[2]) / voxel_m)"),
    (
        "explored: free ray rounded",
        KERNELS,
        "int(math.floor((camera[0] + t * row[1] - origin[0]) / cell_m))",
        "round((camera[0] + t * row[1] - origin[0]) / cell_m)",
    ),
    (
        "explored: disc rounded",
        KERNELS,
        "int(math.floor((centre[1] - origin[1]) / cell_m))",
        "round((centre[1] - origin[1]) / cell_m)",
    ),
    ("ray: start rounded", TRACE, "int(math.floor(px)), int(math.floor(py))", "int(math.floor(px)), round(py)"),
    ("ray: leap rounded", TRACE, "new = max(new, index)", "return max(round(p + t * d), index)"),
    ("labels by depth: x rounded", TRACE, "int(math.floor(p[0] + d * dx))", "round(p[0] + d * dx)"),
]
SWAPPED = [
    (
        "map: camera's x and y",
        KERNELS,
        "tx, ty, tz = T[0, 3], T[1, 3], T[2, 3]",
        "ty, tx, tz = T[0, 3], T[1, 3], T[2, 3]",
    ),
    ("map: place in the block", KERNELS, "((i & 7) << 6) | ((j & 7) << 3)", "((j & 7) << 6) | ((i & 7) << 3)"),
    ("map: block's x and y", KERNELS, "= i >> 3, j >> 3, k >> 3", "= j >> 3, i >> 3, k >> 3"),
    (
        "grid: obstacles",
        KERNELS,
        "x = ((block_ijk[b, 0] - low[0]) << 3) + (inside >> 6)",
        "x = ((block_ijk[b, 0] - low[0]) << 3) + ((inside >> 3) & 7)",
    ),
    ("explored: direction of the ray", KERNELS, "camera[1] + t * row[2]", "camera[1] + t * row[1]"),
    (
        "ray: direction",
        TRACE,
        "dx = rotation[0, 0] * a + rotation[0, 1] * v",
        "dx = rotation[0, 1] * a + rotation[0, 0] * v",
    ),
    (
        "clear: picture's u and v",
        CLEAR,
        "d = depth[r, c]",
        "d = depth[min(c, depth.shape[0] - 1), min(r, depth.shape[1] - 1)]",
    ),
]
LAST = [
    (
        "map: last pixel",
        KERNELS,
        "frame_best[s, c] = max(frame_best[s, c], scores[r, u, c])",
        "frame_best[s, c] = scores[r, u, c]",
    ),
    (
        "map: last frame",
        KERNELS,
        "                best[row, c] = new\n            after",
        "                pass\n            best[row, c] = new\n            after",
    ),
    ("map: last frame that said something", KERNELS, "if new > old:", "if new > 0:"),
    (
        "map: colour of the last pixel",
        KERNELS,
        "                last_i, last_j, last_k, last_s = i, j, k, s\n",
        "                last_i, last_j, last_k, last_s = i, j, k, s\n            frame_rgb[last_s] = rgb[r, u]\n",
    ),
]
CONFIDENT = [
    ("reward: 231", KERNELS, "before < confident <= after", "before <= confident < after"),
    ("reward: 229", "seal_mapping/voxels/config.py", "confident: int = 230", "confident: int = 229"),
    ("paper's rule: 231", FUSION, "(cloud.score >= config.confident)", "(cloud.score > config.confident)"),
    ("paper's rule: 229", "seal_mapping/labels/config.py", "confident: int = 230", "confident: int = 229"),
    ("self-training: >= 0.9", "seal_mapping/datasets/labelling.py", "if score > min_score", "if score >= min_score"),
    (
        "score picture: cut off",
        "seal_perception/detections.py",
        "np.rint(255.0 * float(score))",
        "np.floor(255.0 * float(score))",
    ),
    (
        "score picture: rounded up",
        "seal_perception/detections.py",
        "np.rint(255.0 * float(score))",
        "np.ceil(255.0 * float(score))",
    ),
    ("clear: confident ones that went", CLEAR, "if best[row, c] >= confident:", "if best[row, c] > confident:"),
    ("map: views that said so", KERNELS, "if new >= said_score:", "if new > said_score:"),
]
HALF = [
    ("map: u", KERNELS, "a = (u - cx) / fx", "a = (u + 0.5 - cx) / fx"),
    ("map: v", KERNELS, "v = (r - cy) / fy", "v = (r + 0.5 - cy) / fy"),
    ("ray: u", TRACE, "a = (u - cx) / fx", "a = (u + 0.5 - cx) / fx"),
    ("ray: v", TRACE, "v = (r - cy) / fy", "v = (r + 0.5 - cy) / fy"),
    ("clear: u", CLEAR, "intrinsics[2] + 0.5))", "intrinsics[2]))"),
    ("clear: centre of the voxel", CLEAR, "((v >> 6) - 3.5)", "((v >> 6) - 4.0)"),
]
FRUSTUM = [
    ("map: too far", KERNELS, "            if beyond:\n                continue\n", ""),
    ("map: too near", KERNELS, "if d < min_depth or z < min_z", "if z < min_z"),
    ("map: too low", KERNELS, "d < min_depth or z < min_z or z > max_z", "d < min_depth or z > max_z"),
    ("map: too high", KERNELS, "d < min_depth or z < min_z or z > max_z", "d < min_depth or z < min_z"),
    ("map: infinite depth", KERNELS, "if not (d > 0.0 and d < np.inf):", "if not (d > 0.0):"),
    (
        "clear: outside the picture",
        CLEAR,
        "        return False\n    for r in",
        "        u = min(max(u, 1), depth.shape[1] - 2)\n        v = min(max(v, 1), depth.shape[0] - 2)\n    for r in",
    ),
    ("clear: too near or far", CLEAR, "if z < min_depth or z > max_depth:", "if z <= 0.0:"),
    (
        "ray: too far",
        TRACE,
        "dx, dy, dz, clearance, max_t)\n                if",
        "dx, dy, dz, clearance, np.inf)\n                if",
    ),
    ("labels by depth: too far", TRACE, "if d > max_t or not (0 <=", "if not (0 <="),
    (
        "labels by depth: outside the box",
        TRACE,
        "if d > max_t or not (0 <= x < nx and 0 <= y < ny and 0 <= z < nz):",
        "if d > max_t or not (x < nx and y < ny and z < nz):",
    ),
    (
        "window: reach",
        VOLUME,
        "tile - reach, tile + _TILE - 1 + reach",
        "tile - reach // 2, tile + _TILE - 1 + reach // 2",
    ),
]
LABELLING = [
    ("fill: at the limit too", LABELS, "fill = size < max_voxels", "fill = size <= max_voxels"),
    ("fill: over other labels", LABELS, "        cells = cells[find(taken, voxel_keys(cells)) < 0]\n", ""),
    ("fill: through edges", LABELS, "ndimage.label(~body)", "ndimage.label(~body, np.ones((3, 3, 3)))"),
    ("fill: nothing", LABELS, "fill[[0, hole[0, 0, 0]]] = False", "fill[:] = False"),
    ("components: by faces", FUSION, "if offset > (0, 0, 0)]", "if offset > (0, 0, 0) and sum(map(abs, offset)) == 1]"),
    ("components: across labels", FUSION, "(other >= 0) & (values[other] == values)", "other >= 0"),
    ("components: numbered by first voxel", FUSION, "np.lexsort((first, values[first]))", "np.argsort(first)"),
    ("drop: at the bar too", LABELS, "size >= np.ceil(", "size > np.ceil("),
    ("drop: one bar for all", LABELS, "config.min_instance(int(label) - 1)", "config.min_instance(99)"),
    ("vote: views not per voxel", FUSION, "config.agreement_min_views * size", "config.agreement_min_views"),
    (
        "vote: log-odds of all voxels",
        FUSION,
        'if config.evidence == "log_odds":  # per voxel',
        "if False:  # per voxel",
    ),
    ("vote: confident share", FUSION, "config.vote_confident_share * size", "config.vote_confident_share"),
    (
        "vote: most voxels",
        FUSION,
        "total = np.stack([np.bincount(of_row, column[inside], count + 1)",
        "total = np.stack([np.bincount(of_row, column[inside] > 0, count + 1)",
    ),
    ("vote: per voxel", FUSION, "return category[part]", "return np.where(category[part] > 0, candidates, 0)"),
    (
        "ties: the higher category",
        FUSION,
        "evidence.argmax(axis=1) + 1, NO_LABEL).astype(np.uint8)\n    return (_vote",
        "evidence.shape[1] - evidence[:, ::-1].argmax(axis=1), NO_LABEL).astype(np.uint8)\n    return (_vote",
    ),
    ("ids: the greater overlap", IDS, "LEAST_OVERLAP * min(", "LEAST_OVERLAP * max("),
    ("ids: fewest shared first", IDS, "pairs[:, 0], -shared", "pairs[:, 0], shared"),
    (
        "objects' file: occupied too",
        IDS,
        "    objects = volume.instance > 0\n    with",
        "    objects = volume.instance >= 0\n    with",
    ),
]
OTHER = [
    ("map: pixel lost as it grows", KERNELS, "return r * width + u", "return r * width + u + 1", 2),
    ("map: weight cut off", KERNELS, "WEIGHT_ONE * share * share + 0.5", "WEIGHT_ONE * share * share"),
    ("edges: one side only", KERNELS, "if abs(depth[rr, uu] - d) > limit:", "if depth[rr, uu] - d > limit:"),
    (
        "explored: farthest in place of nearest",
        KERNELS,
        "row = near[u] if near[u, 0] < np.inf else far[u]",
        "row = far[u]",
    ),
    ("clear: views not in a row", KERNELS, "            misses[row] = 0\n", "            pass\n"),
    ("ray: leaps too far", VOLUME, 'metric="chessboard"', 'metric="taxicab"'),
    ("ray: check without half a voxel", TRACE, "abs(t + half_voxel - d) > check", "abs(t - d) > check"),
]
KINDS = {
    "floor to round": FLOOR,
    "x and y swapped": SWAPPED,
    "max to last": LAST,
    "> to >= at 0.9": CONFIDENT,
    "half a pixel": HALF,
    "frustum check lost": FRUSTUM,
    "labels": LABELLING,
    "other": OTHER,
}
MUTANTS = [Mutant(row[0], kind, *row[1:]) for kind, rows in KINDS.items() for row in rows]
