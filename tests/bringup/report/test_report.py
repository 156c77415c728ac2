# SPDX-License-Identifier: Apache-2.0
"""The report of a run: figures as in metrics.json, nothing loaded from outside, partial runs, hostile names."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.bringup.report.report_runs import home_metrics, make_run, walk

from seal_bringup.report import CubeView, write, write_report
from seal_bringup.report.figures import fixed, headline, signed
from seal_perception.errors import InputError
from seal_perception.files import write_json


@pytest.fixture(scope="module", autouse=True)
def _small_picture() -> Iterator[None]:
    """The picture of the map in the page, drawn small: the tests write a dozen pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "PICTURE", CubeView(width=240))
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("run")
    metrics = make_run(folder)
    return folder, metrics, write_report(folder).read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """What a reader sees: no scripts, styles or tags."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def cells_of_row(page: str, title: str) -> list[str]:
    """The bold figures of the AP table's row."""
    table = re.search(r'<table class="ap">(.*?)</table>', page, re.S)
    assert table
    row = next(row for row in re.findall(r"<tr class.*?</tr>", table[1], re.S) if f"<th>{title}" in row)
    return re.findall(r"<b>(.*?)</b>", row) + re.findall(r'class="num change \w+">(.*?)</td>', row)


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("pretrained", "Before"),
        ("self_training", "Self-training"),
        ("label_prop_paper", "3DLabelProp, paper"),
        ("label_prop", "3DLabelProp<"),
        ("oracle", "True labels"),
    ],
)
def test_ap_table_shows_the_figures_of_metrics_json(run, key, title):
    _, metrics, page = run
    rows = metrics["homes"]["test_01"]["rows"]
    base, row = rows["pretrained"], rows[key]
    expected = [f"{row['box_ap50']:.1f}", f"{row['mask_ap50']:.1f}"]
    gains = [] if key == "pretrained" else [row[m] - base[m] for m in ("box_ap50", "mask_ap50")]
    expected += [f"+{gain:.1f}" for gain in gains] or ["", ""]
    assert cells_of_row(page, title) == expected
    low, high = row["box_ap50_interval"]
    assert f"{low:.1f} to {high:.1f}" in text_of(page)


def test_every_category_figure_and_label_figure_is_shown(run):
    _, metrics, page = run
    text, home = text_of(page), metrics["homes"]["test_01"]
    for row in home["rows"].values():
        for name, figures in row["per_category"].items():
            assert fixed(figures["box_ap50"]) in text and fixed(figures["mask_ap50"]) in text, name
    for labels in home["labels"].values():
        for share in (labels["precision"], labels["recall"], labels["pixel_recall"]):
            assert f"{100 * share:.1f}" in text
        for kind, count in labels["errors"].items():
            assert f"{kind} {count}" in text
    assert "43.8 box AP50" in text and "from 34.1" in text and "84.4 % of the labels" in text
    assert "93.1 %" in text and "6.2 9.7" in text and "121.4" in text and "71.3" in text


def test_nothing_is_loaded_from_outside(run):
    _, _, page = run
    assert not re.search(r"https?://|//[a-z0-9.-]+\.[a-z]{2,}/", page)
    for source in re.findall(r'\b(?:src|href)="([^"]*)"', page):
        assert source.startswith(("data:image/", "#")), source[:80]
    assert "@import" not in page and "url(" not in page and "fetch(" not in page
    assert len(page) < 12e6


def test_pictures_and_viewer_are_in_the_page(run):
    _, _, page = run
    assert page.count("data:image/jpeg;base64,") == 16
    assert "Ground truth (evaluation only)" in page
    assert page.count('class="curve"') == 2
    pack = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1])
    assert pack["count"] > 3000 and len(pack["path"]) == len(walk())


def test_the_same_folder_gives_the_same_bytes(run):
    folder, _, page = run
    assert write_report(folder).read_text(encoding="utf-8") == page


def test_several_homes_have_tabs_and_the_mean(tmp_path):
    make_run(tmp_path, ("test_01", "test_02"), width=40)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert len(re.findall(r'<button role="tab"', page)) == 2 and "Mean of 2 homes" in page
    assert "On average over 2 homes, the detector rose from 35.0 to 44.7" in text_of(page)


