"""Facts before statistics, the shape of the rate, validation: found where they are, silent beside them."""

from dataclasses import replace

import numpy as np
import pytest

from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.policy import policy_of
from stepsize.lab.records.record import Decision
from test_diagnosis import names, record

RANDOM = np.random.default_rng(11)
ROWS = 400
T = np.arange(ROWS)
NOISE = 0.05 * RANDOM.standard_normal(ROWS)
FALLING = 2.1 * np.exp(-T / 80) + 0.2 + NOISE
FLAT = 2.3 + NOISE
COSINE = 0.1 * (1 + np.cos(np.pi * T / ROWS)) / 2 + 1e-6
STEADY = 0.4 + 0.03 * RANDOM.standard_normal(ROWS)


def only(told):
    (finding,) = told.findings
    return finding


# --- facts


@pytest.mark.parametrize("losses", [FLAT, np.round(FLAT, 2), 2.3 + 0.0001 * T, np.full(ROWS, 2.3)])
def test_a_rate_of_0_in_all_rows_is_told_first_and_alone(losses):
    finding = only(diagnose(record(losses, rates=np.zeros(ROWS), grad_norms=STEADY)))
    assert (finding.illness, finding.sure, finding.step) == ("rate is 0", "certain", 0)
    assert "in all 400 rows" in finding.says


@pytest.mark.parametrize("rows", [ROWS, 40, 10])
def test_a_rate_that_is_only_printed_as_0_is_not(rows):
    assert "rate is 0" in diagnose(record(FALLING[:rows] - 0.02 * T[:rows] / 40, rates=np.zeros(rows))).healthy


def test_another_group_that_has_a_rate_moves():
    one = replace(record(FLAT, rates=np.zeros(ROWS)), group_rates={"body": np.zeros(ROWS), "head": COSINE})
    assert "rate is 0" not in names(diagnose(one))


def test_a_rate_that_is_0_in_the_first_rows_is_a_remark():
    told = diagnose(record(FALLING, rates=np.where(T < 40, 0, COSINE)))
    assert any("The rate is 0 in the first 40 of 400 rows" in one for one in told.remarks)


def test_a_gradient_of_0_in_all_rows_leads_nowhere():
    finding = only(diagnose(record(FLAT, rates=COSINE, grad_norms=np.zeros(ROWS))))
    assert (finding.illness, finding.sure) == ("gradient is 0", "certain")
    assert "nothing leads from the loss to the parameters" in finding.says


def test_a_gradient_that_goes_all_at_once_names_its_update():
    losses = np.where(T < 150, FALLING, FALLING[150])
    finding = only(diagnose(record(losses, rates=COSINE, grad_norms=np.where(T < 150, STEADY, 0))))
    assert (finding.illness, finding.step) == ("gradient is 0", 150)


def test_a_gradient_that_is_gone_with_its_loss_has_arrived():
    hinge = np.maximum(0, 1 - T / 100)
    assert "gradient is 0" in diagnose(record(hinge, rates=COSINE, grad_norms=np.where(T < 100, 1.0, 0))).healthy


DEAD = {
    "as transformers logs it": ({"grad_norms": np.where(T < 160, STEADY, np.nan)}, np.where(T < 160, FALLING, 0)),
    "no norm, a loss of 0": ({}, np.where(T < 160, FALLING, 0)),
    "the norm stays, the loss is 0": ({"grad_norms": STEADY}, np.where(T < 160, FALLING, 0)),
    "the norm goes, the loss stands": (
        {"grad_norms": np.where(T < 160, STEADY, np.nan)},
        np.where(T < 160, FALLING, 0.5),
    ),
}


@pytest.mark.parametrize("name", DEAD)
def test_a_dead_model_is_told_with_the_update_it_died_at(name):
    columns, losses = DEAD[name]
    finding = only(diagnose(record(losses, rates=COSINE, **columns)))
    assert (finding.illness, finding.step) == ("dead model", 160)
    assert finding.sure == ("certain" if name == "as transformers logs it" else "likely")


