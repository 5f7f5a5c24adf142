"""The diagnosis: found in runs made to be ill, silent in healthy ones, indifferent to units, and never an exception."""

import csv
import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commandline import run
from stepsize import StepsizeError, descend, descend_many, problems
from stepsize.lab.diagnosis import SYMPTOMS, diagnose
from stepsize.lab.diagnosis.trend import autocorrelation, beside, blocks, kendall, noise, running_median, theil_sen
from stepsize.lab.records.record import Record, read
from test_cli import last_line

BENCH = Path(__file__).parent.parent / "bench" / "diagnosis.py"
NAMES = [rule.illness for rule in SYMPTOMS]
SERIES = ("steps", "losses", "rates", "grad_norms", "clipped", "slopes", "end_slopes", "measured", "validated")
LINE = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("bench_diagnosis", BENCH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def ill_runs(bench):
    """Every eighth of the runs made to be ill, at least one of each group, with one seed."""
    cases = list(bench.ill(seeds=(0,), steps=250))
    first = {case.group: case for case in reversed(cases)}
    chosen = [case for i, case in enumerate(cases) if i % 8 == 0 or case is first[case.group]]
    return [(case, case.runs()[0]) for case in chosen]


def names(told):
    return {one.illness for one in told.findings}


def same(a, b):
    for name in SERIES:
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None) == (y is None), name
        if x is not None:
            np.testing.assert_array_equal(x, y, err_msg=name)
    assert (a.layers is None) == (b.layers is None)
    for name, one in (a.layers or {}).items():
        np.testing.assert_array_equal(one, b.layers[name])
    for name in ("text", "base", "planned_steps", "diverged", "measured_at", "why"):
        assert getattr(a, name) == getattr(b, name), name


# --- found, and false alarms


def test_it_finds_what_runs_were_made_to_have(ill_runs):
    found = {}
    for case, one in ill_runs:
        hit, made = found.get(case.group, (0, 0))
        found[case.group] = (hit + bool(names(one.diagnose()) & set(case.wanted)), made + 1)
    missed = {group: made - hit for group, (hit, made) in found.items()}
    allowed = {"too large": 2}
    assert all(missing <= allowed.get(group, 0) for group, missing in missed.items()), found
    assert sum(made for _, made in found.values()) >= 15


def test_it_finds_most_of_it_in_an_ordinary_log(ill_runs, bench):
    """Loss, rate, gradient norm and clipping alone: no layers, no slopes, no text."""
    blind = {"vanishing", "oscillating", "held at its floor"}
    hits = [
        bool(names(diagnose(bench.seen(one.record, False))) & set(case.wanted))
        for case, one in ill_runs
        if case.group not in blind
    ]
    assert np.mean(hits) >= 0.75


def test_a_healthy_run_is_left_in_peace(bench):
    """Data, lengths and seeds that no threshold was set on, and some of those that they were set on."""
    cases = [*list(bench.healthy_elsewhere())[::3], *list(bench.healthy())[::8]]
    runs = [one for case in cases for one in dataclasses.replace(case, seeds=case.seeds[:2], steps=250).runs()]
    loud = [(one.text, names(one.diagnose())) for one in runs if names(one.diagnose())]
    assert len(runs) >= 40
    assert not loud
    told = runs[0].diagnose()
    assert told.verdict == "Nothing found wrong (20 rules judged, 3 not)."
    assert set(told.healthy) == set(NAMES) - {"validation not finite", "overfitting", "validation jumped"}


def test_a_number_of_every_finding_is_plain_and_every_sentence_ends(ill_runs):
    for _, one in ill_runs:
        told = one.diagnose()
        json.dumps(told.as_dict())
        for finding in told.findings:
            assert finding.says.endswith(".")
            assert finding.illness in NAMES
            assert finding.numbers or finding.illness == "diverged"
            assert all(type(value) is float for _, value in finding.numbers), finding
            assert finding.step is None or type(finding.step) is int


def test_findings_come_in_the_order_of_the_rules(ill_runs):
    for _, one in ill_runs:
        order = [NAMES.index(finding.illness) for finding in one.diagnose().findings]
        assert order == sorted(order)


# --- single rules, on records whose answer is known


def record(losses, **columns):
    losses = np.asarray(losses, dtype=float)
    columns = {name: np.asarray(one, dtype=float) for name, one in columns.items()}
    return Record(steps=np.arange(len(losses)), losses=losses, **columns)


