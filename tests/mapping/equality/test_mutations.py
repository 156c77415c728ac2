# SPDX-License-Identifier: Apache-2.0
"""The equality tests catch every mutation of the fast code, and pass on the code as it is (plain Python kernels)."""

from __future__ import annotations

import ast
import json
from dataclasses import replace

import pytest
from tests.mapping.equality.mutants import KINDS, MUTANTS
from tests.mapping.equality.mutations import SOURCES, module_of, mutated, try_all
from tests.mapping.equality.operators import Change, Where


@pytest.fixture
def sources(repo_root):
    """Folder of the ROS packages' sources."""
    return repo_root / SOURCES


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


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutation_finds_its_place(mutant, sources):
    path, name = module_of(mutant, sources / mutant.function.split(".")[0])
    text = path.read_text(encoding="utf-8")
    changed = mutated(text, name, mutant)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))


@pytest.mark.parametrize(
    ("source", "change", "expected"),
    [
        (
            "x = int(math.floor(p / q)) + int(math.floor(r))",
            Change("floor to round", Where("floor")),
            "x = round(p / q) + int(math.floor(r))",
        ),
        ("a, b = p[0], p[1]", Change("swap subscripts", Where("q")), None),
        ("a, b = (u + 1, u + 2)", Change("replace", Where("u", "b"), "{} / 2"), "a, b = (u + 1, u / 2 + 2)"),
        ("a, b = (u + 1, u + 2)", Change("replace", Where("u", nth=None), "v"), "a, b = (v + 1, v + 2)"),
        ("x = (i << 6) + j", Change("swap", Where("i", "x"), "j"), "x = (j << 6) + i"),
        ("x = a <= b", Change("< to <= and back", Where("b")), "x = a < b"),
        ("x = a < 1 or b < 2 or c < 3", Change("leave out", Where("b")), "x = a < 1 or c < 3"),
        ("x = a + b - d", Change("leave out", Where("b")), "x = a - d"),
        ("x = a / b", Change("leave out", Where("b")), None),
        ("x = 1\nx = -y", Change("drop the statement", Where(assigns="x", touching="y")), "x = 1\npass"),
        ("x = 1\nx = y", Change("drop the statement", Where(assigns="x", nth=2)), None),
        ("x, y = p.x, p[0]\nx = 2", Change("drop the statement", Where(assigns="x")), "x, y = (p.x, p[0])\npass"),
        ("a = p.a\nx = a < b", Change("< to <= and back", Where("a")), "a = p.a\nx = a <= b"),
    ],
)
def test_an_operator_changes_one_place_or_says_that_there_is_none(source, change, expected):
    tree = ast.parse(source)
    if expected is None:
        with pytest.raises(LookupError):
            change.apply(tree)
        return
    change.apply(tree)
    assert ast.unparse(tree) == expected


@pytest.mark.parametrize(
    ("function", "where", "expected"),
    [
        ("scatters", Where("floor", "i"), "no function scatters"),
        ("scatter", Where("floor", "nobody"), "0 places"),
        ("scatter", Where("height", "height"), "0 places"),
    ],
)
def test_a_place_that_is_gone_is_one_line_with_function_and_operator(sources, function, where, expected):
    mutant = replace(
        MUTANTS[0], function=f"seal_mapping.voxels.kernels.{function}", changes=(Change("floor to round", where),)
    )
    path, name = module_of(mutant, sources / "seal_mapping")
    with pytest.raises(ValueError, match=r"^map: x rounded: seal_mapping\.voxels\.kernels\.scatters?\b") as caught:
        mutated(path.read_text(encoding="utf-8"), name, mutant)
    assert str(caught.value).endswith(expected) and "floor to round: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shown_results_are_of_these_mutants_compiled(repo_root):
    shown = json.loads((repo_root / "results" / "mutations.json").read_text(encoding="utf-8"))
    assert shown["compiled"] is True and shown["provenance"]["packages"]["numba"] != "absent"
    rows = {row["name"]: row for row in shown["mutants"]}
    assert set(rows) == {mutant.name for mutant in MUTANTS}
    assert all(row["caught"] and row["by"] for row in rows.values())
