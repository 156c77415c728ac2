# SPDX-License-Identifier: Apache-2.0
"""Figures of the runs on a fake robot: shares by stamp, contacts, memory that is flat, queues that do not grow."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seal_bringup.evaluation.robot_run import NS, Window
from seal_bringup.experiments.robot.__main__ import main, parse
from seal_bringup.experiments.robot.bars import HEAD, judged, table
from seal_bringup.experiments.robot.cells import Cell, stack_figures
from seal_bringup.experiments.robot.growth import flatness, queue_growth, read_process, soak_figures
from seal_bringup.experiments.robot.soak_plot import draw_soak
from seal_perception.errors import InputError, SealError
from seal_perception.files import write_json

HOUR = [10.0 * k for k in range(361)]


def a_run(pictures: int = 100) -> tuple[dict[str, Any], dict[str, Any]]:
    """5 Hz; each tenth picture has no depth, the robot drives 0.1 m a picture; what stamp 0..9 show is before it."""
    stamps = [k * NS // 5 for k in range(pictures)]
    truth = {
        "stamps_ns": stamps,
        "depth": [k % 10 != 9 for k in range(pictures)],
        "contacts": [0 if k < 50 else 1 if k < 75 else 3 for k in range(pictures)],
        "true": [[0.1 * k, 0.0, 0.0] for k in range(pictures)],
        "claimed": [[0.11 * k, 0.0, 0.0] for k in range(pictures)],
    }
    mapped = [stamp for k, stamp in enumerate(stamps) if k % 10 != 9 and k % 20 != 5 and k > 3]
    return truth, {"stamps_ns": mapped, "poses": [[0.5 * stamp / NS, 0.0, 0.0] for stamp in mapped]}


def test_what_counts_is_frames_with_depth_from_the_first_drive_on() -> None:
    truth, trajectory = a_run()
    found = Window(truth, trajectory, 2 * NS, 16.0)  # pictures 10..89
    shares = found.shares()
    assert (shares["pictures"], shares["frames"], shares["mapped"]) == (80, 72, 68)
    assert shares["mapped_share"] == pytest.approx(68 / 72, abs=1e-4) and shares["frames_per_s"] == 4.5
    assert found.touched() == {"contacts": 3, "contacts_per_minute": 11.25, "contacts_s": [8.0, 13.0, 13.0]}
    assert found.driven(8.0) == {"driven_m": 7.9, "driven_by_part_m": [3.9, 3.9]}
    with pytest.raises(SealError, match="no picture was mapped"):
        Window(truth, {"stamps_ns": [], "poses": []}, 0, 5.0)
    with pytest.raises(SealError, match="no picture was sent in the 5 s after"):
        Window(truth, trajectory, 10**12, 5.0)


@pytest.mark.parametrize(
    ("grows", "flat"),
    [
        (lambda s: 100.0 + 40.0 * min(1.0, s / 500.0), True),  # what is loaded at first does not count
        (lambda s: 100.0 + 3.0 * math.sin(s), True),
        (lambda s: 100.0 + 4.0 * s / 3600.0, True),
        (lambda s: 100.0 + 7.0 * s / 3600.0, False),  # 5.7 MB from the tenth minute on
        (lambda s: 100.0 + (8.0 if s > 3000 else 0.0), False),
        (lambda s: 100.0 + (50.0 if s == 2000.0 else 0.0), True),  # one reading of 360 is no growth
    ],
)
def test_memory_is_flat_within_five_percent_after_ten_minutes(grows: Any, flat: bool) -> None:
    found = flatness(HOUR, [grows(s) for s in HOUR])
    assert found["flat"] is flat, found


def test_too_short_a_run_tells_nothing_of_memory() -> None:
    assert flatness(HOUR[:70], [1.0] * 70) == {} and queue_growth(HOUR[:70], [1.0] * 70, 0.1) == {}
    short = {"mapping": {"s": HOUR[:70], "mb": [1.0] * 70}}
    found = soak_figures(short, [])
    assert not found["flat"] and not found["no_growing_queue"], "what was not measured does not pass"


def rows(ages: Any, waiting: float = 1.0) -> list[dict[str, Any]]:
    return [
        {"s": s, "begun_ns": 1, "ages_s": {"odom": [0.01, 0.1, 500], "map/status": [ages(s), 1.0, 50]},
         "map": {"frames_waiting": waiting, "frames_dropped": 3.0}, "stops": {},
         "reasons": {"gate: no odom for 0.4 s": 2}}
        for s in HOUR
    ]  # fmt: skip


def test_a_queue_that_grows_shows_in_the_age_of_what_comes_out() -> None:
    memory = {"mapping": {"s": HOUR, "mb": [500.0 for _ in HOUR]}}
    well = soak_figures(memory, rows(lambda s: 0.2 + 0.05 * math.sin(s)))
    assert well["flat"] and well["no_growing_queue"]
    bad = soak_figures(memory, rows(lambda s: 0.2 + s / 3600.0))
    assert bad["flat"] and not bad["no_growing_queue"] and bad["queues"]["age of map/status, s"]["grows"]
    assert not bad["queues"]["age of odom, s"]["grows"]
    ended = [row if row["s"] < 1200 else {**row, "ages_s": {"odom": [0.01, 0.1, 500]}} for row in rows(lambda s: 0.2)]
    silent = soak_figures(memory, ended)["queues"]["age of map/status, s"]
    assert silent["grows"] and silent["silent_from_s"] == 1190.0, "what comes no more has no age"
    told = stack_figures(rows(lambda s: 0.2))
    assert told["age_s"]["map/status"] == 0.2 and told["stood_for"] == {"gate: no odom for ... s": 2 * 360}


def figures(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "asked": {"home": "test_02", "kind": "run"}, "mapped": 96, "frames": 100, "mapped_share": 0.96,
        "seen_share": 0.9, "minutes_to_80": 2.0, "driven_m": 100.0, "contacts_per_minute": 0.5,
        "pose_error": {"mean_m": 0.1, "max_m": 0.2, "mean_deg": 1.0, "max_deg": 2.0},
        "map_error": {"mean_cm": 12.6}, "map_error_of_true_poses": {"mean_cm": 2.9},
    }  # fmt: skip
    return row | changes


def test_the_bars() -> None:
    paced = {"test_02": {"noise": {"map_error": {"mean_cm": 11.7}}}}
    good = judged(figures(), paced)
    assert all(good["bars"].values()) and good["paced_map_cm"] == 11.7
    for changes, missed in (
        ({"mapped_share": 0.949}, "mapped"),
        ({"seen_share": 0.79}, "seen"),
        ({"contacts_per_minute": 1.1}, "contacts"),
        ({"map_error": {"mean_cm": 12.8}}, "map"),
    ):
        row = judged(figures(**changes), paced)
        assert [bar for bar, met in row["bars"].items() if not met] == [missed]
        assert table({"x": row})[0][-1] == f"fail: {missed}"
    unknown = judged(figures(asked={"home": "train_01", "kind": "run"}), paced)
    assert unknown["bars"]["map"] is None and table({"x": unknown})[0][-1] == "pass (map not compared)"
    soak = good | {"soak": {"flat": False, "no_growing_queue": True}}
    assert table({"x": soak})[0][-1] == "fail: flat" and len(table({"x": soak})[0]) == len(HEAD)


def test_what_is_asked_for() -> None:
    _, cells = parse(["--minutes", "2", "--soak", "60", "--soak-home", "test_03"])
    assert len(cells) == 11 and [cell.kind for cell in cells].count("soak") == 1
    assert {(c.driver, c.best_effort) for c in cells} == {("4.54", False), ("4.55", True)}
    assert cells[-1].name == "soak_test_03_kobuki" and cells[-1].minutes == 60
    robot = cells[0].robot(Path("x"))
    assert robot.enable and robot.wall_heading and robot.motion_noise == "locobot"
    with pytest.raises(InputError, match="base must be kobuki or create3"):
        parse(["--bases", "kobuki,roomba"])
    with pytest.raises(InputError, match="need --at-once >= 1"):
        parse(["--minutes", "0"])
    assert main(["--bases", "roomba"]) == 1


def test_a_cell_that_fails_says_why_and_the_rest_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from seal_bringup.experiments.robot import __main__ as command

    def run_cell(cell: Cell, *_: Any) -> dict[str, Any]:
        if cell.base == "create3":
            raise SealError("node mapping ended with -9: killed")
        return figures(asked={"home": cell.home, "kind": cell.kind}, memory={}, ages=[])

    monkeypatch.setattr(command, "run_cell", run_cell)
    write_json(tmp_path / "paced.json", {"homes": {"test_01": {"noise": {"map_error": {"mean_cm": 61.0}}}}})
    where = ["--work", str(tmp_path / "w"), "--out", str(tmp_path / "o.json"), "--paced", str(tmp_path / "paced.json")]
    assert main(["--homes", "test_01", *where, "--at-once", "2"]) == 1
    printed = capsys.readouterr().out
    assert "run_test_01_create3 failed: node mapping ended with -9" in printed and "pass" in printed


def test_ctrl_c_ends_the_run_under_way_and_starts_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command waited for the ten minutes of the run."""
    import _thread
    import signal

    from seal_bringup.experiments.robot import __main__ as command

    begun: list[str] = []

    def run_cell(cell: Cell, work: Path, domain_id: int, say: Any, keep_bag: bool, stop: Any) -> dict[str, Any]:
        begun.append(cell.name)
        _thread.interrupt_main()
        assert stop.wait(30.0)
        raise SealError("it was stopped")

    monkeypatch.setattr(command, "run_cell", run_cell)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background ignores it
    try:
        assert main(["--homes", "test_01", "--work", str(tmp_path), "--out", str(tmp_path / "o.json")]) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert begun == ["run_test_01_kobuki"] and not (tmp_path / "o.json").exists()


def test_a_process_tells_its_memory_and_a_soak_has_a_picture(tmp_path: Path) -> None:
    import os

    found = read_process(os.getpid())
    assert found is not None and 10 < found[0] < 10_000 and 0 < found[1] <= found[0] and found[2] > 0
    assert read_process(2**22 + 1) is None
    memory = {name: {"s": HOUR, "mb": list(np.linspace(100, 101, len(HOUR)))} for name in ("mapping", "planner")}
    draw_soak(tmp_path / "soak.png", "soak", {"memory": memory, "ages": rows(lambda s: 0.2), "driven_m": 900.0})
    assert (tmp_path / "soak.png").stat().st_size > 10_000
