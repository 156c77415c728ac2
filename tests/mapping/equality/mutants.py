# SPDX-License-Identifier: Apache-2.0
"""The mutations: which fault `tests.mapping.equality.mutations` puts into which function, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

from tests.mapping.equality.operators import Change, Where


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        name: what goes wrong.
        kind: key of `KINDS`.
        function: package.module.function, package.module.Class or package.module.Class.method.
        changes: operators with their places, one after the other.
    """

    name: str
    kind: str
    function: str
    changes: tuple[Change, ...]

    @property
    def operator(self) -> str:
        """The changes in words."""
        return "; ".join(str(change) for change in self.changes)


KERNELS, CLEAR = "seal_mapping.voxels.kernels", "seal_mapping.voxels.clearing"
SCATTER, FUSE = f"{KERNELS}.scatter", f"{KERNELS}.fuse"
THROUGH, CLEAR_FREE = f"{CLEAR}.looks_through", f"{CLEAR}.clear_free"
FUSION, LABELS = "seal_mapping.labels.fusion", "seal_mapping.labels.propagate"
VOXEL_SET = "seal_mapping.voxels.voxel_set"
COMPONENTS, NEIGHBOURS = f"{VOXEL_SET}.connected_components", f"{VOXEL_SET}._group"
VOTE, FUSE_LABELS = f"{FUSION}._vote", f"{FUSION}.fuse_labels"
FILL, LARGE = f"{LABELS}.fill_holes", f"{LABELS}.drop_small"
TRACE, VOLUME = "seal_mapping.labels.raytrace", "seal_mapping.labels.volume"
RENDER, TRAVERSAL = f"{TRACE}._render", "seal_mapping.voxels.traversal"
IDS = "seal_mapping.labels.instance_ids"
SCORE_IMAGE = "seal_perception.detections.Detections.score_image"


def rounded(assigns):
    """`floor` becomes `round` in what is assigned to a name."""
    return Change("floor to round", Where("floor", assigns))


def replaced(name, to, assigns=None, touching=None, nth=0):
    """What is read becomes `to`; {} in it is what was read."""
    return Change("replace", Where(name, assigns, touching, nth), to)


def swapped(first, second, assigns):
    """Two names change places in what is assigned to a name."""
    return Change("swap", Where(first, assigns), second)


def strict(name, touching=None):
    """`>` becomes `>=`, `>=` becomes `>`, where a name is compared."""
    return Change("< to <= and back", Where(name, touching=touching))


def without(name, assigns=None, touching=None, nth=0):
    """The operand with a name is left out: a condition of several, a term, a factor, an element."""
    return Change("leave out", Where(name, assigns, touching, nth))


def change(operator, to="", **where):
    """Any other operator."""
    return Change(operator, Where(**where), to)