def test_an_empty_folder_gives_a_page_without_figures(tmp_path):
    page = write_report(tmp_path).read_text(encoding="utf-8")
    text = text_of(page)
    assert "This report is partial." in text and "config.json is missing" in text and "metrics.json is missing" in text
    assert "not finished" in text and "<table" not in page and "data:image" not in page


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda home: (home / "map.npz").unlink(), "map.npz is missing"),
        (lambda home: (home / "map.npz").write_bytes(b"PK broken"), "map.npz cannot be read"),
        (lambda home: (home / "status.json").write_text("{"), "status.json cannot be read"),
        (lambda home: (home / "trajectory.json").write_text("[1]"), "trajectory.json must hold an object"),
        (lambda home: (home / "samples/000_label.png").write_bytes(b"no"), "000_label.png cannot be read"),
        (lambda home: (home / "samples/000_label.png").unlink(), "missing"),
    ],
)
def test_a_damaged_home_is_reported_and_the_rest_shown(run, tmp_path, damage, said):
    shutil.copytree(run[0], tmp_path / "run")
    damage(tmp_path / "run" / "test_01")
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert said in text_of(page)
    assert cells_of_row(page, "3DLabelProp<")[0] == "43.8"


def test_labels_in_the_form_of_label_quality_are_understood(tmp_path):
    part = {"instance_precision": 0.8125, "instance_recall": 0.4375, "pixel_precision": None, "predicted": 17}
    whole = {**part, "errors": {"background": 5, "poor localisation": 2}}
    labels = {"label_prop": {"frames": 3, "overall": whole, "per_category": {"chair": {**part, "predicted": 11}}}}
    write_json(tmp_path / "metrics.json", {"homes": {"h": {"rows": {}, "labels": labels}}})
    text = text_of(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "3DLabelProp 81.2 43.8 – – background 5 poor localisation 2" in text and "chair 81.2 43.8 11" in text


def test_missing_and_nonsense_figures_are_dashes(tmp_path):
    rows = {"pretrained": {"box_ap50": 31.0}, "label_prop": {"box_ap50": float("nan"), "mask_ap50": "high"}}
    (tmp_path / "metrics.json").write_text(json.dumps({"homes": {"h": {"rows": rows, "labels": {"label_prop": None}}}}))
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert cells_of_row(page, "3DLabelProp<") == ["–", "–", "–", "–"]
    assert "fine-tuned one is not measured yet" in text_of(page)
    assert "nan" not in text_of(page).lower()


def test_names_cannot_inject_html(tmp_path):
    evil = "<img src=x onerror=alert(1)>"
    rows = {"pretrained": {"box_ap50": 1.0, "per_category": {evil: {"box_ap50": 2.0}}}, evil: {"box_ap50": 3.0}}
    labels = {"label_prop": {"precision": 0.5, "errors": {evil: 3}, "per_category": {evil: {"precision": 0.1}}}}
    write_json(tmp_path / "metrics.json", {"preset": evil, "homes": {evil: {"rows": rows, "labels": labels}}})
    write_json(tmp_path / "config.json", {evil: {evil: evil}})
    write_json(tmp_path / evil / "status.json", {"step": [0, 1], "explored_m2": [0, 1], "ms": {evil: [1, 2]}})
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert evil not in page and "<img src=x" not in page
    assert page.count(html.escape(evil)) >= 8


def test_a_home_named_like_a_path_reads_no_other_folder(tmp_path):
    make_run(tmp_path / "other", width=40)
    write_json(tmp_path / "run/metrics.json", {"homes": {"../other/test_01": home_metrics(0)}})
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "data:image" not in page and "43.8" in page


def test_no_folder_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        write_report(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(34.1, 41.2, "rose from 34.1 to 41.2"), (34.1, 30.0, "fell from 34.1 to 30.0"), (34.1, 34.12, "stayed at 34.1")],
)
def test_headline_says_what_happened(before, after, words):
    figures = {"rows": {"pretrained": {"box_ap50": before}, "label_prop": {"box_ap50": after}}, "labels": {}}
    assert words in headline(figures, "test_01")


def test_numbers_have_true_signs():
    assert [fixed(-3.24), fixed(-0.01), signed(2.0), signed(-1.26), signed(0.02), fixed(None)] == [
        "−3.2", "0.0", "+2.0", "−1.3", "0.0", "–"
    ]  # fmt: skip
