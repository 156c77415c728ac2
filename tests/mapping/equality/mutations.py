# SPDX-License-Identifier: Apache-2.0
"""Do the equality tests bite? Each mutation of `mutants.MUTANTS` is put into a copy of the code and must be caught.

    python -m tests.mapping.equality.mutations [--jit] [--only WORD] [--out FILE]

Without --jit the kernels run as plain Python, which is quicker for tiny pictures than compiling them. One process loads
the libraries and starts a copy of itself for every mutant, because loading takes longer than most mutants live.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import gc
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.mapping.equality.mutants import MUTANTS, Mutant
from tests.mapping.equality.operators import function_of

ROOT = Path(__file__).resolve().parents[3]
SOURCES = "ros2_ws/src"
PACKAGES = ("seal_mapping", "seal_perception")
TESTS = tuple(f"tests/mapping/equality/test_equality{part}.py" for part in ("", "_labels", "_pictures"))
FIRST = {"raytrace": 2, "traversal": 2, "volume": 2, "fusion": 1, "propagate": 1, "voxel_set": 1, "instance_ids": 1}
"""Which of `TESTS` mutants of a module meet first, so that they are caught sooner; the others meet them in order."""
UNCHANGED = "unchanged"
PRELOAD = ("numba", "cv2", "scipy.ndimage", "scipy.sparse.csgraph", "hypothesis", "pycocotools.mask", "PIL.Image")
FAILED = re.compile(r"^FAILED \S*?(\w+\.py::\w+)", re.MULTILINE)
LIMIT_S = 900
"""A mutant that takes more processor time is ended: then nothing is shown, and it is an error."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes:
        mutant: what was changed, None = nothing.
        caught: whether a test failed.
        by: the first test that failed, "" = none.
        output: what pytest printed.
    """

    mutant: Mutant | None
    caught: bool
    by: str
    output: str


def module_of(mutant, folder):
    """The file of `folder` that holds the mutant's function, and the function's name in it.

    Raises:
        LookupError: if there is no such module.
    """
    parts = mutant.function.split(".")
    for length in range(len(parts) - 1, 1, -1):
        path = folder.joinpath(*parts[:length]).with_suffix(".py")
        if path.is_file():
            return path, ".".join(parts[length:])
    raise LookupError("no such module")


def mutated(text, name, mutant):
    """A module's text with the fault in its function `name`.

    Raises:
        ValueError: if the function or the operator's place in it is not there.
    """
    tree = ast.parse(text)
    change = None
    try:
        function = function_of(tree, name)
        for change in mutant.changes:
            change.apply(function)
    except (LookupError, AttributeError, TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{mutant.name}: {mutant.function} does not take [{change or mutant.operator}]: {error}"
        ) from error
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def copy_with(mutant, folder):
    """Copy the packages' code to `folder`, one function of it changed."""
    for package in PACKAGES:
        source = ROOT / SOURCES / package / package
        for path in source.rglob("*.py"):
            target = folder / package / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    if mutant is not None:
        path, name = module_of(mutant, folder)
        path.write_text(mutated(path.read_text(encoding="utf-8"), name, mutant), encoding="utf-8")


def run_tests(folder, first, killer):
    """In a process of its own: pytest with the copy first on the path; the test `killer` before all others."""
    import pytest

    os.environ["SEAL_MUTANT"] = str(folder)
    paths = [folder, ROOT, *(ROOT / SOURCES / name for name in ("seal_policy", "seal_bringup")), ROOT / "sim_bridge"]
    joined = " ".join(shlex.quote(str(path)) for path in paths)
    base = ["-o", f"pythonpath={joined}", "-o", "addopts=--import-mode=importlib", f"--basetemp={folder / 'tests'}"]
    sys.path[:] = [path for path in sys.path if not path.endswith(PACKAGES)]  # the checkout's own
    quick = ["-p", "no:cacheprovider", "-p", "no:unraisableexception", "--assert=plain"]  # a fifth of a mutant's life
    options = [*base, *quick, "-x", "-q", "-rf", "--tb=line"]
    if killer and pytest.main([*options, killer]) == 1:
        return 1
    return pytest.main([*options, TESTS[first], *TESTS])


def serve(jobs):
    """Fork a process per JSON of [first tests, killer, folder] that comes in; say "folder exit-status" at its end."""
    for name in PRELOAD:
        with contextlib.suppress(ImportError):
            __import__(name)
    gc.freeze()  # what is loaded needs no looking through again in every process
    running = {}

    def reap():
        pid, status = os.wait()
        print(running.pop(pid), os.waitstatus_to_exitcode(status), flush=True)

    for line in sys.stdin:
        first, killer, name = json.loads(line)
        folder = Path(name)
        pid = os.fork()
        if pid == 0:
            with open(folder / "output.txt", "w", encoding="utf-8") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            os.chdir(ROOT)
            resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
            code = 70
            try:
                code = int(run_tests(folder, first, killer))
            finally:
                sys.stdout.flush()
                os._exit(code)
        running[pid] = folder
        if len(running) >= jobs:
            reap()
    while running:
        reap()


