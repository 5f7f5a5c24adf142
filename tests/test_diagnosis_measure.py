"""Logs that are not what they seem: updates left out, losses of policies, zeros for nothing, leaps that heal."""

import json
from dataclasses import replace

import numpy as np
import pytest

from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.policy import policy_of
from stepsize.lab.records.record import Record, read
from test_diagnosis import names, record

RANDOM = np.random.default_rng(7)
NOISE = 0.03 * RANDOM.standard_normal(640)
TIME = np.arange(640)
FALLING = 0.4 + 1.9 * np.exp(-TIME / 150) + NOISE
COSINE = 0.1 * (1 + np.cos(np.pi * TIME / 640)) / 2 + 1e-6
TEXT = "clip_norm(1) | sgd() | 0.1 * cosine()"


def told_of(tmp_path, rows):
    """The diagnosis of these rows as a log of JSON lines."""
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return diagnose(read(tmp_path / "log.jsonl"))


# --- updates left out


def rows_with(left_out, count=200, losses=FALLING):
    """Rows as a Recorder writes them, where these updates were left out."""
    rows, rates = [], 0.1 * (1 + np.cos(np.pi * np.arange(count) / count)) / 2
    for t in range(count):
        row = {"step": t, "loss": losses[t], "lr": rates[t], "grad_norm": 0.5, "clipped": 0.0}
        if t in left_out:
            row |= {"grad_norm": "nan", "clipped": 1.0, "skipped": 1}
        rows.append(row)
    return rows


def test_updates_that_are_left_out_for_ever_come_first_and_explain_the_rest(tmp_path):
    rows = rows_with(range(20, 200), losses=2.3 + NOISE)
    rows[0] |= {"planned_steps": 200, "strategy": TEXT}
    told = told_of(tmp_path, rows)
    finding = told.findings[0]
    assert [one.illness for one in told.findings] == ["updates left out"]
    assert finding.says.startswith("180 of 200 updates were left out, all since 20: their gradients were not finite")
    assert (finding.step, finding.share, finding.sure) == (20, 0.9, "certain")
    assert "at update 20" in finding.advice
    assert "schedule ended late" in dict(told.not_judged)
    assert "always clipped" in told.healthy  # of the updates that were made none was clipped


def test_they_come_before_a_run_that_diverged_too(tmp_path):
    losses = np.where(TIME < 100, FALLING, np.nan)
    told = told_of(tmp_path, rows_with(range(60, 90), losses=[one if one == one else "nan" for one in losses]))
    assert [one.illness for one in told.findings] == ["updates left out", "diverged"]
    assert told.findings[0].says.startswith("30 of 200 updates were left out, the first at 60:")


@pytest.mark.parametrize(
    ("left_out", "count"),
    [(range(14), 100), ([50, 90, 91], 200), (range(0, 200, 21), 200)],  # a loss scale at its start, and now and then
)
def test_a_few_are_a_remark_and_shares_are_of_those_that_were_made(tmp_path, left_out, count):
    told = told_of(tmp_path, rows_with(left_out, count))
    assert not names(told)
    assert "updates left out" in told.healthy
    assert told.remarks[0].startswith(f"{len(left_out)} of {count} updates were left out, ")
    assert f"at {left_out[0]}" in told.remarks[0]


def test_every_update_left_out_is_said_and_nothing_raises(tmp_path):
    told = told_of(tmp_path, rows_with(range(200)))
    assert told.findings[0].says.startswith("200 of 200 updates were left out, every one: ")


def test_the_share_that_was_clipped_is_of_updates_that_were_made(tmp_path):
    """Four of ten made ones were clipped, and all that were left out: not more than half."""
    rows = rows_with([])
    for t, row in enumerate(rows):
        row["clipped"] = float(t % 10 < 4)
    for row in rows[10:200:11]:
        row |= {"clipped": 1.0, "skipped": 1}
    assert "always clipped" not in names(told_of(tmp_path, rows))


@pytest.mark.parametrize("column", [[0, 3, 5], [0.5, 0, 1]])
def test_a_column_of_that_name_with_other_numbers_is_another_thing(tmp_path, column):
    rows = [row | {"skipped": column[t % 3]} for t, row in enumerate(rows_with([]))]
    told = told_of(tmp_path, rows)
    assert not told.findings
    assert "updates left out" not in told.healthy


