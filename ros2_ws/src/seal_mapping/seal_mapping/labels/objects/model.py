# SPDX-License-Identifier: Apache-2.0
"""How well a candidate fits a thing of its category: a regression of its overlap, shared and per category.

The overlap is the 3D IoU with the thing that the candidate fits best, 0 where there is none: it tells a mistake from a
thing and a good cut from a poor one at once, as IoU-Net does for boxes (Jiang et al. 2018). It is expected by a
logistic function of the features, fitted by cross-entropy against the overlap itself.

One set of weights is fitted to all categories together, and serves those that training homes do not have. Each of the
six then adds its own to it, held near zero by a prior: how high a bed is and how thick a tv says more than the mean.

Weights of evidence are never negative in sum: a thing that a detector is surer of is no worse for it. (Without that
bound the fit bends down beyond the scores that its data hold, and a better detector would get fewer labels.)
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, minimize

from seal_mapping.labels.objects.candidates import LEVELS
from seal_mapping.labels.objects.features import EVIDENCE, FEATURES
from seal_perception.errors import InputError
from seal_perception.files import write_json
from seal_perception.reading.text import read_json
from seal_perception.types import FloatArray

FORMAT, VERSION = "seal_object_model", 1
SHIPPED = Path(__file__).with_name("object_model.json")
"""Fitted on training homes with the shipped detector (`python -m seal_bringup.experiments.labels.objects`)."""
SHARED_PRIOR, OWN_PRIOR = 0.5, 3.0
"""Weights of the Gaussian priors, as if so many squared units of each weight cost one unit of log-likelihood."""


@dataclass(frozen=True)
class ObjectModel:
    """Weights on standardised features.

    Attributes:
        mean: (F,) of each feature.
        scale: (F,) standard deviation of each.
        shared: (F + 1,) weights of all categories, the offset last.
        own: per category name (F + 1,) weights to add.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    shared: tuple[float, ...]
    own: dict[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        count = len(FEATURES)
        rows = [(self.mean, count), (self.scale, count), (self.shared, count + 1)]
        for values, wanted in [*rows, *((row, count + 1) for row in self.own.values())]:
            if len(values) != wanted or not np.isfinite(values).all():
                raise ValueError(f"expected {wanted} finite numbers, got {len(values)}: {str(values)[:60]}")
        if not min(self.scale) > 0:
            raise ValueError(f"scales must be above 0, got {min(self.scale)}")

    def overlap(self, features: FloatArray, names: Sequence[str]) -> FloatArray:
        """(M,) expected overlap of each candidate, 0..1.

        Args:
            features: (M, F) of `features.describe`.
            names: (M,) category name of each.
        """
        x = _standardised(features, np.array(self.mean), np.array(self.scale))
        weights = np.array([np.add(self.shared, self.own.get(name, 0.0)) for name in names])
        odds = (x * weights.reshape(len(x), -1)).sum(axis=1) if len(x) else np.zeros(0)
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0))))

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        numbers = {"mean": self.mean, "scale": self.scale, "shared": self.shared}
        own = {name: _rounded(row) for name, row in self.own.items()}
        return {"features": list(FEATURES), **{key: _rounded(row) for key, row in numbers.items()}, "own": own}


def fit_object_model(features: FloatArray, names: Sequence[str], overlap: npt.ArrayLike) -> ObjectModel:
    """Most likely weights under the priors.

    Args:
        features: (M, F) of candidates.
        names: (M,) category name of each.
        overlap: (M,) true overlap of each with the thing of its category that it fits best, 0..1.

    Raises:
        InputError: if all overlap alike.
    """
    y = np.asarray(overlap, np.float64)
    if len(y) == 0 or y.min() == y.max():
        raise InputError(f"expected candidates that are things and others that are not, got {len(y)} of one kind")
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    x = _standardised(features, mean, scale)
    least = np.full(x.shape[1], -np.inf)
    least[: len(EVIDENCE)] = 0.0
    prior = np.full(x.shape[1], SHARED_PRIOR)
    prior[-1] = 1e-3  # the offset is free: how rare things are is no prior belief
    shared = _likeliest(x, y, np.zeros(len(y)), prior, least)
    own = {}
    for name in sorted(set(names)):
        rows = np.flatnonzero(np.array(names) == name)
        weights = _likeliest(x[rows], y[rows], x[rows] @ shared, np.full(x.shape[1], OWN_PRIOR), least - shared)
        own[name] = tuple(map(float, weights))
    return ObjectModel(tuple(map(float, mean)), tuple(map(float, scale)), tuple(map(float, shared)), own)


def _likeliest(x: FloatArray, y: FloatArray, odds: FloatArray, prior: FloatArray, least: FloatArray) -> FloatArray:
    """(F + 1,) weights, each at least `least`, that added to the log-odds (M,) make `y` likeliest under the prior."""

    def loss(w: FloatArray) -> tuple[float, FloatArray]:
        total = odds + x @ w
        error = 1.0 / (1.0 + np.exp(-total)) - y
        value = float(np.logaddexp(0.0, total).sum() - y @ total + 0.5 * (prior * w * w).sum())
        return value, error @ x + prior * w

    start = np.maximum(np.zeros(x.shape[1]), least)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=Bounds(least, np.inf), options={"maxiter": 2000})
    return np.asarray(found.x, np.float64)


def save_object_model(model: ObjectModel, path: Path, about: dict[str, Any]) -> None:
    """Write a model with JSON-ready facts about how it was made, whole or not at all."""
    write_json(path, {"format": FORMAT, "version": VERSION, "about": about, **model.as_dict()})


def read_object_model(path: Path) -> ObjectModel:
    """Read what `save_object_model` wrote.

    Raises:
        InputError: if the file is missing, broken, or of other features.
    """
    document = read_json(path)
    try:
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise ValueError(f"format {document['format']}, version {document['version']}")
        if tuple(document["features"]) != FEATURES:
            raise ValueError("its features are others than this version's")
        own = {str(name): _numbers(row) for name, row in document["own"].items()}
        mean, scale, shared = (_numbers(document[key]) for key in ("mean", "scale", "shared"))
        return ObjectModel(mean, scale, shared, own)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is no {FORMAT} of version {VERSION} ({type(error).__name__}: {error})") from error


@functools.lru_cache(maxsize=1)
def shipped_model() -> ObjectModel:
    """The model that comes with the package."""
    return read_object_model(SHIPPED)


def _standardised(features: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """(M, F + 1) features without mean and scale, at most 4 away from 0, and a column of ones.

    What lies far outside of what training homes showed is no more certain for it.
    """
    x = np.clip((features - mean) / scale, -4.0, 4.0)
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def model_digest(model: ObjectModel) -> str:
    """Hash of a model's numbers and of how candidates are made and chosen: other labels where it differs."""
    facts = json.dumps([VERSION, LEVELS, FEATURES, model.as_dict()], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _numbers(row: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in row)


def _rounded(row: Sequence[float]) -> list[float]:
    return [round(value, 6) for value in row]
