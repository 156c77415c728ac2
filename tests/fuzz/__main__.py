# SPDX-License-Identifier: Apache-2.0
"""Damage inputs of every kind and see what the commands make of them: frames, scenes or one line, never a traceback.

    .venv/bin/python -m tests.fuzz --seconds 600                # all readers in turn
    .venv/bin/python -m tests.fuzz --only glb --seed 17 --cases 1

Each case is decided by its reader and its seed; seed 0 is the valid input, which must be read. What fails is kept in a
folder with WHY.txt, to be run again.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

from tests.fuzz.case import GOOD, Result, Started, finished, idle_mb, start
from tests.fuzz.readers import READERS, quick_ones
from tests.sim.rooms import room

from sim_bridge.geometry.collision import collision_map
from sim_bridge.geometry.mesh import merge
from sim_bridge.homes.statistics import drawn_triangles

LAZY = (
    "PIL.BmpImagePlugin", "PIL.EpsImagePlugin", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin", "collada", "matplotlib.pyplot", "open3d", "pycocotools.mask", "rich.table",
    "scipy.sparse.csgraph", "torch._dynamo", "trimesh.creation", "trimesh.exchange.load", "trimesh.triangles",
)  # fmt: skip
"""Modules of others that are imported inside functions."""


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after this long")
    parser.add_argument("--cases", type=int, default=10**9, help="stop after this many cases")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first case of each reader")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument("--only", action="append", metavar="READER", help=f"one of: {', '.join(READERS)}")
    parser.add_argument("--quick", action="store_true", help="leave out runs that take seconds (label, finetune, ...)")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="folder for what failed")
    found = parser.parse_args(arguments)
    for name in found.only or ():
        if name not in READERS:
            parser.error(f"unknown reader {name!r}; expected one of {', '.join(READERS)}")
    return found


def make_inputs(names: list[str], folder: Path) -> dict[str, Path]:
    """The valid input of each reader; those that are made alike are made once."""
    made = {id(READERS[name].make): folder / str(number) for number, name in enumerate(names)}
    makers = {made[id(READERS[name].make)]: READERS[name].make for name in names}
    pid = os.fork()  # threads that a library starts would not survive the forks of the cases
    if pid == 0:
        code = 1
        try:
            for place, make in makers.items():
                place.mkdir(parents=True)
                make(place)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("an input cannot be made; see above")
    return {name: made[id(READERS[name].make)] for name in names}


OPTIONAL = ("detectron2",)
"""Packages without which a module of ours does not import."""


def _import_if_it_can_be(name: str) -> None:
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise


def import_all() -> None:
    """Import what the commands import when they are used, so that each case need not.

    Nothing is run here, so that no library starts threads.
    """
    for package in ("seal_perception", "seal_mapping", "seal_policy", "seal_bringup", "sim_bridge"):
        found = walk_packages(import_module(package).__path__, package + ".")
        for name in (module.name for module in found if not module.ispkg and ".nodes." not in module.name):
            if not name.endswith(".__main__"):
                _import_if_it_can_be(name)
    for name in LAZY:
        import_module(name)


def warm_up() -> None:
    """Load here the compiled functions of the scenes, which most cases use; none of these keeps threads."""
    mesh = merge([part.mesh for part in room().parts])
    collision_map(mesh)
    drawn_triangles(mesh)


def cases(names: list[str], first: int, count: int) -> Iterator[tuple[str, int]]:
    """(reader, seed) in turn."""
    for number in range(count):
        yield names[number % len(names)], first + number // len(names)


def fuzz(given: argparse.Namespace, work: Path) -> list[Result]:
    """Run cases until the time or the number is over."""
    readers = quick_ones(READERS) if given.quick else READERS
    names = [name for name in readers if not given.only or name in given.only]
    import_all()
    inputs = make_inputs(names, work / "inputs")
    warm_up()
    gc.collect()
    gc.freeze()  # a case need not look through what was loaded before it, nor copy its pages
    idle = idle_mb()
    until = time.monotonic() + given.seconds
    results: list[Result] = []
    running: list[Started] = []
    queue = cases(names, given.seed, given.cases)
    while True:
        while len(running) < given.jobs and time.monotonic() < until and (following := next(queue, None)):
            name, seed = following
            running.append(start(name, readers[name], seed, inputs[name], work))
        if not running:
            return results
        for case in list(running):
            result = finished(case, idle)
            if result is None:
                continue
            running.remove(case)
            results.append(result)
            keep(result, case, given.keep)
        time.sleep(0.005)


def keep(result: Result, case: Started, folder: Path) -> None:
    """Keep the input of a failure with its reason; remove the case's folder."""
    out = case.folder.with_suffix(".out")
    if result.kind not in GOOD:
        place = folder / case.folder.name
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(case.folder, place, symlinks=True)
        text = out.read_text(errors="replace")[-5000:] if out.is_file() else ""
        (place / "WHY.txt").write_text(json.dumps(result.row(), indent=1) + "\n\n" + text)
        print(f"{result.kind}: {result.reader} seed {result.seed} ({result.file}, {result.run}): {result.last[:200]}")
    shutil.rmtree(case.folder, ignore_errors=True)
    out.unlink(missing_ok=True)


def table(results: list[Result]) -> str:
    """A line per reader: cases, what came of them, the most CPU time and memory."""
    lines = [f"{'reader':18}{'cases':>6}{'read':>6}{'refused':>8}{'failed':>7}{'CPU s':>7}{'MB':>6}"]
    for name in [name for name in READERS if any(r.reader == name for r in results)]:
        own = [r for r in results if r.reader == name]
        kinds = Counter(r.kind for r in own)
        bad = len(own) - kinds["read"] - kinds["refused"]
        most = f"{max(r.cpu_s for r in own):7.1f}{max(r.peak_mb for r in own):6}"
        lines.append(f"{name:18}{len(own):6}{kinds['read']:6}{kinds['refused']:8}{bad:7}{most}")
    kinds = Counter(r.kind for r in results)
    return "\n".join([*lines, ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())])


def main() -> None:
    """Fuzz, print the table; exit 1 if something failed."""
    given = options()
    with tempfile.TemporaryDirectory(prefix="seal_fuzz_") as work:
        results = fuzz(given, Path(work))
    print(table(results))
    sys.exit(any(result.kind not in GOOD for result in results))


if __name__ == "__main__":
    main()