def test_what_was_left_out_is_saved_and_read_back(tmp_path):
    one = replace(record(FALLING), skipped=(TIME > 600) * 1.0, policy=("reward", "kl"))
    one.save(tmp_path / "run.jsonl")
    assert read(tmp_path / "run.jsonl") == one


# --- a loss that is no measure

STEADY = 0.35 + 0.03 * RANDOM.standard_normal(640)


def policy_losses(kind):
    grown = 0.008 * (TIME / 640) ** 1.3 * (1 + 0.2 * RANDOM.standard_normal(640))
    return {
        "grows": np.r_[0, 0, 0, grown[3:]],
        "printed with four digits": np.round(np.r_[0, 0, 0, grown[3:]], 4),
        "to and fro around 0": np.r_[0, 0.001 * RANDOM.standard_normal(639)],
        "0 in every row": np.zeros(640),
    }[kind]


@pytest.mark.parametrize("rates", [COSINE, np.full(640, 1e-6)])
@pytest.mark.parametrize("kind", ["grows", "printed with four digits", "to and fro around 0", "0 in every row"])
def test_a_loss_that_begins_at_0_with_steady_gradients_is_no_measure(kind, rates):
    told = diagnose(record(policy_losses(kind), grad_norms=STEADY, rates=rates))
    assert not told.findings
    assert told.remarks[0].startswith("The loss began at exactly 0 and ended near ")
    assert dict(told.not_judged)["diverged"] == "the loss is no measure of this run"
    assert {"exploding gradients", "schedule ended early"} <= set(told.healthy)


@pytest.mark.parametrize(
    "norms",
    [
        STEADY * np.where(TIME < 500, 1, 40),  # they explode
        np.where(TIME < 500, STEADY, np.nan),
        np.where(TIME == 0, 0.0, STEADY),  # a gradient that is 0 where the loss is 0 belongs to an ordinary loss
        None,
    ],
)
def test_without_steady_gradients_a_loss_that_grows_from_0_is_judged(norms):
    columns = {} if norms is None else {"grad_norms": norms}
    told = diagnose(record(policy_losses("grows"), **columns))
    assert "diverged" in names(told)


def test_a_first_row_of_0_before_an_ordinary_loss_is_judged():
    losses = np.r_[0, 2.3 + NOISE[1:]]
    told = diagnose(record(losses, grad_norms=STEADY))
    assert not any("at exactly 0" in one for one in told.remarks)
    assert "oscillating" in told.healthy


POLICY = {"reward": 0.3, "kl": 0.01, "completions/mean_length": 200.0}


def test_columns_of_reinforcement_learning_say_that_the_loss_is_no_measure(tmp_path):
    losses = 0.001 + 0.02 * TIME / 640
    rows = [{"step": t, "loss": losses[t], "learning_rate": 1e-6, "grad_norm": 0.3, **POLICY} for t in range(300)]
    told = told_of(tmp_path, rows)
    assert not told.findings
    assert told.remarks[0].startswith("The loss is that of a policy (the log has reward, completions, kl)")
    without = told_of(tmp_path, [{name: one for name, one in row.items() if name not in POLICY} for row in rows])
    assert "diverged" in names(without)


def test_norms_rates_and_losses_that_are_not_finite_are_judged_there_too(tmp_path):
    norms = np.where(TIME % 100 == 50, 40.0, STEADY)
    rows = [
        {"step": t, "loss": 0.001, "learning_rate": 0.1 if t < 150 else 0.0, "grad_norm": norms[t], **POLICY}
        for t in range(300)
    ]
    assert names(told_of(tmp_path, rows)) == {"exploding gradients", "schedule ended early"}
    for row in rows[200:]:
        row["loss"] = "nan"
    assert "diverged" in names(told_of(tmp_path, rows))


