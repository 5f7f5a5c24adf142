"""Words and lines of any length in a log: they cost no more than their length, and hide nothing beside them."""

import pytest

from stepsize.lab.records.record import read

LONG = {
    "one word": "x" * 20_000,
    "underscores": "x_" * 5_000,
    "letters and digits, as in base64": "aB3/" * 5_000,
    "short words": "ab " * 3_000,
    "an epoch and blanks": "epoch" + " " * 9_000,
}


@pytest.mark.parametrize("line", LONG.values(), ids=list(LONG))
def test_a_long_line_between_printed_ones_costs_none_of_them(tmp_path, line):
    log = tmp_path / "train.log"
    log.write_text("".join(f"{line}\nstep {i} loss {3.0 - i}\n" for i in range(3)))
    assert read(log).losses.tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize("name", ["loss", "train loss", "LOSS", "lm_loss", "train/loss"])
def test_the_usual_names_are_found_as_before(tmp_path, name):
    log = tmp_path / "train.log"
    log.write_text("".join(f"12:00 INFO step {i}/3, {name}: {3.0 - i}, lr=0.1\n" for i in range(3)))
    record = read(log)
    assert (record.losses.tolist(), record.steps.tolist()) == ([3.0, 2.0, 1.0], [0, 1, 2])
