"""Every script of bench/ can be begun: what it takes from its neighbours and from stepsize is there."""

import runpy
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
PEERS = ("optuna", "ray", "dask", "distributed", "sklearn", "zclip", "jax")  # which a test may do without
pytest.importorskip("torch")


@pytest.mark.parametrize("name", sorted(one.name for one in BENCH.glob("*.py")))
def test_a_script_finds_what_it_imports(name, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCH), *sys.path])
    try:
        runpy.run_path(str(BENCH / name), run_name="begun")
    except ModuleNotFoundError as error:
        if error.name in PEERS:
            pytest.skip(f"needs {error.name}")
        raise
