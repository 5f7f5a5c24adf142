"""What to write instead: names of other libraries, other keyboards, habits of other languages, each with the line."""

import inspect
import subprocess
import sys

import pytest

from stepsize import ParseError, parse, presets
from stepsize.suggest.libraries import NAMES, example, plainest
from stepsize.suggest.spelling import spellings


def told(text):
    with pytest.raises(ParseError) as error:
        parse(text)
    return error.value.message


def line(text):
    """The line that the error shows; it must be one that the language reads."""
    message = told(text)
    assert "\n" not in message
    shown = message.rpartition("write ")[2].partition(" (past its end")[0]
    parse(shown)
    return shown


EVERY = [(library, name) for library in presets.__all__ for name in getattr(presets, library).__all__]


@pytest.mark.parametrize(("library", "name"), EVERY, ids=str)
def test_every_preset_is_known_in_a_text(library, name):
    documented = inspect.getdoc(getattr(getattr(presets, library), name))
    message = told(
        next(one[4:] for one in documented.splitlines() if one.startswith(f">>> {name}(")).removesuffix(".base")
    )
    assert message.startswith(f"{name} is a name of ")
    assert "write" in message
    if "presets." not in example(name):
        parse(example(name).rpartition("write ")[2])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("StepLR(30)", "staircase(0.1, 30)"),
        ("StepLR(optimizer, step_size=30, gamma=0.5)", "staircase(0.5, 30)"),
        ("torch.optim.lr_scheduler.StepLR(self.optimizer, 7, gamma=0.5, last_epoch=-1)", "staircase(0.5, 7)"),
        ("sgd() | 0.1 * StepLR(30)", "sgd() | 0.1 * staircase(0.1, 30)"),
        ("CosineAnnealingLR(200)", "cosine(200)"),
        ("0.1 * CosineAnnealingLR(T_max=200, eta_min=0.001)", "0.1 * cosine(200, final=0.01)"),
        ("ReduceLROnPlateau(optimizer, 'min', factor=0.5, patience=5)", "plateau(0.5, 5)"),
        ("ExponentialDecay(0.3, 1000, 0.96)", "0.3 * exponential(0.96, every=1000)"),
        (
            "tf.keras.optimizers.schedules.ExponentialDecay(initial_learning_rate=0.3, decay_steps=7, decay_rate=0.9)",
            "0.3 * exponential(0.9, every=7)",
        ),
        ("get_cosine_schedule_with_warmup(optimizer, 70, 900)", "linear(0.0, 1.0, 70) >> cosine(830)"),
        ("cosine_decay_schedule(0.3, 70)", "0.3 * cosine(70)"),
        ("optax.chain(optax.clip_by_global_norm(2.0), optax.adam(3e-3))", "clip_norm(2.0) | adam() | 0.003"),
        ("Adam", "adam() | 0.001"),
        ("torch.optim.Adam(model.parameters(), lr=0.004)", "adam() | 0.004"),
        (
            "AdamW(params, lr=3e-4, weight_decay=0.1, betas=(0.9, 0.95))",
            "adam(beta2=0.95) | weight_decay(0.1) | 0.0003",
        ),
        ("SGD(lr=0.2, momentum=0.9, weight_decay=5e-4)", "weight_decay(0.0005) | sgd(momentum=0.9) | 0.2"),
        ("clip_grad_norm_(model.parameters(), 2.0) | sgd() | 0.1", "clip_norm(2.0) | sgd() | 0.1"),
        (
            "SequentialLR(opt, [LinearLR(opt, 0.1, total_iters=10), ExponentialLR(opt, 0.9)], [10])",
            "linear(0.1, 1.0, 10) >> exponential(0.9, every=1)",
        ),
        ("StepLR()", "staircase(0.1, 30)"),  # the example of the preset, where the arguments do not fit
    ],
)
def test_a_name_of_another_library_is_written_with_the_numbers_of_the_user(text, written):
    assert line(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("adam(lr=0.002)", "adam() | 0.002"),
        ("adam(0.002)", "adam() | 0.002"),
        ("sgd(learning_rate=0.3, momentum=0.9)", "sgd(momentum=0.9) | 0.3"),
        ("rmsprop(rho=0.9, lr=0.002)", "rmsprop(alpha=0.9) | 0.002"),
        (
            "clip_norm(1) | adam(lr=0.002, beta2=0.95) | clip(0.01)",
            "clip_norm(1) | adam(beta2=0.95) | 0.002 | clip(0.01)",
        ),
        ("adam(lr=3e-4 * cosine(70))", "adam() | 0.0003 * cosine(70)"),
        ("cosine(T_max=70)", "cosine(70)"),
        ("staircase(step_size=7, gamma=0.3)", "staircase(0.3, 7)"),
        ("0.2 * cosine(70, eta_min=0.001)", "0.2 * cosine(70, final=0.005)"),
        ("staircase(7, 0.3)", "staircase(0.3, 7)"),
        ("warmup(0.07) >> cosine()", "warmup('7%') >> cosine()"),
        ("warmup('7 epochs') >> cosine()", "warmup('7ep') >> cosine()"),
        ("cosine('70')", "cosine(70)"),
    ],
)
def test_arguments_of_another_library_find_their_places(text, written):
    assert line(text) == written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.1 × cosine（70，final＝0.2）", "0.1 * cosine(70, final=0.2)"),
        ("sgd（）｜ 0.1", "sgd() | 0.1"),
        ("0.1 * （warmup（‘7%’）》》cosine（））", "0.1 * (warmup('7%') >> cosine())"),
        ("0.1 * (warmup(“7%”) >> cosine())", "0.1 * (warmup('7%') >> cosine())"),
        ("adam() | 1e−3", "adam() | 0.001"),
        ("0.1 * cosine()。", "0.1 * cosine()"),
        ("lr=0.3", "0.3"),
        ("lr = 0.3 * cosine()", "0.3 * cosine()"),
        ("10^-3 * cosine()", "0.001 * cosine()"),
        ("10**-3 * cosine()", "0.001 * cosine()"),
        ("0.1 / 4 * cosine()", "0.025 * cosine()"),
        ("0.1 * cosine(70)^2", "0.1 * cosine(70) * cosine(70)"),
        ("cosine() / 2", "0.5 * cosine()"),
        ("0.1 * (warmup(70) -> cosine())", "0.1 * (warmup(70) >> cosine())"),
        ("0.1 * (warmup(70) → cosine())", "0.1 * (warmup(70) >> cosine())"),
        ("0.1 * (warmup(70) then cosine())", "0.1 * (warmup(70) >> cosine())"),
        ("warmup(7%) >> cosine()", "warmup('7%') >> cosine()"),
        ("warmup('7%) >> cosine()", "warmup('7%') >> cosine()"),
        ("adam() 0.002", "adam() | 0.002"),
        ("adam(lr=3e-4) | cosine()", "adam() | 0.0003 * cosine()"),
        ("0.2 * cosine(lr=0.2)", "0.2 * cosine()"),
        ("warmup(lr=0.2, steps=20)", "0.2 * warmup(20)"),
        ("sgd() | lr=0.2 * cosine(20)", "sgd() | 0.2 * cosine(20)"),
        ("multistep(60, 30)", "multistep(30, 60)"),
        ("warmup(20); cosine()", "warmup(20) >> cosine()"),
        ("0.2 x cosine(20)", "0.2 * cosine(20)"),
        ("warmup(10) * adam(lr=0.02)", "adam() | 0.02 * warmup(10)"),
        ("clip_norm(2) | sgd(lr=0.2, momentum=0.9) * cosine()", "clip_norm(2) | sgd(momentum=0.9) | 0.2 * cosine()"),
        ("adam(), 0.002", "adam() | 0.002"),
        ("adam(), lr=0.002", "adam() | 0.002"),
        ("adam() > 0.002", "adam() | 0.002"),
        ("0.2 * cosine() | adam()", "adam() | 0.2 * cosine()"),
        ("0.002 * adam()", "adam() | 0.002"),
        ("clip(2) | adam() > 0.002", "clip(2) | adam() | 0.002"),
        ("adam | 0.002", "adam() | 0.002"),
        ("0.3 cosine()", "0.3 * cosine()"),
        ("0,3 * cosine()", "0.3 * cosine()"),
        ("0.1 * cosine(70", "0.1 * cosine(70)"),
        ("0.1 * cosine(70))", "0.1 * cosine(70)"),
        ("'0.3 * cosine()", "0.3 * cosine()"),
        ("formula('t^2')", "formula('t**2')"),
    ],
)
def test_another_keyboard_and_other_habits_are_told_with_the_corrected_line(text, written):
    assert line(text) == written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.1 × cosin（10）", "× is typed as * here; besides, unknown word 'cosin', did you mean 'cosine'?"),
        ("cosine(100, eta_min=0.001)", "eta_min is a rate, final a share of the base rate: for 0.001 of 0.1 write"),
        ("CosineAnnealingLR(100, eta_min=1e-5)", "a minimum that is a rate, here it is a share: write the base too"),
        ("Lion(lr=1e-4)", "Lion is no rule here"),
        ("LambdaLR(optimizer, lr_lambda=f)", "LambdaLR takes a function of Python: write it out, formula("),
        ("get_chebyshev_schedule(10000000000)", "is a name of pytorch_optimizer"),
        ("cosin(10)", "unknown word 'cosin', did you mean 'cosine'? All words: stepsize list"),
        ("cosine(lenght=10)", "cosine has no field 'lenght', did you mean 'length'? (its fields are length, final)"),
        ("import os", "this is not an expression"),
        ("__import__('os').system('true')", "only a word can be called"),
        ("-0.1 * cosine()", "base must be a number ≥ 0"),
    ],
)
def test_what_has_no_line_is_told_in_words(text, said):
    assert said in told(text)


