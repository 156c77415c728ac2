# SPDX-License-Identifier: Apache-2.0
"""The front door: the README stays short, every page is in the index, no link is broken, what is quoted exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX = (ROOT / "docs/README.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs/examples/loop.py"
PAGES = [page for glob in ("*.md", "docs/**/*.md", "ros2_ws/src/*/*.md", "sim_bridge/*.md") for page in ROOT.glob(glob)]
EDGE = re.compile(r"^\s*\w+ -- (.+) --> \w+$", re.MULTILINE)


def code(language: str) -> str:
    """The first block of a language in the README."""
    found = re.search(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    assert found, f"no {language} in README.md"
    return found.group(1)


def relative_links(page: Path) -> list[str]:
    """Targets of links and pictures that name a file of the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [
        target.split("#")[0] for target in targets if "://" not in target and not target.startswith(("#", "mailto:"))
    ]


def test_readme_is_short() -> None:
    assert len(README[: README.index("![")].split()) <= 40
    assert len(README.split()) <= 700
    first = re.search(r"\*\*(.+?)\*\*", README, flags=re.DOTALL)
    assert first and len(first.group(1).split()) <= 20


def test_index_names_every_page_once() -> None:
    pages = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md")
    entries = re.findall(r"^\d+\. \[([\w.]+)\]\(([\w.]+)\): \S", INDEX, flags=re.MULTILINE)
    assert sorted(target for _, target in entries) == pages
    assert all(name == target for name, target in entries)
    assert "docs/README.md" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in relative_links(page) if not (page.parent / link).exists()] == []


def test_pictures_have_a_text_for_those_who_do_not_see_them() -> None:
    bare = [f"{page.relative_to(ROOT)}: {target}" for page in PAGES
            for text, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
            if len(text.split()) < 3]  # fmt: skip
    assert bare == []


def test_every_shipped_picture_is_shown_on_a_page() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in relative_links(page)}
    assert [path.name for path in (ROOT / "docs/images").iterdir() if path.resolve() not in shown] == []


def test_readme_quotes_the_example() -> None:
    example = [line.strip() for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    shown = code("python").splitlines()
    assert len(shown) <= 5
    assert [line for line in shown if line.strip() not in example] == []
    assert len(example) <= 25


def test_graph_shows_topics_that_exist() -> None:
    known = (ROOT / "docs/ros.md").read_text(encoding="utf-8")
    edges = [name.strip() for names in EDGE.findall(code("mermaid")) for name in names.split(",")]
    assert len(edges) > 10
    assert [name for name in edges if f"`{name}`" not in known and name not in ("bag", "dataset", "weights")] == []


def test_every_table_of_results_is_named() -> None:
    page = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "results").glob("*.json") if f"results/{path.name}" not in page] == []