def test_diverged_names_the_update_where_the_rise_began():
    losses = [*np.linspace(2, 1, 50), *1.3 ** np.arange(1, 31)]
    told = diagnose(record([*losses, np.nan, np.nan]))
    (finding,) = told.findings
    assert finding.illness == "diverged"
    assert finding.sure == "certain"
    assert 48 <= finding.step <= 51
    assert "not a finite number at update 80" in finding.says
    assert ("last finite loss", losses[-1]) in finding.numbers


def test_a_run_of_a_bowl_past_two_over_its_curvature_diverged_from_its_first_update():
    bowl = problems.objective(lambda x: (float(x @ x), 2 * x), params=np.ones(2))
    finding = descend(bowl, "sgd() | 1.01", steps=50).diagnose().findings[0]
    assert (finding.illness, finding.step) == ("diverged", 0)


def test_a_run_that_ends_above_its_start_names_both_losses_and_no_rise_that_is_not_there():
    away = problems.objective(lambda x: (float(np.cos(x[0])), -np.sin(x)), params=np.array([np.pi - 0.01]))
    (finding, *_) = descend(away, "sgd() | 2.1", steps=3).diagnose().findings
    assert finding.illness == "diverged"
    assert finding.says.startswith("The run diverged: it ended above the loss that it began with: ")


@pytest.mark.parametrize(("rate", "alpha"), [(1e-9, -1.0), (0.125, -0.75), (0.5, 0.0), (0.75, 0.5), (1.0, 1.0)])
def test_alpha_is_where_a_step_lands_on_a_parabola(rate, alpha):
    bowl = problems.objective(lambda x: (float(x @ x), 2 * x), params=np.ones(3))  # the floor is at rate 0.5
    run = descend(bowl, f"sgd() | {rate}", steps=1, details=True)
    assert run.record.alphas[0] == pytest.approx(alpha, abs=1e-8)


def test_alpha_is_that_of_the_formula_with_both_losses_where_nothing_is_noisy():
    """Cockpit fits w0 + w1 t + w2 t² to two losses and two slopes; without noise the slopes alone say the same."""
    X = np.random.default_rng(0).normal(size=(30, 4))
    run = descend(problems.least_squares(X, X.sum(axis=1)), "sgd() | 0.3", steps=6, details=True)
    losses, slopes, ends = run.losses, run.slopes, run.end_slopes
    for t in range(5):
        design = np.array([[1, 0, 0], [1, 1, 1], [0, 1, 0], [0, 1, 2]])  # t counts updates: from 0 to 1
        seen = [losses[t], losses[t + 1], -slopes[t], -ends[t]]
        w = np.linalg.lstsq(design, seen, rcond=None)[0]
        assert run.record.alphas[t] == pytest.approx(2 / (-w[1] / w[2]) - 1, rel=1e-9)


def test_where_the_slope_grows_on_the_way_alpha_is_minus_one_and_uphill_it_is_unknown():
    found = record([1.0, 1.0, 1.0], slopes=[1, -1, 0], end_slopes=[2, 1, 1]).alphas
    np.testing.assert_array_equal(found, [-1, np.nan, np.nan])


def test_batch_noise_is_no_oscillation():
    random = np.random.default_rng(0)
    losses = np.exp(-np.arange(300) / 80) + 0.2 * random.standard_normal(300)
    assert "oscillating" in diagnose(record(losses)).healthy
    swings = np.exp(-np.arange(300) / 80) * (1 + 0.2 * (-1.0) ** np.arange(300))
    assert "oscillating" in names(diagnose(record(swings)))


def test_a_plateau_begins_where_the_loss_came_down_to_it():
    random = np.random.default_rng(1)
    losses = np.maximum(np.linspace(10, -14, 600), 1) + 0.1 * random.standard_normal(600)
    (finding,) = diagnose(record(losses, rates=np.full(600, 0.1))).findings
    assert finding.illness == "plateaued"
    assert finding.step == pytest.approx(225, abs=15)
    decayed = np.where(np.arange(600) < 300, 0.1, 0.01)
    assert "plateaued" in diagnose(record(losses, rates=decayed)).healthy
    decays = 0.1 * np.minimum(1, np.linspace(3, 0, 600))  # from the last third on
    assert "plateaued" in diagnose(record(losses, rates=decays)).healthy
    never = diagnose(record(1 + 0.1 * random.standard_normal(600), rates=np.full(600, 0.1))).findings[0]
    assert never.illness == "not learning"


