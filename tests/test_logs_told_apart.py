"""Rows of different things in one log: runs, ranks, looks, batches and resumes are told apart, never mixed."""

import json

import numpy as np
import pytest

from commandline import run
from stepsize import StepsizeError
from stepsize.lab.diagnosis import diagnose
from stepsize.lab.records.record import read, read_all

FALLING = [round(2 / (1 + i / 9), 6) for i in range(60)]


def written(tmp_path, text, name="log.csv"):
    file = tmp_path / name
    file.write_text(text)
    return file


def csv(names, rows):
    return "\n".join([names, *(",".join(map(str, row)) for row in rows)]) + "\n"


# --- runs


PAIR = (("a", 0), ("b", 1))
RUNS = {
    "by name": csv("run,step,loss", [(name, i, FALLING[i] + add) for name, add in PAIR for i in range(40)]),
    "taking turns": csv("step,seed,loss", [(i, name, FALLING[i] + add) for i in range(40) for name, add in PAIR]),
    "by a text that changes where steps begin again": csv(
        "step,optimizer,loss", [(i, name, FALLING[i] + add) for name, add in PAIR for i in range(40)]
    ),
    "Weights & Biases": csv(
        "Step,a - loss,a - loss__MIN,a - loss__MAX,b - loss,b - loss__MIN,b - loss__MAX",
        [(i, FALLING[i], 0, 9, FALLING[i] + 1, 0, 9) for i in range(40)],
    ),
    "below each other": csv(
        "run_id,metric,step,value",
        [(name, what, i, value) for name, add in PAIR for i in range(40)
         for what, value in (("loss", FALLING[i] + add), ("lr", 0.1))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", RUNS)
def test_several_runs_are_refused_by_name_and_read_by_name(tmp_path, kind):
    file = written(tmp_path, RUNS[kind])
    with pytest.raises(StepsizeError, match=r"log\.csv holds 2 runs, 'a', 'b': name one, such as --run a$"):
        read(file)
    assert read(file, run="a").losses.tolist() == FALLING[:40]
    every = read_all(file)
    assert list(every) == ["a", "b"]
    np.testing.assert_allclose(every["b"].losses, np.array(FALLING[:40]) + 1)
    with pytest.raises(StepsizeError, match=r"has no run 'c': write one of 'a', 'b'$"):
        read(file, run="c")


def test_one_run_needs_no_name_and_takes_none(tmp_path):
    file = written(tmp_path, csv("run,step,loss", [("a", i, FALLING[i]) for i in range(40)]))
    assert list(read_all(file)) == [""]
    with pytest.raises(StepsizeError, match="holds one run: leave --run out"):
        read(file, run="b")


@pytest.mark.parametrize("names", ["seed,step,loss", "trial,step,loss", "model,step,loss"])
def test_a_column_that_is_the_same_or_new_in_every_row_tells_no_runs(tmp_path, names):
    same = written(tmp_path, csv(names, [(1, i, FALLING[i]) for i in range(40)]))
    new = written(tmp_path, csv(names, [(i, i, FALLING[i]) for i in range(40)]), "new.csv")
    assert read(same).losses.tolist() == read(new).losses.tolist() == FALLING[:40]


def test_a_text_that_changes_where_steps_go_on_is_a_stage_of_one_run(tmp_path):
    rows = [(i, "warm" if i < 20 else "main", FALLING[i]) for i in range(40)]
    assert len(read(written(tmp_path, csv("step,note,loss", rows)))) == 40


def test_the_last_of_two_runs_under_each_other_is_read_and_that_is_said(tmp_path):
    file = written(tmp_path, csv("step,loss", [(i, FALLING[i]) for _ in range(2) for i in range(40)]))
    with pytest.warns(UserWarning, match="the run begins anew at line 42: what stands above is left out"):
        one = read(file)
    assert one.losses.tolist() == FALLING[:40]


def test_steps_that_begin_again_while_the_loss_goes_on_are_one_run(tmp_path):
    file = written(tmp_path, csv("step,loss", [(i % 30, FALLING[i]) for i in range(60)]))
    with pytest.warns(UserWarning, match="step begins again at line 32: taken as one run that goes on"):
        one = read(file)
    assert one.steps.tolist() == list(range(60))


# --- batches and epochs


@pytest.mark.parametrize("counter", ["batch", "iter", "step"])
def test_batch_numbers_of_each_epoch_are_counted_on(tmp_path, counter):
    rows = [(e, b, FALLING[e * 20 + b // 10]) for e in range(3) for b in range(9, 209, 10)]
    one = read(written(tmp_path, csv(f"epoch,{counter},loss", rows)))
    assert one.steps.tolist() == list(range(9, 609, 10))
    assert one.losses.tolist() == FALLING


def test_batches_without_an_epoch_are_counted_on(tmp_path):
    rows = [(b, FALLING[e * 12 + b]) for e in range(5) for b in range(12)]
    assert read(written(tmp_path, csv("batch,loss", rows))).losses.tolist() == FALLING


def test_epochs_of_different_length_are_counted_on(tmp_path):
    rows = [(e, b, 1 / (1 + e + b)) for e, count in enumerate((5, 3, 7)) for b in range(count)]
    assert read(written(tmp_path, csv("epoch,batch,loss", rows))).steps.tolist() == list(range(15))


def test_an_epoch_that_was_trained_again_counts_once(tmp_path):
    rows = [(e, b, e + b / 10) for e in (0, 1) for b in range(5)] + [(1, b, 9 + b / 10) for b in range(5)]
    rows += [(2, b, 2 + b / 10) for b in range(5)]
    one = read(written(tmp_path, csv("epoch,batch,loss", rows)))
    assert one.steps.tolist() == list(range(15))
    assert one.losses[5:10].tolist() == [9, 9.1, 9.2, 9.3, 9.4]


def test_batches_that_say_their_epoch_alone_are_counted(tmp_path):
    rows = [(e, FALLING[e * 20 + b]) for e in range(3) for b in range(20)]
    assert read(written(tmp_path, csv("epoch,loss", rows))).losses.tolist() == FALLING


def test_what_a_resume_did_again_replaces_what_was_lost(tmp_path):
    """It logs less often after the resume: rows between its own are of the run that died."""
    rows = [(i, 100) for i in range(0, 60, 2)] + [(i, 50) for i in range(50, 100, 10)]
    one = read(written(tmp_path, csv("step,loss", rows)))
    assert one.steps.tolist() == [*range(0, 50, 2), *range(50, 100, 10)]


@pytest.mark.parametrize("wrong", [3, 10**6])
def test_a_row_out_of_place_costs_no_other(tmp_path, wrong):
    steps = [i if i != 40 else wrong for i in range(60)]
    one = read(written(tmp_path, csv("step,loss", zip(steps, FALLING, strict=True))))
    assert {*range(60)} - {3, 40} <= {*one.steps.tolist()}


def test_steps_in_no_order_are_sorted(tmp_path):
    steps = np.random.default_rng(0).permutation(60)
    one = read(written(tmp_path, csv("step,loss", [(i, FALLING[i]) for i in steps])))
    assert one.losses.tolist() == FALLING


# --- ranks and micro-batches


def test_one_rank_is_read_and_that_is_said(tmp_path):
    rows = [(i, rank, FALLING[i] + rank) for i in range(40) for rank in (1, 0, 2, 10)]
    with pytest.warns(UserWarning, match=r"4 processes wrote the same updates \(column 'rank'\): '0' alone is read"):
        one = read(written(tmp_path, csv("step,rank,loss", rows)))
    assert one.losses.tolist() == FALLING[:40]


def test_processes_that_wrote_updates_of_their_own_are_one_run(tmp_path):
    rows = [(i, i % 2, FALLING[i]) for i in range(40)]
    assert read(written(tmp_path, csv("step,rank,loss", rows))).losses.tolist() == FALLING[:40]


def test_a_device_that_is_always_the_same_is_no_rank(tmp_path):
    assert len(read(written(tmp_path, csv("step,device,loss", [(i, 0, FALLING[i]) for i in range(40)])))) == 40


def test_micro_batches_are_averaged_and_that_is_said(tmp_path):
    rows = [{"step": i, "loss": FALLING[i] + part} for i in range(20) for part in (-1, 0, 0, 1)]
    file = written(tmp_path, "\n".join(map(json.dumps, rows)), "log.jsonl")
    with pytest.warns(UserWarning, match="most updates have 4 rows with a loss: their mean is taken"):
        np.testing.assert_allclose(read(file).losses, FALLING[:20])


# --- looks


def test_means_of_epochs_between_the_updates_of_training_are_no_updates(tmp_path):
    """As fairseq writes them: "train_inner" is what it trained, "train" the mean over an epoch."""
    rows = []
    for i in range(40):
        rows.append({"split": "train_inner", "num_updates": i, "loss": FALLING[i]})
        if i % 10 == 9:
            rows += [
                {"split": "train", "num_updates": i, "loss": 7.0},
                {"split": "valid", "num_updates": i, "loss": 9.0},
            ]
    one = read(written(tmp_path, "\n".join(map(json.dumps, rows)), "log.jsonl"))
    assert one.losses.tolist() == FALLING[:40]
    assert one.validated.tolist() == [9.0] * 4


@pytest.mark.parametrize(("column", "training", "other"), [("split", "train", "val"), ("mode", "TRAIN", "eval"),
                                                           ("phase", "training", "validation")])  # fmt: skip
def test_looks_under_the_name_of_the_loss_are_looks(tmp_path, column, training, other):
    rows = []
    for i in range(40):
        rows.append({"step": i, column: training, "loss": FALLING[i]})
        if i % 10 == 9:
            rows.append({"step": i, column: other, "loss": 9.0, "acc": 0.5})
    one = read(written(tmp_path, "\n".join(map(json.dumps, rows)), "log.jsonl"))
    assert one.losses.tolist() == FALLING[:40]
    assert (one.measured_at, one.validated.tolist()) == ((9, 19, 29, 39), [9.0] * 4)
    assert one.metrics["val_acc"].tolist() == [0.5] * 4


def test_a_log_of_one_part_alone_is_a_log_of_training(tmp_path):
    rows = [(i, "test", FALLING[i]) for i in range(40)]
    assert read(written(tmp_path, csv("step,dataset,loss", rows))).losses.tolist() == FALLING[:40]


def test_a_mode_of_other_words_splits_nothing(tmp_path):
    rows = [(i, ("fast", "slow")[i % 2], FALLING[i]) for i in range(40)]
    assert read(written(tmp_path, csv("step,mode,loss", rows))).losses.tolist() == FALLING[:40]


# --- kinds of NaN


def test_a_row_of_nan_is_one_of_the_run_whatever_else_it_holds(tmp_path):
    rows = [(e, 0.1, FALLING[e] if e < 30 else "nan", FALLING[e] if e < 30 else "nan") for e in range(50)]
    one = read(written(tmp_path, csv("epoch,accuracy,loss,val_loss", rows)))
    assert len(one) == 50
    assert np.isnan(one.losses[30:]).all()
    assert np.isnan(one.validated[30:]).all()
    assert diagnose(one).findings[0].illness == "diverged"


def test_nan_that_pandas_writes_for_nothing_is_nothing(tmp_path):
    rows = [(i, FALLING[i], 0.1, "nan") if i % 10 != 9 else (i, "nan", "nan", 0.5) for i in range(60)]
    one = read(written(tmp_path, csv("step,loss,lr,acc", rows)))
    assert np.isfinite(one.losses).all()
    assert one.metrics["acc"].tolist() == [0.5] * 6
    assert "diverged" in diagnose(one).healthy


def test_the_table_of_a_trainer_by_pandas(tmp_path):
    """A row for each entry of its history: NaN wherever the entry has no such number."""
    rows = [(i, FALLING[i], 0.1, "nan", "nan") for i in range(20)]
    rows.insert(10, (9, "nan", "nan", 1.5, "nan"))
    rows += [(19, "nan", "nan", 1.25, "nan"), (19, "nan", "nan", "nan", 1.5)]
    one = read(written(tmp_path, csv("step,loss,learning_rate,eval_loss,train_loss", rows)))
    assert one.losses.tolist() == FALLING[:20]
    assert (one.measured_at, one.validated.tolist()) == ((9, 19), [1.5, 1.25])


def test_a_nan_beside_a_rate_is_one_of_the_run_though_an_accuracy_is_new(tmp_path):
    rows = [(i, FALLING[i], 0.1, "nan") if i != 30 else (i, "nan", 0.1, 0.5) for i in range(60)]
    assert np.isnan(read(written(tmp_path, csv("step,loss,lr,acc", rows))).losses[30])


def test_looks_between_cells_that_are_filled_with_nan(tmp_path):
    rows = [(i, FALLING[i], FALLING[i] if i % 10 == 9 else "nan") for i in range(60)]
    assert read(written(tmp_path, csv("step,loss,val_loss", rows))).measured_at == (9, 19, 29, 39, 49, 59)


@pytest.mark.parametrize(("every", "after", "lasting"), [(2, 10, True), (2, 2, False), (10, 18, False), (10, 19, True)])
def test_a_loss_that_is_nan_for_longer_than_looks_are_apart_is_one_of_the_run(tmp_path, every, after, lasting):
    """More than twice as many NaN stand at the end as ever between two looks."""
    rows = [(i, FALLING[i], FALLING[i] if i % every == every - 1 else "nan") for i in range(30)]
    rows += [(i, FALLING[i], "nan") for i in range(30, 30 + after)]
    one = read(written(tmp_path, csv("step,loss,val_loss", rows)))
    assert bool(np.isnan(one.validated).any()) == lasting


def test_looks_that_are_nan_to_the_end_are_of_the_run(tmp_path):
    rows = [(e, FALLING[e], FALLING[e] if e < 30 else "nan") for e in range(50)]
    one = read(written(tmp_path, csv("epoch,loss,val_loss", rows)))
    assert one.measured_at == tuple(range(50))
    assert np.isnan(one.validated[30:]).all()


# --- on the command line


def test_columns_and_runs_are_named_on_the_command_line(tmp_path):
    file = written(tmp_path, csv("name,it,ce,eta", [(n, 10 * i, FALLING[i], 0.1) for n in "ab" for i in range(40)]))
    done = run("diagnose", str(file), "--run", "a")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no column for the loss, only 'name', 'it', 'ce', 'eta': name it loss" in done.stderr
    assert "write --loss COLUMN (line 1, 'name,it,ce,eta', was taken for the names)" in done.stderr
    words = ("diagnose", str(file), "--loss", "ce", "--step", "it", "--lr", "eta")
    assert "holds 2 runs, 'a', 'b'" in run(*words).stderr
    done = run(*words, "--run", "b")
    assert done.returncode == 0
    assert "40 rows, updates 0 to 390" in done.stdout
    assert "the record has no rate" not in done.stdout


@pytest.mark.parametrize("option", ["--loss", "--step", "--lr"])
def test_a_column_that_is_not_there_is_an_error_with_the_nearest(tmp_path, option):
    file = written(tmp_path, csv("step,loss,lr", [(i, FALLING[i], 0.1) for i in range(40)]))
    done = run("diagnose", str(file), option, "los")
    assert done.returncode == 2
    assert f"has no column 'los' for {option}: did you mean 'loss'" in done.stderr