@pytest.mark.parametrize(
    "columns",
    [
        ["loss", "entropy", "mean_token_accuracy"],  # supervised fine-tuning logs an entropy
        ["loss", "kl", "reconstruction"],  # a variational autoencoder
        ["loss", "kl", "entropy"],
        ["loss", "rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "kl"],
        ["loss", "reward"],
    ],
)
def test_one_such_column_or_those_of_other_losses_do_not(columns):
    assert policy_of(columns) == ()


# --- zeros for nothing


@pytest.mark.parametrize("there", [TIME % 16 == 15, TIME % 2 == 0, RANDOM.random(640) < 0.4])
def test_zeros_between_losses_far_from_0_were_not_logged(there):
    told = diagnose(record(np.where(there, FALLING, 0), rates=COSINE))
    assert not told.findings
    (said,) = told.remarks
    assert said.startswith(f"{(~there).sum()} of 640 rows hold a loss of exactly 0 between others that are far from it")
    assert told.healthy == diagnose(replace(record(FALLING, rates=COSINE)).at(there)).healthy


HEALTHY_ZEROS = {
    "hinge, one row a batch": np.maximum(0, 1 - np.linspace(0, 2, 640) + 0.6 * RANDOM.standard_normal(640)),
    "printed with two digits": np.round(2 * np.exp(-TIME / 60) + 0.005, 2) * (RANDOM.random(640) < 0.8),
    "right or wrong": (RANDOM.random(640) < np.linspace(0.9, 0.1, 640)) * 1.0,
    "one digit all along": np.round(0.0002 * RANDOM.random(640), 4),
    "a margin, reached by some batches": np.where(
        (TIME > 300) & (RANDOM.random(640) < 0.5), 0, np.maximum(2 * np.exp(-TIME / 50), 0.02 + 0.03 * NOISE)
    ),
    "gone in the end": np.where(TIME < 300, FALLING, 0),
}


@pytest.mark.parametrize("name", HEALTHY_ZEROS)
def test_losses_that_may_be_0_are_losses(name):
    told = diagnose(record(HEALTHY_ZEROS[name], rates=COSINE))
    assert not any("exactly 0" in one for one in told.remarks)


@pytest.mark.parametrize("losses", [2.3 + NOISE, np.where(TIME % 16 == 15, 2.3 + NOISE, 0)])
def test_a_plateau_from_the_first_row_is_not_learning(losses):
    """A noise in which the fall of the first rows would show does not make a plateau of it."""
    told = diagnose(record(losses, rates=np.full(640, 0.1)))
    assert names(told) == {"not learning"}


def test_a_plateau_that_a_few_rows_reach_begins_there():
    losses = np.r_[2.3, 2.0, 1.2, 0.5 + NOISE[3:]]
    (finding,) = diagnose(record(losses, rates=np.full(640, 0.1))).findings
    assert (finding.illness, finding.step) == ("plateaued", 3)


def test_a_loss_of_0_in_every_row_is_no_plateau():
    assert not diagnose(record(np.zeros(640), rates=np.full(640, 0.1))).findings


# --- a leap that heals


def leaping(height, width, at=300, once=0.0):
    losses = FALLING.copy()
    losses[at:] += height * np.exp(-(TIME[at:] - at) / width)
    losses[at - 100] += once
    return losses


def test_a_leap_by_more_than_the_whole_fall_that_heals_is_a_remark():
    told = diagnose(record(leaping(2.2, 10), rates=COSINE))
    assert not told.findings
    (said,) = told.remarks
    assert said.startswith("Update 300: the loss leaps from 0.6")
    back = int(said.split("is back at update ")[1].split(":")[0])
    assert 320 <= back <= 350
    assert "as after a resume without the optimizer's state, or after a bad batch" in said


@pytest.mark.parametrize(
    "losses",
    [
        FALLING,
        leaping(1.0, 10),  # less than the fall so far
        leaping(0.0, 10, once=4.0),  # one hard batch
        np.r_[np.linspace(2.3, 0.3, 320), np.linspace(2.3, 0.3, 320)] + NOISE,  # a second stage
        2.3 + 10 * NOISE,
        np.repeat(np.linspace(2.3, 0.3, 8), 80) + NOISE,  # stairs at the epochs
    ],
)
def test_smaller_leaps_and_other_shapes_get_no_word(losses):
    assert not any("leaps" in one for one in diagnose(record(losses, rates=COSINE)).remarks)


def test_a_leap_in_a_run_that_diverged_is_told_by_the_finding():
    told = diagnose(record(np.where(TIME < 600, leaping(2.2, 10), np.nan)))
    assert "diverged" in names(told)
    assert not any("leaps" in one for one in told.remarks)


def test_any_such_record_has_a_diagnosis():
    for count in range(45):
        for losses in (np.zeros(count), RANDOM.standard_normal(count), np.full(count, np.nan)):
            for skipped in (None, np.ones(count), (RANDOM.random(count) < 0.5) * 1.0):
                one = Record(np.arange(count), losses, grad_norms=np.ones(count), skipped=skipped, policy=("kl",))
                assert str(diagnose(one))
                assert str(diagnose(replace(one, policy=())))
