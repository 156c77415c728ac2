# SPDX-License-Identifier: Apache-2.0
"""The equality tests catch every mutation of the fast code, and pass on the code as it is (plain Python kernels)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tests.mapping.equality.mutants import KINDS, MUTANTS
from tests.mapping.equality.mutations import SOURCES, mutated, try_all


@pytest.mark.timeout(900)
def test_every_mutation_is_caught_and_the_code_itself_passes():
    unchanged, *outcomes = try_all([None, *MUTANTS])
    assert not unchanged.caught, unchanged.output[-3000:]
    assert [outcome.mutant.name for outcome in outcomes if not outcome.caught] == []
    assert all(outcome.by.startswith("test_equality") for outcome in outcomes)


def test_every_kind_of_the_issue_has_mutants():
    listed = (
        "floor to round",
        "x and y swapped",
        "max to last",
        "> to >= at 0.9",
        "half a pixel",
        "frustum check lost",
    )
    assert all(len(KINDS[kind]) >= 2 for kind in listed)
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_a_mutation_of_text_that_is_not_there_is_an_error(repo_root):
    mutant = replace(MUTANTS[0], original="no such text")
    text = (repo_root / SOURCES / "seal_mapping" / mutant.file).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"map: x rounded: expected 1 x in .*map_kernels.py, found 0: 'no such text'"):
        mutated(text, mutant)


def test_the_shown_results_are_of_these_mutants_compiled(repo_root):
    shown = json.loads((repo_root / "results" / "mutations.json").read_text(encoding="utf-8"))
    assert shown["compiled"] is True and shown["provenance"]["packages"]["numba"] != "absent"
    rows = {row["name"]: row for row in shown["mutants"]}
    assert set(rows) == {mutant.name for mutant in MUTANTS}
    assert all(row["caught"] and row["by"] for row in rows.values())