FLOOR = [
    ("map: x rounded", SCATTER, rounded("i")),
    ("map: z rounded", SCATTER, rounded("k")),
    ("explored: free ray rounded", f"{KERNELS}.mark_free", rounded("x")),
    ("explored: disc rounded", f"{KERNELS}.mark_disc", rounded("cj")),
    ("ray: start rounded", f"{TRAVERSAL}.leap_to_stop", rounded("y")),
    (
        "ray: leap rounded",
        f"{TRAVERSAL}._advance",
        rounded("new"),
        change("return it at once", assigns="new", touching="index"),
    ),
    ("labels by depth: x rounded", RENDER, rounded("x")),
]
SWAPPED = [
    ("map: camera's x and y", SCATTER, change("swap targets", assigns="tx")),
    ("map: place in the block", SCATTER, swapped("i", "j", "at")),
    ("map: block's x and y", SCATTER, swapped("i", "j", "block_ijk")),
    ("grid: obstacles", FUSE, replaced("dx", "dy", "x")),
    ("explored: direction of the ray", f"{KERNELS}.mark_free", replaced(2, "1", "y")),
    ("ray: direction", RENDER, swapped("a", "v", "dx")),
    ("clear: picture's u and v", THROUGH, change("swap subscripts", name="depth", assigns="d")),
]
LAST = [
    ("map: last pixel", SCATTER, change("last argument in place of the call", name="max", assigns="frame_best")),
    ("map: last frame", FUSE, change("condition always true", assigns="best_score")),
    ("map: last frame that said something", FUSE, replaced("old", "0", touching="new")),
    (
        "map: colour of the last pixel",
        SCATTER,
        change("in every turn of the loop", "u", assigns="frame_rgb"),
    ),
]
CONFIDENT = [
    ("reward: 231", FUSE, strict("confident")),
    ("reward: 229", "seal_mapping.voxels.config.MapConfig", replaced(230, "{} - 1", "confident")),
    ("paper's rule: 231", FUSE_LABELS, strict("confident")),
    ("paper's rule: 229", "seal_mapping.labels.config.LabelConfig", replaced(230, "{} - 1", "confident")),
    ("self-training: >= 0.9", "seal_mapping.datasets.self_training.SelfTraining.annotations", strict("min_score")),
    ("score picture: cut off", SCORE_IMAGE, replaced("rint", "np.floor")),
    ("score picture: rounded up", SCORE_IMAGE, replaced("rint", "np.ceil")),
    ("clear: confident ones that went", CLEAR_FREE, strict("confident")),
    ("map: views that vote", FUSE, strict("vote_score")),
]
HALF = [
    ("map: u", SCATTER, replaced("u", "{} + 0.5", "a")),
    ("map: v", SCATTER, replaced("r", "{} + 0.5", "v")),
    ("ray: u", RENDER, replaced("u", "{} + 0.5", "a")),
    ("ray: v", RENDER, replaced("r", "{} + 0.5", "v")),
    ("clear: u", THROUGH, without(0.5, "u")),
    ("clear: centre of the voxel", CLEAR_FREE, replaced(3.5, "4.0", "px")),
]
FRUSTUM = [
    ("map: too far", SCATTER, change("drop the statement", name="beyond", touching="continue")),
    ("map: too near", SCATTER, without("min_depth", touching="continue")),
    ("map: too low", SCATTER, without("min_z", touching="continue")),
    ("map: too high", SCATTER, without("max_z", touching="continue")),
    ("map: infinite depth", SCATTER, without("inf")),
    ("clear: outside the picture", THROUGH, change("clamp in place of leaving", name="shape", touching="u")),
    ("clear: too near or far", THROUGH, replaced("min_depth", "1e-9"), without("max_depth")),
    ("ray: too far", RENDER, replaced("max_t", "np.inf", touching="leap_to_stop")),
    ("labels by depth: too far", RENDER, without("max_t", touching="nx")),
    ("labels by depth: outside the box", RENDER, change("no lower bounds", name="nx")),
    ("window: reach", f"{VOLUME}.LabelVolume.crop_around", replaced("reach", "{} // 2", touching="_TILE", nth=None)),
]
LABELLING = [
    ("fill: at the limit too", FILL, strict("max_voxels")),
    ("fill: over other labels", FILL, change("drop the statement", assigns="cells", touching="taken")),
    ("fill: through edges", FILL, change("one more argument", "np.ones((3, 3, 3))", name="label")),
    ("fill: nothing", FILL, change("all places", assigns="fill", touching="hole")),
    (
        "components: by faces",
        NEIGHBOURS,
        change("one more condition", "sum(map(abs, offset)) == 1", name="offset", nth=1),
    ),
    ("components: across labels", NEIGHBOURS, without("labels", "near")),
    ("components: numbered by first voxel", COMPONENTS, without("labels", "order")),
    ("drop: at the bar too", LARGE, strict("ceil")),
    ("drop: one bar for all", LARGE, change("first argument", "99", name="min_instance")),
    ("vote: views not per voxel", VOTE, without("size", touching="agreement_min_views")),
    ("vote: log-odds of all voxels", VOTE, change("condition never true", assigns="support", nth=1)),
    ("vote: confident share", VOTE, without("size", touching="vote_confident_share")),
    ("vote: most voxels", VOTE, change("change the element", "{} > 0", name="column", assigns="support")),
    (
        "vote: per voxel",
        VOTE,
        change("change what is returned", "np.where({} > 0, candidates, 0)", name="part", touching="category"),
    ),
    ("ties: the higher category", FUSE_LABELS, change("last of equal maxima", name="argmax")),
    ("ids: the greater overlap", f"{IDS}.keep_ids", replaced("min", "max", "enough")),
    ("ids: fewest shared first", f"{IDS}.keep_ids", change("without its sign", name="shared")),
    ("objects' file: occupied too", f"{IDS}.save_objects", strict("instance", "objects")),
]
OTHER = [
    ("map: pixel lost as it grows", SCATTER, replaced("u", "{} + 1", touching="width", nth=None)),
    ("map: weight cut off", f"{KERNELS}.range_weight", without(0.5)),
    ("edges: one side only", f"{KERNELS}.filter_edges", change("last argument in place of the call", name="abs")),
    (
        "explored: farthest in place of nearest",
        f"{KERNELS}.mark_free",
        change("always the other value", name="near", assigns="row"),
    ),
    ("clear: views not in a row", FUSE, change("drop the statement", assigns="miss_count")),
    ("ray: leaps too far", f"{VOLUME}._clearance", replaced("chessboard", "'taxicab'")),
    ("ray: check without half a voxel", RENDER, without("half_voxel")),
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
MUTANTS = [
    Mutant(name, kind, function, tuple(changes)) for kind, rows in KINDS.items() for name, function, *changes in rows
]
