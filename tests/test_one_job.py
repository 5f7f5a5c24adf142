"""One job, many answers: base 1, warm-up 10, horizon 100, cosine to 0, as each library would run it.

`python tests/test_one_job.py` prints the table of docs/conventions.md anew.
"""

from pathlib import Path

import pytest

from stepsize import cosine, warmup
from stepsize.presets import (
    fairseq,
    fvcore,
    keras,
    megatron,
    mmengine,
    olmo,
    optax,
    pytorch_optimizer,
    pytorch_warmup,
    timm,
    torch,
    torchtitan,
    transformers,
)

PAGE = Path(__file__).parent.parent / "docs" / "conventions.md"
STEPS = (0, 1, 9, 10, 11, 98, 99, 100, 101, 110)
MIN_LR = transformers.get_cosine_with_min_lr_schedule_with_warmup_lr_rate
RISE, FALL = fvcore.LinearParamScheduler(0.0, 1.0, steps=10), fvcore.CosineParamScheduler(1.0, 0.0, steps=90)

# what it is called, the preset, the values measured from the libraries, what it does after the end
JOBS = [
    (
        "torch Sequential(Linear(0.001), CosineAnnealing)",
        torch.SequentialLR([torch.LinearLR(1e-3, total_iters=10), torch.CosineAnnealingLR(90)], [10]),
        ".001 .1009 .9001 1 .999695 .001218 .000305 0 .000305 .03015",
        "swings back",
    ),
    (
        "transformers cosine",
        transformers.get_cosine_schedule_with_warmup(10, 100),
        "0 .1 .9 1 .999695 .001218 .000305 0 .000305 .03015",
        "swings back",
    ),
    (
        "transformers cosine_warmup_with_min_lr",
        MIN_LR(10, 100, min_lr_rate=0.0),
        ".1 .2 1 .999695 .998782 .000305 0 .000305 .001218 .036408",
        "swings back",
    ),
    (
        "timm, t_initial 100",
        timm.CosineLRScheduler(100, warmup_t=10),
        "0 .1 .9 .975528 .97044 .000987 .000247 0 0 0",
        "holds",
    ),
    (
        "timm, t_initial 100, warmup_prefix",
        timm.CosineLRScheduler(100, warmup_t=10, warmup_prefix=True),
        "0 .1 .9 1 .999753 .03511 .02956 .02447 .01985 0",
        "ends 10 later, holds",
    ),
    (
        "timm, t_initial 90, warmup_prefix",
        timm.CosineLRScheduler(90, warmup_t=10, warmup_prefix=True),
        "0 .1 .9 1 .999695 .001218 .000305 0 0 0",
        "holds",
    ),
    (
        "optax warmup_cosine, decay_steps 100",
        optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100),
        "0 .1 .9 1 .999695 .001218 .000305 0 0 0",
        "holds",
    ),
    (
        "keras CosineDecay, decay_steps 90",
        keras.CosineDecay(0.0, 90, warmup_target=1.0, warmup_steps=10),
        "0 .1 .9 1 .999695 .001218 .000305 0 0 0",
        "holds",
    ),
    (
        "Megatron-LM",
        megatron.OptimizerParamScheduler(0.0, 1.0, 0.0, 10, 100, "cosine"),
        "0 .1 .9 1 .999695 .001218 .000305 0 0 0",
        "holds",
    ),
    (
        "OLMo-core",
        olmo.CosWithWarmup(10, alpha_f=0.0, t_max=100),
        "0 .1 .9 1 .999695 .001218 .000305 0 0 0",
        "holds",
    ),
    (
        "torchtitan",
        torchtitan.LRSchedulersContainer(10, 100, decay_type="cosine"),
        ".1 .2 1 1 .999695 .001218 .000305 0 .000305 .03015",
        "swings back",
    ),
    (
        "fairseq, lr_shrink 0.1",
        fairseq.CosineLRSchedule(1.0, 10, max_update=100),
        "0 .1 .9 1 .999695 .001218 .000305 .1 .09997 .09698",
        "begins again",
    ),
    (
        "mmengine Linear(0–10), Cosine(10–100)",
        mmengine.LinearLR(0.001, end=10) * mmengine.CosineAnnealingLR(begin=10, end=100),
        ".001 .112 1 1 .999695 .001218 .000305 .000305 .000305 .000305",
        "freezes above its minimum",
    ),
    (
        "pytorch_optimizer CosineScheduler",
        pytorch_optimizer.CosineScheduler(100, 1.0, warmup_steps=10),
        "0 0 .8 .9 1 .002739 .001218 .000305 0 .02447",
        "one late, swings back",
    ),
    (
        "katsura (pytorch_optimizer CosineAnnealingWarmupRestarts)",
        pytorch_optimizer.CosineAnnealingWarmupRestarts(100, max_lr=1.0, min_lr=0.0, warmup_steps=10, gamma=1.0),
        "0 .1 .9 1 .999695 .001218 .000305 0 .1 1",
        "begins again, warm-up too",
    ),
    (
        "pytorch_warmup Linear × torch cosine(100)",
        pytorch_warmup.LinearWarmup(10) * torch.CosineAnnealingLR(100),
        ".1 .199951 .980147 .975528 .97044 .000987 .000247 0 .000247 .02447",
        "swings back",
    ),
    (
        "fvcore Composite(10 %, 90 %)",
        fvcore.CompositeParamScheduler([RISE, FALL], [0.1, 0.9], ["rescaled"] * 2, steps=100),
        "0 .1 .9 1 .999695 .001218 .000305 0 .000305 .03015",
        "swings back",
    ),
]
OURS = ("**stepsize** `warmup(10) >> cosine()`", (warmup(10) >> cosine()).over(100), "", "holds")