ALIVE = {
    "a few norms are none": ({"grad_norms": np.where(RANDOM.random(ROWS) < 0.05, np.nan, STEADY)}, FALLING),
    "norms every tenth row": ({"grad_norms": np.where(T % 10 == 0, STEADY, np.nan)}, FALLING),
    "norms are logged no more": ({"grad_norms": np.where(T < 40, STEADY, np.nan)}, FALLING),
    "a loss that comes to 0": ({}, np.maximum(0, 2.3 * (1 - T / 200))),
    "classes that are all right": ({}, np.round(2.3 * np.exp(-T / 20), 2)),
}


@pytest.mark.parametrize("name", ALIVE)
def test_a_model_that_lives_is_not(name):
    columns, losses = ALIVE[name]
    assert "dead model" in diagnose(record(losses, rates=COSINE, **columns)).healthy


def test_a_policy_that_logs_0_with_steady_norms_is_alive():
    assert not diagnose(record(np.zeros(ROWS), grad_norms=STEADY, rates=COSINE)).findings


def test_a_break_in_the_warm_up_asks_for_a_lower_peak():
    losses = np.where(T < 60, 2.3 + 1.1 ** np.minimum(T, 60) / 10, np.nan)
    rates = 1e-3 * np.minimum(1, (T + 1) / 200)
    told = diagnose(replace(record(losses, rates=rates), text="sgd() | 0.001 * warmup(200)", planned_steps=ROWS))
    finding = only(told)
    assert finding.illness == "diverged"
    assert (
        "the rate still rose when the run broke: at update 59 it was 0.0003, 30 % of its peak 0.001" in finding.advice
    )


def test_losses_that_break_with_the_validation_say_so():
    gone = np.where(T < 200, FALLING, np.nan)
    looked = {"measured_at": (0, 100, 200, 300), "validated": np.array([2.3, 1.0, np.nan, np.nan])}
    assert "So is the validation loss from there on." in only(diagnose(replace(record(gone), **looked))).says


# --- the shape of the rate


@pytest.mark.parametrize("at", [120, 200])
def test_a_resume_that_loses_the_schedule_is_told(at):
    plan = np.where(T < 20, (T + 1) / 20, (1 + np.cos(np.pi * (T - 20) / (ROWS - 20))) / 2)
    rates = np.concatenate([plan[:at], plan[: ROWS - at]])
    finding = only(diagnose(record(FALLING, rates=rates)))
    assert (finding.illness, finding.step) == ("schedule began again", at)
    assert f"done={at}" in finding.advice


