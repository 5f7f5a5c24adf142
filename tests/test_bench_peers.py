"""The peers of the bench of choosing a rate: what they cost, what they see, and what is kept of them."""

import itertools
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from bench.tune.judging import Pick
from bench.tune.kept import Kept
from bench.tune.peers import finders, optimizers, rays, searches
from bench.tune.peers.peer import Peer
from bench.tune.peers.trials import LOST, SpentError, Trials

RATES = 2.0 ** np.arange(-17, 1.5, 0.5)
BEST = 20  # the place of the best rate
BUDGETS = (1.1, 1.3, 2.2, 3.3, 4.0, 5.0, 9.0, 17.0)
LOOKS = 20
CELL = SimpleNamespace(name="made_adamw_8", optimizer="adamw", task=SimpleNamespace(steps=500))


class Table:
    """A basin around the best rate that shows from the first look on; the highest rates break in the middle."""

    name = CELL.name
    rates = RATES

    def __init__(self) -> None:
        octaves = np.abs(np.arange(37) - BEST) / 2
        looks = np.linspace(1, 0.2, LOOKS)
        self.held = np.stack([looks[:, None] * (1 + octaves) * (1 + 0.01 * seed) for seed in range(3)], axis=1)
        self.held[LOOKS // 2 :, :, 34:] = math.nan

    def place(self, rate: float) -> int:
        return int(np.abs(np.log2(self.rates) - np.log2(rate)).argmin())


TABLE = Table()
PLANNED = [one for one in searches.PEERS if not one.package]
WHOLE = ("Optuna, TPE", "Optuna, TPE and median")  # the median prunes few of a basin like this one
OTHERS = [(name, package, width) for name, (package, _) in searches.SEARCHES.items() for width in searches.WIDTHS]


def kept(monkeypatch, tmp_path, module):
    store = Kept(tmp_path / "some.jsonl")
    monkeypatch.setattr(module, "KEPT", store)
    return store


def excess(picks):
    return np.mean([TABLE.held[-1, one.seed, one.place] / np.nanmin(TABLE.held[-1, one.seed]) for one in picks])


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("peer", PLANNED, ids=lambda one: one.name)
def test_a_planned_search_costs_at_most_its_budget_in_whole_runs(peer, budget):
    picks = peer.picks(CELL, TABLE, 1, budget)
    assert picks
    assert all(one.seed == 1 and 0 < one.cost <= budget for one in picks)
    if "grid" in peer.name and budget <= 9:
        assert picks[0].cost == int(budget)


def test_a_grid_goes_up_first_and_names_the_best_of_its_runs():
    by = {one.name: one for one in PLANNED}
    default = TABLE.place(1e-3)
    assert by["untuned default"].picks(CELL, TABLE, 0, 17.0) == [Pick(0, default, 1.0)]
    assert by["grid of factors 4"].picks(CELL, TABLE, 0, 1.3) == [Pick(0, default, 1.0)]
    assert by["grid of factors 4"].picks(CELL, TABLE, 0, 2.2) == [Pick(0, default + 4, 2.0)]
    assert by["grid of factors 2"].picks(CELL, TABLE, 0, 9.0) == [Pick(0, BEST, 9.0)]


def test_random_search_draws_within_its_range_and_anew_for_each_seed_and_cell():
    found = {seed: searches._random("narrow", CELL, 50, seed) for seed in (0, 1)}
    assert all((one >= 1e-4).all() and (one <= 1e-2).all() for one in found.values())
    other = SimpleNamespace(name="another_adamw_8", optimizer="adamw")
    for one in (found[1], searches._random("narrow", other, 50, 0)):
        assert not np.intersect1d(found[0], one).size
    wide = searches._random("wide", CELL, 50, 0)
    assert wide.min() < 1e-4
    assert wide.max() > 1e-2


def test_a_run_that_breaks_ends_there_and_costs_what_it_used():
    trials = Trials(TABLE, 0, 17.0)
    trials.run(RATES[36])
    assert trials.ends[0] == (0.55, LOST, 36)


def test_no_look_is_shown_beyond_the_budget():
    trials = Trials(TABLE, 0, 1.1)
    trials.run(RATES[3])
    with pytest.raises(SpentError):
        list(trials.losses(RATES[4]))
    assert trials.used == 22
    assert len(trials.ends) == 1


@pytest.mark.parametrize(("name", "package", "width"), OTHERS)
def test_a_search_of_another_package_stays_within_its_budget(name, package, width, monkeypatch, tmp_path):
    pytest.importorskip(package)
    kept(monkeypatch, tmp_path, searches)
    peer = next(one for one in searches.PEERS if one.name == searches._named(name, width))
    assert peer.picks(CELL, TABLE, 1, 4.0) == []
    searches.record(name, width, CELL, TABLE, 1, "x")
    best = []
    for budget in BUDGETS:
        picks = peer.picks(CELL, TABLE, 1, budget)
        assert all(one.cost <= budget + 1e-9 for one in picks)
        best += [excess(picks)] if picks else []
    assert best == sorted(best, reverse=True), "more budget is never worse"
    assert best[-1] < 2, "17 runs find the basin"
    shorter = searches.made(name, width, CELL, TABLE, 1, most=4.0)
    longer = searches.made(name, width, CELL, TABLE, 1)
    assert longer[: len(shorter)] == shorter, "a smaller budget is the beginning of a larger one"


@pytest.mark.parametrize(
    "name", ["Optuna, TPE and Hyperband", "Optuna, TPE and halving", "Ray Tune, ASHA", "Ray Tune, HyperBand"]
)
def test_a_pruned_trial_costs_what_it_used_and_is_no_answer(name):
    pytest.importorskip(searches.SEARCHES[name][0])
    ends = searches.made(name, "wide", CELL, TABLE, 0)
    stopped = [one for one in ends if one.loss is None]
    assert stopped
    assert len(ends) > 17, "what stops early leaves room for more than 17 trials"
    assert all(later.at >= one.at for one, later in itertools.pairwise(ends))


def test_a_run_ends_where_hyperband_ends_it(monkeypatch):
    schedulers = pytest.importorskip("ray.tune.schedulers")
    told, decide = [], schedulers.HyperBandScheduler.on_trial_result
    monkeypatch.setattr(
        schedulers.HyperBandScheduler,
        "on_trial_result",
        lambda self, controller, trial, result: (told.append(result), decide(self, controller, trial, result))[1],
    )
    ends = searches.made("Ray Tune, HyperBand", "wide", CELL, TABLE, 0)
    last = max(one["training_iteration"] for one in told)
    assert last == rays.WHOLE == 27, "a power of its factor, so that no survivor stops short of the end"
    assert len([one for one in ends if one.loss is not None]) > 8
    assert ends[1].loss is None, "paused after some looks, which are paid for"
    assert 1 < ends[1].at < 2


def test_what_was_kept_of_another_table_is_no_answer(monkeypatch, tmp_path):
    store = kept(monkeypatch, tmp_path, searches)
    key = ("Optuna, TPE", "wide", CELL.name, 0)
    store.put(*key, searches._seen(TABLE), ends=[(1.0, 0.3, 7)], version="optuna 5")
    peer = next(one for one in searches.PEERS if one.name == "Optuna, TPE")
    assert peer.picks(CELL, TABLE, 0, 1.1) == [Pick(0, 7, 1.0)]
    other = Table()
    other.held = other.held * 2
    assert peer.picks(CELL, other, 0, 1.1) == []


def test_a_row_knows_the_version_that_answered(tmp_path):
    store = Kept(tmp_path / "some.jsonl")
    peer = Peer("Optuna, TPE", "search", "optuna", lambda *_: [], kept=store)
    assert peer.version == ""
    store.put("a", version="optuna 5.0")
    store.put("b", version="optuna-more 1.0")
    assert peer.version == "optuna 5.0"


def test_answers_survive_half_a_line(tmp_path):
    store = Kept(tmp_path / "some.jsonl")
    store.put("a", 1, rate=0.1)
    store.put("b", 2, rate=0.2)
    text = store.path.read_text()
    store.path.write_text(text + '{"key": ["c", 3], "ra')
    again = Kept(tmp_path / "some.jsonl")
    assert again.get("a", 1) == {"rate": 0.1}
    assert again.get("c", 3) is None
    again.put("c", 3, rate=0.3)
    assert [json.loads(line)["rate"] for line in store.path.read_text().splitlines()] == [0.1, 0.2, 0.3]


def test_a_line_that_is_not_whole_costs_that_line(tmp_path):
    store = Kept(tmp_path / "some.jsonl")
    store.path.write_text('\n{"key": ["a", 1.1], "rate": 0.1}\n{"key": ["b"\n{"key": ["c"], "rate": 0.3}\n')
    assert [store.get(*key) for key in (("a", 1.1), ("b",), ("c",))] == [{"rate": 0.1}, None, {"rate": 0.3}]


def test_a_finder_has_what_the_budget_leaves_beside_the_run():
    assert [finders.affordable(500, one) for one in (1.1, 1.3, 4.0)] == [50, 100, 100]
    assert finders.affordable(3000, 1.1) == 100


def test_a_finder_without_an_answer_trains_the_default_and_says_so(monkeypatch, tmp_path):
    store = kept(monkeypatch, tmp_path, finders)
    peers = {one.name: one for one in finders.PEERS}
    valley, slide = peers["fastai, valley"], peers["fastai, slide"]
    assert valley.picks(CELL, TABLE, 0, 1.3) == []
    assert not valley.unanswered(CELL, TABLE, 0, 1.3)
    store.put("fastai", CELL.name, 0, 100, rates={"valley": RATES[5]}, why="", updates=90)
    assert valley.picks(CELL, TABLE, 0, 1.3) == [Pick(0, 5, 1.18)]
    assert not valley.unanswered(CELL, TABLE, 0, 1.3)
    assert slide.picks(CELL, TABLE, 0, 1.3) == [Pick(0, TABLE.place(1e-3), 1.18)]
    assert slide.unanswered(CELL, TABLE, 0, 1.3)


def test_a_run_that_broke_has_no_loss_and_one_that_costs_more_is_no_answer(monkeypatch, tmp_path):
    store = kept(monkeypatch, tmp_path, optimizers)
    store.put("Prodigy", CELL.name, 0, validation=None, test=None, cost=0.4)
    store.put("Prodigy", CELL.name, 1, validation=0.2, test=0.3, accuracy=0.9, cost=1.0)
    peer = next(one for one in optimizers.PEERS if one.name == "Prodigy")
    assert math.isnan(peer.picks(CELL, TABLE, 0, 1.1)[0].test)
    assert peer.picks(CELL, TABLE, 1, 1.1) == [(1, 0.2, 0.3, 0.9, 1.0)]
    store.put("robust_infrared", CELL.name, 1, validation=0.2, test=0.3, accuracy=0.9, cost=1.18)
    other = next(one for one in optimizers.PEERS if one.name == "robust_infrared")
    assert other.picks(CELL, TABLE, 1, 1.1) == [], "it costs more"
    assert other.picks(CELL, TABLE, 1, other.largest)[0].cost == 1.18


def tiny(optimizer):
    torch = pytest.importorskip("torch")
    X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    y = (X.sum(1) > 0).long()
    task = SimpleNamespace(
        name="tiny", model=lambda: torch.nn.Linear(4, 2), train=(X, y), validation=(X, y), test=(X, y),
        loss=torch.nn.functional.cross_entropy, accuracy=True, steps=60,
    )  # fmt: skip
    return SimpleNamespace(name=f"tiny_{optimizer}_8", optimizer=optimizer, task=task, batch_size=8, seeds=1)


TRAINED = [(name, package, kind) for name, (package, _, kinds) in optimizers.OPTIMIZERS.items() for kind in kinds]
IMPORTED = {"dog-optimizer": "dog", "mechanic-pytorch": "mechanic_pytorch", "stepsize": "stepsize.adapters.torch"}


@pytest.mark.parametrize(("name", "package", "kind"), TRAINED)
def test_an_optimizer_trains_a_whole_run_the_same_way_twice(name, package, kind):
    cell = tiny(kind)
    pytest.importorskip(IMPORTED.get(package, package))
    found = optimizers.trained(name, cell, 0)
    assert found["updates"] == 60
    assert found["test"] < 0.8
    assert 1 <= found["cost"] < 1.5
    assert found["test"] == optimizers.trained(name, cell, 0)["test"]


def test_a_diverging_run_ends_and_is_told_as_one(monkeypatch):
    cell = tiny("sgdm")
    cell.task.loss = lambda outputs, targets: outputs.sum() * float("nan")
    found = optimizers.trained("robust_infrared", cell, 0)
    assert found["updates"] == 0
    assert found["test"] is None


def test_what_a_finder_raises_is_told():
    cell = tiny("sgdm")
    assert finders.searched("stepsize", cell, 0, 30)["updates"] == 30
    found = finders.searched("stepsize", cell, 0, 5)  # below what it takes
    assert found["rates"] == {}
    assert "updates" in found["why"]