def written(value):
    """A rate to six decimals, without what is not needed."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def lines():
    """The table as it is printed, then each preset as the expression that it is."""
    yield "| as run by | " + " | ".join(f"t = {t}" for t in STEPS) + " | after the end |"
    yield "|---|" + "---|" * (len(STEPS) + 1)
    for name, preset, _, after in (*JOBS, OURS):
        yield f"| {name} | " + " | ".join(written(preset(t)) for t in STEPS) + f" | {after} |"
    yield ""
    yield "| as run by | the expression |"
    yield "|---|---|"
    for name, preset, _, _ in JOBS:
        yield f"| {name} | `{preset}` |"


@pytest.mark.parametrize(("name", "preset", "measured"), [job[:3] for job in JOBS], ids=[job[0] for job in JOBS])
def test_a_preset_gives_what_was_measured_of_its_library(name, preset, measured):
    for t, number in zip(STEPS, measured.split(), strict=True):
        digits = len(number.partition(".")[2])
        assert abs(preset(t) - float(number)) <= 0.51 * 10**-digits, f"{name} at update {t}"


@pytest.mark.parametrize(("preset", "after"), [(job[1], job[3]) for job in (*JOBS, OURS)], ids=str)
def test_what_it_does_after_the_end_is_what_the_table_says(preset, after):
    values = [preset(t) for t in range(111, 300)]
    if "holds" in after or "freezes" in after:
        assert len(set(values)) == 1
        assert (values[0] > 0) == ("freezes" in after)
    else:
        assert max(values) > (0.05 if after == "begins again" else 0.9)


def test_the_page_has_this_table():
    assert "\n".join(lines()) in PAGE.read_text(encoding="utf-8"), "python tests/test_one_job.py prints it anew"


def test_seventeen_ways_to_write_one_job_are_twelve_different_curves():
    assert len(JOBS) == 17
    assert len({tuple(written(job[1](t)) for t in range(150)) for job in JOBS}) == 12


if __name__ == "__main__":
    print("\n".join(lines()))
