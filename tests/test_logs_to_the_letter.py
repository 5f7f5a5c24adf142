"""Long words and lines in a log cost no more than their length; what is resumed, and what a comma means, exactly."""

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


def test_a_resumed_update_keeps_nothing_of_the_row_that_it_makes_again(tmp_path):
    log = tmp_path / "log.csv"
    first = [f"{i},{3.0 - i / 10},{9.0}\n" for i in range(8)]
    again = [f"{i},{2.0 - i / 10},\n" for i in range(5, 12)]
    log.write_text("".join(["step,loss,grad_norm\n", *first, *again]))
    record = read(log)
    assert record.steps.tolist() == list(range(12))
    assert record.losses[4:6].tolist() == pytest.approx([2.6, 1.5])
    assert record.grad_norms.tolist() == pytest.approx([9.0] * 5 + [float("nan")] * 7, nan_ok=True)


def test_a_mark_of_thousands_before_a_point_makes_no_comma_decimal(tmp_path):
    log = tmp_path / "log.tsv"
    log.write_text("step\tloss\n0\t1,234.56\n1\t1.000\n2\t0.500\n")
    assert read(log).losses.tolist() == [1234.56, 1.0, 0.5]