def outcome_of(mutant, folder, code):
    """Read what pytest said.

    Raises:
        RuntimeError: if it neither passed nor failed in a test: then nothing is shown.
    """
    output = (folder / "output.txt").read_text(encoding="utf-8")
    name = UNCHANGED if mutant is None else mutant.name
    by = FAILED.search(output)
    if code not in (0, 1) or (code == 1) != (by is not None):
        raise RuntimeError(f"{name}: pytest ended with {code}\n{output[-3000:]}")
    return Outcome(mutant, code == 1, by.group(1) if by else "", output)


def killers():
    """Mutant's name -> the test that caught it when results/mutations.json was made: most likely it does again."""
    rows = json.loads((ROOT / "results" / "mutations.json").read_text(encoding="utf-8"))["mutants"]
    return {row["name"]: f"tests/mapping/equality/{row['by']}" for row in rows}


def first_of(mutant):
    """Index in `TESTS` of what the mutant meets first."""
    words = set() if mutant is None else set(mutant.function.split("."))
    return next((index for module, index in FIRST.items() if module in words), 0)


def try_all(mutants, jit=False, jobs=None, tell=None):
    """`Outcome` per mutant, in their order; None among them stands for the unchanged code.

    Args:
        mutants: what to try.
        jit: compile the kernels, in every copy anew.
        jobs: mutants at a time; by default one per core.
        tell: called with each outcome as it comes.
    """
    flags = {"NUMBA_DISABLE_JIT": "0", "NUMBA_BOUNDSCHECK": "1"} if jit else {"NUMBA_DISABLE_JIT": "1"}
    dropped = ("NUMBA_CACHE_DIR", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER")
    environment = {key: value for key, value in os.environ.items() if key not in dropped}
    with tempfile.TemporaryDirectory() as base:
        folders = {}
        for number, mutant in enumerate(mutants):
            folder = Path(base) / f"{number:03d}"
            folder.mkdir()
            copy_with(mutant, folder)
            folders[str(folder)] = mutant
        done = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.mapping.equality.mutations",
                "--serve",
                "--jobs",
                str(jobs or os.cpu_count() or 1),
            ],
            cwd=ROOT,
            env={**environment, **flags, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with done:
            known = killers()
            for folder, mutant in folders.items():
                job = [first_of(mutant), known.get(mutant.name, "") if mutant else "", folder]
                done.stdin.write(json.dumps(job) + "\n")
            done.stdin.close()
            found = {}
            for line in done.stdout:
                folder, code = line.rsplit(" ", 1)
                found[folder] = outcome_of(folders[folder], Path(folder), int(code))
                shutil.rmtree(folder)
                if tell is not None:
                    tell(found[folder])
        if len(found) < len(folders):
            raise RuntimeError(f"{len(folders) - len(found)} mutants were not tried")
        return [found[folder] for folder in folders]


def document(outcomes, jit):
    """What results/mutations.json holds."""
    from seal_bringup.provenance import provenance

    fields = ("name", "kind", "function", "operator")
    rows = [
        {**{field: getattr(o.mutant, field) for field in fields}, "caught": o.caught, "by": o.by}
        for o in outcomes
        if o.mutant is not None
    ]
    return {"provenance": provenance(), "compiled": jit, "caught": sum(row["caught"] for row in rows), "mutants": rows}


def main():
    parser = argparse.ArgumentParser(description="Show that the equality tests catch mutations of the fast code.")
    parser.add_argument("--jit", action="store_true", help="compile the kernels, for every mutant anew (slow)")
    parser.add_argument("--only", default="", help="only mutants with this in their name or kind")
    parser.add_argument("--jobs", type=int, default=None, help="mutants at a time")
    parser.add_argument("--out", type=Path, default=None, help="JSON to write")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.jobs)
        return 0
    chosen = [m for m in MUTANTS if options.only in m.name or options.only in m.kind]
    start = time.perf_counter()

    def tell(outcome):
        name = UNCHANGED if outcome.mutant is None else outcome.mutant.name
        print(f"{name:45} {'caught by ' + outcome.by if outcome.caught else 'passed'}", flush=True)

    outcomes = try_all([None, *chosen], options.jit, options.jobs, tell)
    survived = [o.mutant.name for o in outcomes[1:] if not o.caught]
    print(f"{len(chosen) - len(survived)} of {len(chosen)} caught in {time.perf_counter() - start:.0f} s")
    if options.out is not None:
        options.out.write_text(json.dumps(document(outcomes, options.jit), indent=1) + "\n", encoding="utf-8")
    if outcomes[0].caught:
        print(f"the unchanged code fails {outcomes[0].by}\n{outcomes[0].output[-3000:]}")
    return 1 if survived or outcomes[0].caught else 0


if __name__ == "__main__":
    sys.exit(main())