CYCLES = {
    "warm restarts": np.tile(COSINE[::4], 4),
    "stairs": 0.1 * 0.1 ** (T // 150),
    "triangles": 0.01 + np.abs(((T / 50) % 2) - 1) * 0.09,
    "a floor of a tenth": np.tile(0.1 * COSINE.max() + 0.9 * COSINE[::2], 2),
    "held": np.full(ROWS, 0.1),
    # what a controller answers to the losses: at its floor but for leaps, the highest of them far above the others
    "leaps": np.where(T == 30, 1.0, np.where((T < 12) | (T > 387), 0.01, np.where(T % 9 == 0, 0.2, 0.02))),
}


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_that_are_meant_are_not(name):
    assert "schedule began again" in diagnose(record(FALLING, rates=CYCLES[name])).healthy


def test_the_first_rows_of_a_planned_run_are_still_going_on():
    told = diagnose(replace(record(FALLING[:40], rates=0.1 - T[:40] * 1e-4), planned_steps=126))
    assert not told.findings
    assert "The record ends at update 39 of 126: the run is still going on, or was stopped." in told.remarks[0]
    assert dict(told.not_judged)["schedule ended late"] == "the run is still going on"


@pytest.mark.parametrize("planned", [400, 401, 403, None])
def test_a_run_that_is_over_is_not(planned):
    assert not any("going on" in one for one in diagnose(replace(record(FALLING), planned_steps=planned)).remarks)


def test_a_range_test_is_no_run():
    losses = np.r_[FLAT[:200], 2.3 * np.exp(-T[:150] / 60), 0.2 * 1.2 ** T[:50]]
    told = diagnose(record(losses, rates=np.geomspace(1e-7, 10, ROWS)))
    assert not told.findings
    assert any("this is a range test" in one and "stepsize find" in one for one in told.remarks)
    controlled = replace(
        record(FALLING, rates=np.geomspace(1e-3, 1, ROWS)), decisions=(Decision(3, "bold_driver", "up"),)
    )
    assert not any("range test" in one for one in diagnose(controlled).remarks)


@pytest.mark.parametrize(("share", "ill"), [(0.05, False), (0.3, False), (0.5, False), (0.75, True), (1.0, True)])
def test_a_warm_up_is_too_long_beyond_the_cycles_in_use(share, ill):
    up = share * ROWS
    told = diagnose(record(FALLING, rates=np.where(up > T, (T + 1) / up, np.maximum(ROWS - T, 0) / max(ROWS - up, 1))))
    assert ("warm-up too long" in names(told)) is ill


def test_a_schedule_that_is_over_at_a_floor_ended_early():
    floor = np.where(T < 150, 0.055 + 0.045 * np.cos(np.pi * T / 150), 0.01)
    finding = only(diagnose(record(FALLING, rates=floor)))
    assert finding.illness == "schedule ended early"
    assert finding.step == pytest.approx(150, abs=8)
    milestones = 0.1 * 0.1 ** np.minimum(T // 10, 2)
    assert "'30ep' says epochs" in only(diagnose(record(FALLING, rates=milestones))).advice
    stairs = 0.1 * 0.1 ** (T // 200)
    assert "schedule ended early" in diagnose(record(FALLING, rates=stairs)).healthy


@pytest.mark.parametrize(("held", "gain", "ill"), [(0.96, 1.0, True), (0.96, 0.0, False), (0.85, 1.0, False)])
def test_a_decay_that_comes_too_late_still_brings_much(held, gain, ill):
    t = np.arange(1600)
    rates = 0.1 * np.minimum(1, (1600 - t) / (1600 * (1 - held)))
    losses = 0.5 + 2 * np.exp(-t / 100) - 0.4 * gain * (1 - rates / 0.1) + 0.03 * RANDOM.standard_normal(1600)
    assert ("decay too late" in names(diagnose(record(losses, rates=rates)))) is ill


@pytest.mark.parametrize(("floor", "ill"), [(np.full(5, 0.3), True), (0.3 * 0.7 ** np.arange(5), False)])
def test_restarts_that_gain_nothing_are_told(floor, ill):
    cycle = np.arange(100)
    rates = np.tile(0.1 * (1 + np.cos(np.pi * cycle / 100)) / 2 + 1e-5, 5)
    losses = np.concatenate([low + 0.8 * np.exp(-cycle / 20) for low in floor]) + 0.01 * RANDOM.standard_normal(500)
    assert ("restarts without gain" in names(diagnose(record(losses, rates=rates)))) is ill


# --- validation


def looked(values, losses=FALLING):
    at = np.linspace(0, ROWS, len(values)).astype(int)
    return replace(
        record(losses, rates=COSINE), measured_at=tuple(at.tolist()), validated=np.asarray(values, dtype=float)
    )


FALLS = 2.1 * np.exp(-np.arange(20) / 4) + 0.25 + 0.01 * RANDOM.standard_normal(20)


def test_a_validation_loss_that_turns_up_while_training_falls_is_overfitting():
    values = FALLS + np.maximum(0, np.arange(20) - 8) * 0.06
    one = looked(values)
    finding = only(diagnose(one))
    assert finding.illness == "overfitting"
    assert f"keep the weights of update {finding.step}" in finding.advice
    assert 100 < finding.step < 260
    surer = replace(one, metrics={"accuracy": np.linspace(0.1, 0.9, 20)})
    assert "The accuracy still rose" in only(diagnose(surer)).says


@pytest.mark.parametrize("values", [FALLS, FALLS + np.maximum(0, np.arange(20) - 14) * 0.003, FALLS + 0.1])
def test_a_validation_loss_that_stays_near_its_lowest_is_not(values):
    assert {"overfitting", "validation jumped", "validation not finite"} <= set(diagnose(looked(values)).healthy)


def test_a_validation_that_jumps_while_training_does_not_is_told():
    values = FALLS.copy()
    values[10:12] = 3.0, 2.6
    finding = only(diagnose(looked(values)))
    assert (finding.illness, finding.step) == ("validation jumped", 210)
    assert "BatchNorm" in finding.says
    once = FALLS.copy()
    once[10] = 3.0  # one look only, as at a high rate
    assert "validation jumped" in diagnose(looked(once)).healthy


def test_a_validation_that_is_no_number_is_told():
    finding = only(diagnose(looked(np.r_[FALLS[:15], [np.nan] * 5])))
    assert (finding.illness, finding.sure) == ("validation not finite", "certain")


def test_without_validation_its_rules_are_not_judged():
    reasons = dict(diagnose(record(FALLING)).not_judged)
    assert reasons["overfitting"] == "the record has no validation loss"
    assert "slopes along the updates" in reasons["edge of stability"]
    assert diagnose(replace(looked(FALLS), measured_at=None)).findings == ()


# --- noise, and what is no measure


def test_squares_of_one_row_are_noise_and_no_explosion():
    for seed in range(20):
        random = np.random.default_rng(seed)
        losses = 8 * np.exp(-T / 150) * random.standard_normal(ROWS) ** 2
        norms = np.abs(random.standard_normal(ROWS)) * np.exp(0.5 * random.standard_normal(ROWS))
        for digits in (8, 2):
            told = diagnose(record(np.round(losses, digits), rates=COSINE, grad_norms=norms))
            assert not names(told), (seed, digits)


def test_losses_of_two_digits_that_stay_are_no_divergence():
    for seed in range(20):
        losses = np.round(0.693 + 0.004 * np.random.default_rng(seed).standard_normal(100), 2)
        assert names(diagnose(record(losses))) <= {"not learning"}


@pytest.mark.parametrize("first", [[2.4, 13, 16, 30, 22, 15], [2.29, 6.18, 6.1, 7.13, 6.5, 6.9]])
def test_an_explosion_of_the_first_updates_is_told_however_restless_the_rest_is(first):
    rest = 5 * np.exp(-np.arange(120) / 15) * RANDOM.lognormal(0, 0.4, 120) + 0.02
    assert "rate too large" in names(diagnose(record(np.r_[first, rest])))


@pytest.mark.parametrize(("name", "ill"), [("AdamW", False), ("RMSprop", False), ("SGD", True), (None, True)])
def test_a_clip_before_an_optimizer_that_divides_by_the_gradient_may_always_act(name, ill):
    optimizer = None if name is None else {"class": name}
    told = diagnose(replace(record(FALLING, clipped=np.ones(ROWS)), optimizer=optimizer))
    assert ("always clipped" in names(told)) is ill


def test_a_fall_of_a_model_that_was_trained_before_is_a_remark_at_most():
    for seed in range(20):
        losses = 1.05 + 0.35 * np.exp(-T[:60] / 20) + 0.12 * np.random.default_rng(seed).standard_normal(60)
        assert "rate too small" not in names(diagnose(record(losses, rates=COSINE[:: ROWS // 60][:60] / 1e4)))


def test_two_losses_against_each_other_are_no_measure():
    policy = policy_of(["step", "loss_G", "loss_D"])
    told = diagnose(replace(record(0.7 + 3 * T / ROWS + NOISE, rates=np.full(ROWS, 2e-4)), policy=policy))
    assert not told.findings
    assert "a generator and one of a discriminator" in told.remarks[0]
    assert policy_of(["loss", "d_loss"]) == ()


# --- what the updates do to their own batch


def test_updates_that_raise_their_own_loss_are_at_the_edge():
    ends = np.where(T % 6 == 0, -1.2, 0.4)
    told = diagnose(record(FALLING, rates=np.full(ROWS, 0.1), slopes=np.ones(ROWS), end_slopes=ends))
    assert "edge of stability" in names(told)
    calm = diagnose(record(FALLING, rates=np.full(ROWS, 0.1), slopes=np.ones(ROWS), end_slopes=np.full(ROWS, 0.4)))
    assert "edge of stability" in calm.healthy


def test_an_end_at_which_updates_take_off_what_the_next_batches_put_back_is_noise():
    losses = 0.5 + 2 * np.exp(-T / 150) + NOISE  # still falling a little, so that it is no plateau
    loud = record(losses, rates=np.full(ROWS, 0.1), slopes=np.full(ROWS, 0.8), end_slopes=np.full(ROWS, 0.1))
    assert "noise-dominated end" in names(diagnose(loud))
    decayed = replace(loud, rates=COSINE)
    assert "noise-dominated end" in diagnose(decayed).healthy
