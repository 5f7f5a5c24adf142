"""What is told of a schedule before a run: the ill ones with what to write, and nothing of the ordinary ones."""

import json
import subprocess
import sys

import pytest

from stepsize import StepsizeError, parse, presets
from stepsize.schedules.doubts import begins_at_zero, doubts, rises

STEPS, EPOCH = 9000, 100  # 90 epochs

HEALTHY = """
cosine()
0.1 * cosine()
warmup('5%') >> cosine()
warmup(500) >> cosine()
warmup(5) >> cosine()
warmup(500) * cosine()
linear()
linear(0, 1, 500) >> linear()
warmup(500)
warmup(500) >> constant()
constant()
wsd()
wsd('1%', decay='10%')
onecycle()
onecycle('10%', three_phase=True)
onecycle_momentum()
linear(0.85, 0.95)
exponential(0.1)
exponential(1e-3)
exponential(0.97, every='1ep')
exponential(0.9995, every=1)
natural_exponential(0.0005)
staircase(0.1, '30ep')
staircase(0.5, 2000)
multistep('30ep', '60ep', '80ep')
multistep('30ep', '60ep', '90ep')
multistep('60ep', '80ep', '120ep')
multistep('50%', '75%')
multistep(3000, 6000, 8000)
stages(1, 0.1, 0.01)
stages(0, 1, at=('1ep',))
stages(1, 0, at=('5%',))
stages(1, 0, 1, at=(300, 600))
stages(1, 0.5, at=(100,))
sgdr(1000)
sgdr('10ep', growth=2)
cyclic(500)
cyclic('2ep')
repeat(linear(1, 0, 500))
repeat(cosine('30ep'), 3)
inverse_sqrt(500)
warmup(500) >> inverse_sqrt(500)
minimum(warmup(500), inverse_sqrt(500))
noam(512, 4000)
power_law(-0.51, 100)
inverse_time(0.01)
inverse_time(1.0, every=1000)
rex()
polynomial(0.9)
polynomial(3)
tanh_decay()
anneal(shape='1-sqrt')
untuned_linear()
untuned_exponential()
rectification() * cosine()
saturation(200) * cosine()
cosine(final=0.1)
clamp(cosine(), 0.01)
range_test(1e6)
range_test(10, shape='linear')
constant(0.1) + constant(0.9) * cosine()
cosine() + constant(0.1)
chebyshev(8)
stretch(cosine(), 2)
reverse(cosine())
linear(1, 2)
linear(2, 1)
linear(10, 1, 300) >> constant()
linear(10, 1, 300) * cosine()
warmup(100) >> constant() >> anneal('20%')
warmup(100) >> constant(length=7000) >> anneal(1900)
wsds(3000, 6000, rise=100, decay=300)
piecewise((0, 0.1), ('30%', 1), ('100%', 0))
table(1, 0.5, 0.25, every=3000)
noise(0.1)
formula('1/(1+t/100)')
cosine('80%')
cosine(8000)
cosine(12000)
linear(length=18000)
plateau()
cosine() * plateau()
warmup('5ep') * plateau(0.1, watch='metric', after='5ep')
polyak(high=1)
1 * robust_infrared() * (constant(length='60%') >> linear())
infrared(0.9, 0.99)
multistep(1000, 2000)
warmup(500) + constant(0.05)
""".strip().splitlines()

