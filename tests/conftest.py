"""What all tests share: reproducible Hypothesis, one torch thread for each worker, fixtures of several files."""

from __future__ import annotations

import signal

import pytest
import torch
from hypothesis import settings

from stepsize._language import speak

settings.register_profile("laws", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("laws")
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def x64():
    import jax

    with jax.enable_x64(True):
        yield


@pytest.fixture(params=["host", "device", "pieces"])
def way(request, monkeypatch):
    """As on a processor; as on an accelerator, where no number is read back; and in pieces of five elements."""
    from stepsize.adapters.torch.clips import arithmetic, norms

    if request.param == "device":
        monkeypatch.setattr(norms, "reads_free", lambda device: False)
        monkeypatch.setattr(arithmetic, "reads_free", lambda device: False)
    if request.param == "pieces":
        monkeypatch.setattr(norms, "_SMALL", 5)
        monkeypatch.setattr(norms, "_LARGE", 7)
        monkeypatch.setattr(norms, "_FEW", 2)
        monkeypatch.setattr(norms, "_ROW", 3)
    return request.param


@pytest.fixture
def ctrl_c():
    """Ctrl-C as a terminal has it: a process in the background begins with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def no_language(monkeypatch):
    """No locale and no variable asks for a language, and whatever a test spoke, English is spoken after it."""
    for name in ("STEPSIZE_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    yield
    speak("en")


@pytest.fixture
def chinese():
    """Chinese is spoken in the test, and English after it."""
    speak("zh")
    yield
    speak("en")