def test_a_run_that_has_arrived_is_no_plateau():
    losses, rates = np.maximum(2.0 ** -np.arange(300.0), 1e-13), np.full(300, 0.1)
    assert "plateaued" in diagnose(record(losses, rates=rates)).healthy
    noisy = losses * (1 + 0.1 * np.random.default_rng(0).standard_normal(300))
    assert "plateaued" in diagnose(record(noisy, rates=rates, grad_norms=np.sqrt(losses))).healthy


def test_spikes_are_counted_and_the_first_named():
    norms = np.random.default_rng(2).lognormal(0, 0.3, 200)
    norms[[60, 130]] *= [40, 90]
    (finding,) = diagnose(record(np.linspace(2, 1, 200) ** 4, grad_norms=norms)).findings
    assert finding.illness == "exploding gradients"
    assert finding.step == 60
    assert dict(finding.numbers)["spikes"] == 2


def test_clipping_counts_from_half_the_updates_on():
    half = np.zeros(100)
    half[:50] = 1
    falling = np.linspace(3, 1, 100) ** 5
    assert "always clipped" in diagnose(record(falling, clipped=half)).healthy
    half[50] = 1
    assert "always clipped" in names(diagnose(record(falling, clipped=half)))
    assert "always clipped" in diagnose(record(falling, clipped=half * 0.09)).healthy  # a tenth of the elements


@pytest.mark.parametrize(
    ("text", "late"),
    [
        ("sgd() | 0.1 * cosine()", False),
        ("sgd() | 0.1 * cosine(300)", True),
        ("sgd() | 0.1", False),
        ("sgd() | 0.1 * inverse_sqrt(10)", False),
        ("sgd() | 0.1 * inverse_time(5)", False),
        ("sgd() | 0.1 * linear(1, 0.5)", False),
        ("sgd() | 0.1 * (constant(length='90%') >> linear())", False),
    ],
)
def test_a_schedule_is_late_where_it_would_have_gone_on_to_decay(text, late):
    told = descend(LINE, text, steps=100).diagnose()
    assert ("schedule ended late" in names(told)) is late


def test_without_a_text_the_rates_tell_whether_the_schedule_ended():
    falling = np.linspace(3, 1, 100) ** 5
    assert "schedule ended late" in names(diagnose(record(falling, rates=np.linspace(1, 0.4, 100))))
    assert "schedule ended late" in diagnose(record(falling, rates=np.linspace(1, 0, 100))).healthy
    held = np.r_[np.linspace(1, 0, 70), np.zeros(30)]
    (finding,) = diagnose(record(falling, rates=held)).findings
    assert (finding.illness, finding.step) == ("schedule ended early", 69)


def test_what_is_missing_is_named_and_nothing_is_guessed():
    told = diagnose(record(np.linspace(3, 1, 100) ** 5))
    reasons = dict(told.not_judged)
    assert reasons["plateaued"] == "the record has no rate"
    assert reasons["always clipped"] == "the record has no share that was clipped"
    assert "no gradient norms" in reasons["vanishing gradients"]
    assert "10 rows with a finite loss, 20 are needed" in dict(diagnose(record(np.ones(10))).not_judged)["oscillating"]
    assert "Not judged:" in str(told)


def test_a_clip_that_never_acts_is_a_remark_and_no_illness():
    told = descend(LINE, "sgd() | 0.1 * cosine() | clip(1e6)", steps=50).diagnose()
    assert not told.findings
    assert told.remarks == ("The clip of this strategy never acted.",)


# --- laws


@pytest.mark.parametrize("times", [1e-9, 1e-3, 7.0, 1e12])
def test_the_unit_of_the_loss_changes_nothing(ill_runs, times):
    columns = ("losses", "grad_norms", "slopes", "end_slopes", "measured")
    for _, one in ill_runs[::4]:
        before = one.record
        if np.abs(before.losses).max(initial=0) > 1e200:
            continue
        with np.errstate(over="ignore"):
            after = dataclasses.replace(before, **{name: getattr(before, name) * times for name in columns})
        assert names(diagnose(after)) == names(diagnose(before))