ILL = [
    ("multistep(30, 60, 90)", "write multistep('30ep', '60ep', '90ep') with steps_per_epoch=100"),
    ("multistep(30, 60) * plateau()", "write multistep('30ep', '60ep') * plateau() with"),
    ("0.1 * multistep(30, 60, 80, gamma=0.2)", "write multistep('30ep', '60ep', '80ep', gamma=0.2) with"),
    ("warmup(5) >> multistep(30, 60, 80)", "write warmup('5ep') >> multistep('30ep', '60ep', '80ep') with"),
    ("warmup(5) * multistep(30, 60, 80)", "every change is over at step 80 of 9000"),
    ("warmup(500) * multistep(30, 60, 80)", "multistep('30ep', '60ep', '80ep')"),
    ("stages(1, 0.3, 0.01, at=(40, 70))", "write stages(1.0, 0.3, 0.01, at=('40ep', '70ep')) with"),
    ("staircase(0.1, 30)", "write staircase(0.1, '30ep') with"),
    ("staircase(0.5, 1)", "write staircase(0.5, '1ep') with"),
    ("clamp(staircase(0.1, 30), 0.01)", "every change is over at step 60 of 9000, and 0.01 of the highest"),
    ("exponential(0.95, every=1)", "from step 180 of 9000 on the factor is below 1/10000 of its highest"),
    ("natural_exponential(0.05)", "below 1/10000"),
    ("exponential(0.01, 90)", "write exponential(0.01, '90ep') with"),
    ("inverse_time(100.0)", "below 1/10000"),
    ("cosine(90)", "write cosine('90ep') with"),
    ("linear(length=90)", "write linear(length='90ep') with"),
    ("warmup(5) >> cosine(85)", "write warmup('5ep') >> cosine('85ep') with"),
    ("polynomial(0.9, 90)", "write polynomial(0.9, '90ep') with"),
    ("rex(90)", "write rex('90ep') with"),
    ("tanh_decay(90)", "write tanh_decay('90ep') with"),
    ("anneal(90)", "write anneal('90ep') with"),
    ("piecewise((0, 0.1), (10, 1), (90, 0))", "write piecewise((0, 0.1), ('10ep', 1), ('90ep', 0)) with"),
    ("wsds(30, 60, rise=1, decay=5)", "constant(length='24ep')"),
    ("cosine(400)", "lengths count steps: leave them out, or write shares ('30%') or epochs ('30ep')"),
    ("cosine(3000) * cosine(500)", "lengths count steps"),
    ("warmup(10000)", "warmup(10000) is not over when the run ends, at step 9000 with a factor of 0.9"),
    ("warmup(10000) >> constant()", "such as warmup('5%')"),
    ("warmup(10000) * cosine()", "is not over when the run ends"),
    ("warmup(20000) >> inverse_sqrt(20000)", "is not over when the run ends"),
    ("linear(0, 1, 20000)", "such as linear(0, 1, '5%')"),
    ("cosine(90000)", "the decay does not come: the run ends at step 9000 with 0.976 of the highest factor"),
    ("linear(length=100000)", "it would be over at step 100000"),
    ("multistep(30000, 60000)", "the decay does not come"),
    ("staircase(0.1, 30000)", "the decay does not come"),
    ("warmup(100) >> constant(length=20000) >> anneal(2000)", "it would be over at step 22100"),
    ("sgdr(10)", "it has 900 cycles of 10 steps: if 10 is in epochs, write repeat(cosine('10ep')) with"),
    ("cyclic(10)", "it has 450 cycles of 20 steps"),
    (
        "warmup(10) + cosine()",
        "rises to 2: write warmup(10) >> cosine() for one after the other, warmup(10) * cosine()",
    ),
    ("warmup(500) + linear()", "rises to 1.94"),
    ("0.3 * (linear(0, 1, 500) + cosine())", "rises to 1.99"),
]


def test_there_are_enough_of_both():
    assert len(set(HEALTHY)) >= 60
    assert len(ILL) >= 30


@pytest.mark.parametrize("text", HEALTHY)
def test_nothing_is_said_of_an_ordinary_schedule(text):
    assert doubts(parse(text), STEPS, steps_per_epoch=EPOCH) == []
    resolved = parse(text).over(STEPS, steps_per_epoch=EPOCH)  # as a Scheduler has it
    if text not in ("stages(1, 0.5, at=(100,))",):
        assert doubts(resolved, STEPS, steps_per_epoch=EPOCH) == []


@pytest.mark.parametrize(("text", "said"), ILL)
def test_an_ill_one_is_told_with_what_to_write(text, said):
    (told,) = doubts(parse(text), STEPS, steps_per_epoch=EPOCH)
    assert said in told
    assert "\n" not in told
    resolved = parse(text).over(STEPS, steps_per_epoch=EPOCH)
    assert len(doubts(resolved, STEPS, steps_per_epoch=EPOCH)) == 1


@pytest.mark.parametrize(("text", "said"), [one for one in ILL if "ep'" in one[1] and one[1].endswith("with")])
def test_what_is_to_be_written_is_an_ordinary_one(text, said):
    (told,) = doubts(parse(text), STEPS, steps_per_epoch=EPOCH)
    better = parse(told.rpartition("write ")[2].rpartition(" with ")[0])
    if text != "staircase(0.5, 1)":  # half at each of ninety epochs is too much as well
        assert doubts(better, STEPS, steps_per_epoch=EPOCH) == []


@pytest.mark.parametrize("text", [text for text, _ in ILL if "+" not in text and "warmup(10000)" not in text][:30])
def test_what_counts_epochs_where_steps_are_epochs_is_right(text):
    parts = [one for one in doubts(parse(text), 90, steps_per_epoch=1) if "epochs" in one and "'30ep'" not in one]
    assert parts == []


