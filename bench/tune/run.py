"""The bench of choosing a learning rate, from the repository's root (with `PYTHONPATH=src` where nothing is installed).

`python -m bench.tune record` trains every rate of every cell, about 20 minutes on one core; killed, it goes on when it
is asked again. `--cells PATTERN` records some.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import fnmatch
import time
from collections.abc import Sequence


def main(given: Sequence[str] | None = None) -> None:
    ask = argparse.ArgumentParser(
        prog="python -m bench.tune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ask.add_argument("what", choices=("record", "estimate"))
    ask.add_argument("--cells", default="*", help="a pattern of names")
    told = ask.parse_args(given)
    import torch

    from . import recording
    from .tasks import CELLS

    torch.set_num_threads(1)
    cells = [one for one in CELLS if fnmatch.fnmatch(one.name, told.cells)]
    if told.what == "estimate":
        recording.estimate(cells)
        return
    for cell in cells:
        begun, spent = time.perf_counter(), time.process_time()
        recording.record(cell)
        recording.sweep(cell)
        wall, spent = time.perf_counter() - begun, time.process_time() - spent
        print(f"{cell.name}: {wall:.0f} s, {spent:.0f} s of the processor", flush=True)