@pytest.mark.parametrize("times", [10, 1000])
def test_the_unit_of_a_step_changes_nothing(ill_runs, times):
    for _, one in ill_runs[::4]:
        before = dataclasses.replace(one.record, text=None, planned_steps=None)
        after = dataclasses.replace(before, steps=before.steps * times)
        assert names(diagnose(after)) == names(diagnose(before))


def test_a_record_comes_back_the_same(ill_runs, tmp_path):
    for i, (_, one) in enumerate(ill_runs[::5]):
        file = tmp_path / f"{i}.jsonl"
        one.save(file)
        back = read(file)
        same(one.record, back)
        assert diagnose(back) == one.diagnose()
    assert not list(tmp_path.glob(".*"))


def test_details_change_no_number_of_a_run_and_cost_nothing_where_they_are_off():
    calls = []

    class Counted(problems.least_squares):
        def loss_and_grad(self, params, rows=None):
            calls.append(1)
            return super().loss_and_grad(params, rows)

    X = np.random.default_rng(0).normal(size=(30, 3))
    problem = Counted(X, X.sum(axis=1))
    plain = descend_many(problem, "adam() | 0.1", steps=20, rates=[0.1, 0.01], seeds=[0, 1], batch_size=5)
    assert len(calls) == 20
    told = descend_many(problem, "adam() | 0.1", steps=20, rates=[0.1, 0.01], seeds=[0, 1], batch_size=5, details=True)
    assert len(calls) == 20 + 40
    for a, b in zip(plain, told, strict=True):
        np.testing.assert_array_equal(a.losses, b.losses)
        np.testing.assert_array_equal(a.params, b.params)
        assert a.slopes is None
        np.testing.assert_allclose(b.layer_norms["theta"], b.grad_norms)
    alone = descend(problem, "adam() | 0.01", steps=20, seed=1, batch_size=5, details=True)
    np.testing.assert_array_equal(alone.end_slopes, told[3].end_slopes)


any_float = st.floats(allow_nan=True, allow_infinity=True)
columns = st.sampled_from(["rates", "grad_norms", "clipped", "slopes", "end_slopes"])


@st.composite
def any_record(draw):
    count = draw(st.sampled_from([0, 1, 2, 3, 19, 20, 21, 45, 120]))
    kind = draw(st.sampled_from(["wild", "constant", "noisy", "falling"]))
    random = np.random.default_rng(draw(st.integers(0, 2**20)))
    made = {
        "wild": lambda: np.array(draw(st.lists(any_float, min_size=count, max_size=count))),
        "constant": lambda: np.full(count, draw(any_float)),
        "noisy": lambda: random.standard_normal(count) * 10.0 ** draw(st.integers(-300, 300)),
        "falling": lambda: np.exp(-np.arange(count) * random.random()),
    }

    def column():
        return np.asarray(made[kind if draw(st.booleans()) else "wild"](), dtype=float)

    there = draw(st.sets(columns))
    layers = {f"l{i}": column() for i in range(draw(st.integers(0, 3)))} if draw(st.booleans()) else None
    return Record(
        steps=np.cumsum(random.integers(1, 9, count)),
        losses=column(),
        layers=layers,
        text=draw(
            st.sampled_from([None, "sgd() | 0.1 * cosine(50)", "nonsense(", "sgd() | 0.1 * plateau() | clip(1)"])
        ),
        planned_steps=draw(st.sampled_from([None, 1, 100])),
        diverged=draw(st.sampled_from([None, True, False])),
        measured_at=(0, 3),
        measured=np.array([draw(any_float), draw(any_float)]),
        why=draw(st.sampled_from([None, ("",) * count])),
        **{name: column() for name in there},
    )


@settings(max_examples=150)
@given(any_record())
def test_any_record_has_a_diagnosis(tmp_path_factory, one):
    told = diagnose(one)
    assert len(told.findings) + len(told.healthy) + len(told.not_judged) == len(SYMPTOMS)
    assert str(told)
    file = tmp_path_factory.mktemp("any") / "run.jsonl"
    one.save(file)
    same(dataclasses.replace(one, why=one.why or None), read(file))
    assert str(diagnose(dataclasses.replace(read(file), source=""))) == str(told)


# --- the statistics, against those who have them