PRESETS = [
    presets.transformers.get_cosine_schedule_with_warmup(500, 9000),
    presets.transformers.get_linear_schedule_with_warmup(500, 9000),
    presets.transformers.get_constant_schedule_with_warmup(500),
    presets.transformers.get_inverse_sqrt_schedule(500),
    presets.torch.CosineAnnealingLR(9000),
    presets.torch.MultiStepLR([3000, 6000]),
    presets.torch.StepLR(3000),
    presets.torch.LinearLR(total_iters=500),
    presets.torch.PolynomialLR(9000),
    presets.torch.CosineAnnealingWarmRestarts(1000),
]


@pytest.mark.parametrize("preset", PRESETS, ids=str)
def test_nothing_is_said_of_a_preset(preset):
    assert doubts(preset, STEPS, steps_per_epoch=EPOCH) == []


def test_without_the_length_of_an_epoch_it_is_asked_for():
    (told,) = doubts(parse("multistep(30, 60, 90)"), STEPS)
    assert told.endswith("write multistep('30ep', '60ep', '90ep') with steps_per_epoch=…")


def test_a_short_run_says_little():
    assert doubts(parse("multistep(1, 2)"), 50) == []


def test_a_function_that_is_not_defined_everywhere_says_nothing():
    assert doubts(parse("formula('1/(50-t)')").over(100), 100) == []


def test_a_first_update_at_0_is_seen_and_a_frozen_group_is_not():
    assert begins_at_zero(parse("linear(0, 1, 100) >> constant()")).startswith(
        "the first update is made at 0: warmup(100)"
    )
    assert begins_at_zero(parse("table(0, 1)")) == "the first update is made at 0"
    for text in ("warmup(100)", "stages(0, 1, at=(100,))", "constant(0)", "linear(1, 0, 9)"):
        assert begins_at_zero(parse(text)) == ""


def test_where_warm_ups_are_over():
    found = rises(parse("warmup(10) >> (warmup(20) * cosine(90))"))
    assert [(str(one), end) for one, end in found] == [("warmup(10)", 10), ("warmup(20)", 30)]


def stepsize(*arguments):
    done = subprocess.run([sys.executable, "-m", "stepsize", *arguments], capture_output=True, text=True)
    assert done.returncode == 0
    return done


@pytest.mark.parametrize("command", [("show", "--at", "0"), ("explain",)])
def test_the_command_line_says_it_where_the_length_is_given(command):
    name, *more = command
    units = ["--steps", "9000", "--steps-per-epoch", "100"]
    told = stepsize(name, "0.1 * multistep(30, 60, 90)", *units, *more)
    assert "note: every change is over" in told.stderr
    assert "multistep('30ep', '60ep', '90ep') with steps_per_epoch=100" in told.stderr
    assert stepsize(name, "warmup(100) >> cosine()", *units, *more).stderr == ""
    assert stepsize(name, "multistep(3, 6, 9)", *more).stderr == ""  # nobody said how long the run is
    plan = stepsize(name, "plan(lr=0.1 * multistep(30, 60, 90), momentum=0.9)", "--steps", "9000", *more)
    assert plan.stderr.count("note:") == 1


def test_the_command_line_says_it_in_json():
    line = json.loads(stepsize("show", "sgd() | 1 * cosine(90)", "--steps", "9000", "--at", "0", "--json").stdout)
    assert "cosine('90ep')" in line["note"]
    line = json.loads(stepsize("explain", "sgd() | 1 * cosine(90)", "--steps", "9000", "--json").stdout)
    assert "cosine('90ep')" in line["notes"][0]
    assert "notes" not in json.loads(stepsize("explain", "1 * cosine()", "--steps", "9000", "--json").stdout)


def test_a_length_in_a_unit_that_is_not_known_is_the_usual_error():
    with pytest.raises(StepsizeError, match="steps_per_epoch"):
        doubts(parse("cosine('3ep')"), 100)


def test_a_ratio_for_one_step_is_told():
    """`exponential(0.95, 1)` is over after one step: torch's gamma is `every=1`."""
    assert doubts(parse("0.1 * exponential(0.95, 1)"), 9000) == [
        "exponential(0.95, 1) is over after 1 step and holds: for a ratio each step write exponential(0.95, every=1)"
    ]
    assert doubts(parse("0.1 * exponential(0.9995, every=1)"), 9000) == []