def test_a_cosine_of_torch_says_what_differs_after_its_end():
    message = told("CosineAnnealingLR(70)")
    assert message == (
        "CosineAnnealingLR is a name of torch: write cosine(70) "
        "(past its end it swings back up: formula('0.5 * (1 + cos(pi * t / 70))'))"
    )
    assert parse("cosine(70)").over(70)(35) == pytest.approx(presets.torch.CosineAnnealingLR(70)(35))
    assert plainest(str(presets.torch.CosineAnnealingLR(70, 0.01, base_lr=0.1))) == "cosine(70, final=0.1)"


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_names_are_read(name):
    parse(NAMES[name][2])


def test_the_column_is_that_of_what_was_written():
    with pytest.raises(ParseError, match=r"column 16: .*write clip_norm\(1\) \| adam\(\) \| 0.002") as error:
        parse("clip_norm(1) | adam(lr=0.002)")
    assert error.value.column == 16


def test_a_text_that_is_read_never_loads_the_suggestions():
    code = (
        "import sys\nfrom stepsize import parse\n"
        "for text in ('0.1 * cosine()', 'clip_norm(1) | adam() | 3e-4 * (warmup(\"5%\") >> cosine())'): parse(text)\n"
        "assert not [name for name in sys.modules if 'suggest' in name or 'presets' in name]\n"
        "try: parse('cosine(')\n"
        "except ValueError: pass\n"
        "assert 'stepsize.suggest' in sys.modules and 'stepsize.presets.torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 90 + ")" * 90,
        "((((cosine()**4)**4)**4)**4)**4",
        "9**9**9**9 * cosine()",
        "StepLR(" * 40,
        "SequentialLR([" + "StepLR(1)," * 25 + "], [1])",
        "^" * 300,
        "get_chebyshev_schedule(9999999)",
        "chain()",
        "Adam(betas=3)",
        "clip_grad_norm_()",
    ],
)
def test_a_hostile_text_is_one_short_error(text):
    message = told(text)
    assert len(message) < 1000
    assert "\n" not in message


def test_spellings_begin_with_the_text_itself():
    assert spellings("0.1 * cosine()")[0] == "0.1 * cosine()"