def test_the_trend_statistics_are_those_of_scipy():
    from scipy import stats

    random = np.random.default_rng(3)
    x, y = np.arange(40.0), random.standard_normal(40) - 0.02 * np.arange(40)
    slope, _, _, _ = stats.theilslopes(y, x)
    assert theil_sen(x, y) == pytest.approx(slope)
    p = stats.kendalltau(x, y, method="asymptotic").pvalue
    assert 2 * stats.norm.sf(abs(kendall(y))) == pytest.approx(p, rel=0.15)  # ours corrects for continuity
    assert kendall(np.arange(30.0)) > 7
    assert kendall(np.ones(30)) == 0


def test_the_other_statistics_on_what_is_known():
    random = np.random.default_rng(4)
    assert noise(np.linspace(5, 1, 2000) + 0.3 * random.standard_normal(2000)) == pytest.approx(0.3, rel=0.1)
    assert autocorrelation((-1.0) ** np.arange(400), 1) == pytest.approx(-1, abs=0.01)
    assert blocks(np.arange(10.0), 5).tolist() == [0.5, 2.5, 4.5, 6.5, 8.5]
    assert running_median(np.array([1.0, 9, 1, 1, 1]), 3).tolist() == [9, 1, 1, 1, 1]
    one = np.ones(50)
    one[25] = 7
    assert beside(one, 10)[5:].tolist() == [1] * 45
    long = random.standard_normal(45_000)  # longer than one piece of a sliding window
    assert running_median(long, 5)[30_000] == np.median(long[29_998:30_003])
    assert beside(long, 25)[20_000] == max(np.median(long[19_975:20_000]), np.median(long[20_001:20_026]))


# --- logs of other loops


def write_csv(file, header, rows):
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([header, *rows])


@pytest.mark.parametrize(
    "header",
    [
        ("step", "loss", "lr", "grad_norm"),
        ("global_step", "train_loss", "learning_rate", "gnorm"),
        ("Iteration", "train/loss", "train/learning_rate", "train/grad_norm"),
        ("epoch", "Loss", "lr-SGD", "grad norm"),
    ],
)
def test_a_csv_is_read_under_the_names_people_use(tmp_path, header):
    file = tmp_path / "log.csv"
    write_csv(file, header, [(10 * i, 5 - i, 0.1, 2.0) for i in range(4)])
    one = read(file)
    assert one.steps.tolist() == [0, 10, 20, 30]
    assert one.losses.tolist() == [5, 4, 3, 2]
    assert one.rates.tolist() == [0.1] * 4
    assert one.grad_norms.tolist() == [2.0] * 4


