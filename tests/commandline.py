"""The command line as the tests call it: in this process, which takes milliseconds, or in a process of its own."""

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from stepsize.cli.start import main


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote to each stream."""

    returncode: int
    stdout: str
    stderr: str


def run(*words: str, cwd: Path | str | None = None) -> Done:
    """`python -m stepsize` with these words, in this process; an error that it does not catch goes on to the test."""
    out, said = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with (
        contextlib.chdir(cwd or os.curdir),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(said),
        mock.patch.object(sys, "argv", ["__main__.py", *words]),
        mock.patch.object(sys.modules["__main__"], "__package__", "stepsize"),  # where click finds the name
        pytest.raises(SystemExit) as end,
    ):
        main()
    code = end.value.code
    assert type(code) is int, f"not an exit code: {code!r}"
    return Done(code, *map(written, (out, said)))


def written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()


def run_alone(*words: str, cwd: Path | str | None = None) -> Done:
    """`stepsize` with these words, as the process that a user starts."""
    command = [sys.executable, "-m", "stepsize", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=120)
    return Done(done.returncode, done.stdout, done.stderr)