def test_the_metrics_of_lightning_have_empty_cells_and_rows_of_one_step(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_text(
        "epoch,lr-SGD,step,train_loss,val_loss\n"
        ",0.1,0,,\n0,,0,2.0,\n,0.05,49,,\n0,,49,1.5,\n0,,49,,1.7\n,0.01,98,,\n1,,99,nan,\n1,,99,,1.9\n",
        encoding="utf-8",
    )
    one = read(file)
    assert one.steps.tolist() == [0, 49, 99]
    np.testing.assert_array_equal(one.losses, [2.0, 1.5, np.nan])
    assert one.rates.tolist() == [0.1, 0.05, 0.01]  # a rate holds until the next is logged
    assert (one.measured_at, one.validated.tolist()) == ((49, 99), [1.7, 1.9])
    assert diagnose(one).findings[0].illness == "diverged"


def test_the_log_history_of_transformers_is_read(tmp_path):
    """The form of `TrainerState.save_to_json`; tests/test_hosts_transformers.py reads a real one."""
    history = [
        *({"epoch": i / 4, "grad_norm": 1.0, "learning_rate": 1e-4, "loss": 3.0 - i, "step": 10 * i} for i in (1, 2)),
        {"eval_loss": 2.5, "eval_runtime": 1.0, "epoch": 0.5, "step": 20},
        {"epoch": 0.75, "grad_norm": float("nan"), "learning_rate": 5e-5, "loss": float("nan"), "step": 30},
        {"train_loss": 1.5, "train_runtime": 9.0, "epoch": 1.0, "step": 40},
    ]
    file = tmp_path / "trainer_state.json"
    state = {"best_metric": None, "epoch": 1.0, "global_step": 40, "log_history": history, "max_steps": 100}
    file.write_text(json.dumps(state, indent=2, sort_keys=True))
    one = read(file)
    np.testing.assert_array_equal(one.losses, [2.0, 1.0, np.nan])
    assert one.steps.tolist() == [10, 20, 30]
    assert one.planned_steps == 100
    assert (one.measured_at, one.validated.tolist()) == ((20,), [2.5])


def test_json_lines_and_lists_and_other_separators_are_read(tmp_path):
    rows = [{"step": i, "train": "x", "loss": 1.0 / (i + 1)} for i in range(3)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 3, "lo')  # cut off
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "c.csv").write_text("step;loss\n0;1\n1;0.5\n2;0.25\n")
    for name in "a.jsonl", "b.json", "c.csv":
        assert read(tmp_path / name).steps.tolist() == [0, 1, 2]
    assert read(tmp_path / "c.csv").rates is None


def test_rows_without_a_step_are_counted(tmp_path):
    (tmp_path / "log.csv").write_text("loss,acc\n3,0\n2,1\n,1\n1,1\n")
    assert read(tmp_path / "log.csv").steps.tolist() == [0, 1, 2]


# --- mistakes, and the command


MISTAKES = {
    "columns.csv": (b"epoch,accuracy\n1,0.5\n", "has no column for the loss, only 'epoch', 'accuracy': name it loss"),
    "text.csv": (b"step,loss\n0,1\n1,oops\n", "row 2 has 'oops' under loss, which is not a number"),
    "none.csv": (b"step,loss\n0,\n", "without a number"),
    "header.csv": (b"step,loss\n", "no rows"),
    "empty.csv": (b"", "is empty"),
    "picture.png": (b"\x89PNG\x00\xff\xfe", "not a text file"),
    "zeros.csv": (b"a\x00b", "not a text file"),
    "damaged.jsonl": (b'{"kind": "stepsize run", "rows": 0}\n', "damaged"),
    "prose.txt": (b"Once upon a time\nthere was a loss\n", "has no column for the loss"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_file_that_is_no_record_is_one_line(tmp_path, name):
    content, said = MISTAKES[name]
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(StepsizeError) as error:
        read(file)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


pieces = ["step", "loss", "lr", ",", "\n", "1", "nan", '"', "{", "}", ":", "-", "e9", "[]", "inf"]
looks_like_a_log = st.lists(st.sampled_from(pieces), max_size=40).map(lambda one: "".join(one).encode())


@pytest.mark.filterwarnings("ignore::UserWarning")  # a note on how it was read
@settings(max_examples=200)
@given(st.binary(max_size=200) | looks_like_a_log)
def test_any_file_is_a_record_or_one_line(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("bytes") / "log"
    file.write_bytes(content)
    said = ""
    try:
        assert str(diagnose(read(file)))
    except StepsizeError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1


def test_a_record_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "run.jsonl"
    descend(LINE, "sgd() | 0.1", steps=5).save(file)
    before = file.read_bytes()
    broken = dataclasses.replace(read(file), why=(object(),) * 5)
    with pytest.raises(TypeError):
        broken.save(file)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["run.jsonl"]
    with pytest.raises(StepsizeError, match="cannot be written"):
        read(file).save(tmp_path / "no" / "such" / "folder.jsonl")


def test_the_columns_of_a_record_have_one_length():
    with pytest.raises(StepsizeError, match="rates must have 3 entries like steps, not 2"):
        record([1, 2, 3], rates=[1, 2])


def test_the_command_says_it_in_words_and_in_json(tmp_path):
    file = tmp_path / "run.jsonl"
    descend(LINE, "sgd() | 3", steps=60).save(file)
    done = run("diagnose", str(file))
    assert done.returncode == 0, done.stderr
    assert "sgd() | 3: 60 rows, updates 0 to 59" in done.stdout
    assert "1. diverged (certain)" in done.stdout
    assert "Try: a rate 10 times lower" in done.stdout
    told = json.loads(run("diagnose", str(file), "--json").stdout)
    assert told["findings"][0]["illness"] == "diverged"
    assert told["findings"][0]["step"] == 0
    descend(LINE, "sgd() | 0.1 * cosine()", steps=60).save(file)
    assert "Nothing found wrong (" in run("diagnose", str(file)).stdout


@pytest.mark.parametrize(("words", "said"), [(["no-such-file"], "no file"), (["."], "is a folder"), ([], "RUN")])
def test_a_mistake_is_one_line_and_exit_code_two(words, said):
    done = run("diagnose", *words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in last_line(done)
    assert done.stdout == ""
