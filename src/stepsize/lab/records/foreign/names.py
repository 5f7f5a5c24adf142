"""What loops call their columns: the loss and the other quantities, of training or of a look at other data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

# the names of a quantity, the surest first, without a word for training or validation before or behind
NAMES = {
    "step": (
        "step", "global_step", "num_updates", "iteration", "iter", "update", "iterations", "iters", "global_iter",
        "n_iter", "it", "steps", "num_steps", "training_iteration", "batch", "batch_idx", "batch_index", "步数", "步",
        "迭代", "epoch", "epochs", "轮次",
    ),
    "loss": (
        "loss", "training_loss", "loss_step", "batch_loss", "total_loss", "loss_total", "lm_loss", "loss_batch",
        "running_loss", "avg_loss", "loss_avg", "average_loss", "mean_loss", "loss_mean", "loss_epoch", "epoch_loss",
        "trainloss", "损失", "训练损失",
    ),
    "rate": ("lr", "learning_rate", "rate", "current_lr", "epoch_lr", "epoch_learning_rate", "learningrate", "学习率"),
    "grad_norm": (
        "grad_norm", "gnorm", "gradient_norm", "total_norm", "grad_norm_step", "grad_2.0_norm_total", "global_norm",
        "grad_norm_total", "total_grad_norm", "global_grad_norm", "gradnorm", "norm", "梯度范数",
    ),
    "clipped": ("clipped",),
    "skipped": ("skipped",),
    "slope": ("slope",),
    "end_slope": ("end_slope",),
    "update_norm": ("update_norm",),
    "weight_norm": ("weight_norm", "param_norm", "parameter_norm"),
    "seconds": (
        "seconds", "step_time", "time/step", "time_per_step", "sec_per_step", "iter_time", "batch_time",
        "time_per_iter", "dt", "step_time_ms", "dt_ms", "elapsed_time_per_iteration_ms", "time",
    ),
}  # fmt: skip
LOOKED = ("val", "eval", "validation", "valid", "test", "dev")  # data that the model is only looked at with
TRAINED = ("train", "training", "tr", "train_inner")
NO_MEASURES = re.compile(
    r"loss|损失|runtime|time|per_second|epoch|step|^lr$|learning_rate|samples|size|iter|memory|eta"
)
MEASURES = re.compile(
    r"(?:^|[_/@ .-])(?:acc|accuracy|top[-_]?[15]|acc@?[15]|f1|f1_score|auc|auroc|m?ap\d*(?:-95)?|mean_ap|m?iou|dice|"
    r"bleu|rouge\w*|wer|cer|perplexity|ppl|mae|rmse|r2|psnr|ssim|exact_match|precision|recall|ndcg|mrr|准确率)"
    r"(?:$|[_/@ .(-])"
)
LAYERS = ("grad_norm/", "grad_2.0_norm/")  # begin the column of one layer's gradient norm
KNOBS = ("momentum", "weight_decay", "wd", "beta1", "beta2", "loss_scale")
PARTS = ("box_loss", "cls_loss", "obj_loss", "dfl_loss", "seg_loss", "pose_loss", "kobj_loss", "angle_loss")
_WRAPPERS = frozenset(
    [
        "metrics",
        "metric",
        "logs",
        "log",
        "scalars",
        "scalar",
        "stats",
        "data",
        "history",
        "trainer",
        "losses",
        "perf",
        "optim",
        "optimizer",
        "opt",
        "x",
    ]
)
_GROUP = re.compile(r"(?:lr|learning_rate)(?:[-/](?P<name>.+)|_?(?:group_?|pg_?|param_group_?)?(?P<number>\d+))")
_OF_GROUP = re.compile(r"(?P<group>.*?)-(?P<knob>momentum|weight_decay)")  # Lightning's monitor: lr-SGD-momentum


class Told(NamedTuple):
    """What a name says: `base` without wrappers, and the part, "train", "look" or "" where it says none."""

    base: str
    part: str


@lru_cache(maxsize=4096)
def told(name: str) -> Told:
    """A column's name in small letters, taken apart.

    >>> told("Loss/train"), told("valLoss")
    (Told(base='loss', part='train'), Told(base='loss', part='look'))
    >>> told("trainer/global_step")
    Told(base='global_step', part='')
    """
    plain = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name.strip())
    plain = re.sub(r"(?<=[A-Za-z])\.(?=[A-Za-z])", "/", plain).lower()
    plain = re.sub(r"\s*\((ms|train|val\w*|eval|test)\)", r"_\1", plain)
    plain = re.sub(r"[\s]+", "_", plain).strip("_'\"")
    pieces = [one for one in plain.split("/") if one]
    while len(pieces) > 1 and pieces[0] in _WRAPPERS:
        pieces = pieces[1:]
    return _part("/".join(pieces))


def _part(plain: str) -> Told:
    for words, part in ((TRAINED, "train"), (LOOKED, "look")):
        for word in words:
            for mark in "/_":
                if plain.startswith(word + mark):
                    rest = plain[len(word) + 1 :]
                    return Told(rest, part if rest else "")
                if plain.endswith(mark + word):
                    return Told(plain[: -len(word) - 1], part)
    return Told(plain, "")


def of(columns: Iterable[str]) -> dict[str, str]:
    """The column of each quantity that is there by one of its names; "validated" is the loss on other data."""
    every = [(one, told(one)) for one in columns]
    found = {what: one for what in NAMES if (one := next(iter(called(columns, what)), None)) is not None}
    looks = [
        (LOOKED.index(_word(one)), NAMES["loss"].index(it.base), place, one)
        for place, (one, it) in enumerate(every)
        if it.part == "look" and it.base in NAMES["loss"]
    ]
    if looks:
        found["validated"] = min(looks)[3]
    if "rate" not in found and (groups := groups_of(columns)):
        found["rate"] = next(iter(groups.values()))
    return found


def _word(name: str) -> str:
    plain = name.strip().lower()
    order = sorted(LOOKED, key=len, reverse=True)  # validation before val
    return next((one for one in order if re.search(rf"(?:^|[/_ .(]){one}(?:$|[/_ .)])", plain)), LOOKED[-1])


def called(columns: Iterable[str], what: str) -> list[str]:
    """The columns that a quantity may have, of training or of nothing said, the surest first."""
    names = NAMES[what]
    mine = [
        (names.index(it.base), it.part, place, one)
        for place, one in enumerate(columns)
        if (it := told(one)).base in names and it.part != "look"
    ]
    return [one for *_, one in sorted(mine)]


def epochs(columns: Iterable[str]) -> str | None:
    """The column that counts epochs."""
    return next((one for one in columns if told(one).base in ("epoch", "epochs", "轮次")), None)


def groups_of(columns: Iterable[str]) -> dict[str, str]:
    """The columns of the rates of parameter groups, by the names of the groups.

    >>> groups_of(["lr-AdamW/pg1", "lr-AdamW/pg2", "lr-AdamW/pg1-momentum"])
    {'pg1': 'lr-AdamW/pg1', 'pg2': 'lr-AdamW/pg2'}
    """
    found = {}
    for one in columns:
        tail = re.sub(r"^(?:train|training|x|optim|optimizer|param)/", "", one.strip(), flags=re.IGNORECASE)
        group = _GROUP.fullmatch(tail) or _GROUP.fullmatch(tail.lower())
        if group and not _OF_GROUP.fullmatch(group["name"] or ""):
            found[group["name"] or group["number"]] = one
    owners = {name.rpartition("/")[0] for name in found}
    return {name.rpartition("/")[2]: one for name, one in found.items()} if len(owners) == 1 else found


def knobs_of(columns: Iterable[str]) -> dict[str, str]:
    """The columns of other hyper-parameters that move, as "momentum" or "momentum/GROUP"."""
    found = {}
    for one in columns:
        base = told(one).base
        if base in KNOBS:
            found[base] = one
        elif base.startswith("knob/") or base.partition("/")[0] in KNOBS:
            found[base.removeprefix("knob/")] = one
        elif base.startswith("lr-") and (mine := _OF_GROUP.fullmatch(one.strip()[3:])):
            group = mine["group"].rpartition("/")[2] if "/" in mine["group"] else ""
            found[f"{mine['knob']}/{group}".rstrip("/")] = one
    return found


def layers_of(columns: Iterable[str]) -> dict[str, str]:
    """The columns of the gradient norms of layers, by the names of the layers."""
    found = {}
    for one in columns:
        plain = re.sub(r"^(?:train|training)/", "", one.strip(), flags=re.IGNORECASE)
        start = next((start for start in LAYERS if plain.lower().replace(" ", "_").startswith(start)), None)
        if start is not None and plain[len(start) :] not in ("", "total"):
            found[plain[len(start) :]] = one
    return found


def measures_of(columns: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The columns of other measures, such as the accuracy: those of other data by their names, and those of any."""
    looks, others = {}, {}
    of_parts = any(told(one).base in PARTS for one in columns)  # YOLO's metrics are of other data
    for one in columns:
        it = told(one)
        if (of_parts and one.strip().startswith("metrics/")) or (it.part == "look" and not NO_MEASURES.search(it.base)):
            looks[one.strip()] = one
        elif one.startswith("metric/"):
            looks[one.removeprefix("metric/")] = one
        elif MEASURES.search(it.base):
            others[one.strip()] = one
    return looks, others


def chosen(columns: list[str], wanted: str) -> list[str]:
    """The columns that were asked for by name; several with a plus between them are to be added up. Empty for none."""
    for given in (wanted, *(one for one in columns if one.strip().lower() == wanted.strip().lower())):
        if given in columns:
            return [given]
    alike = [one for one in columns if told(one) == told(wanted)]
    if len(alike) == 1:
        return alike
    pieces = [one.strip() for one in wanted.split("+")]
    found = [chosen(columns, one) for one in pieces] if len(pieces) > 1 and all(pieces) else []
    return [one[0] for one in found] if found and all(found) else []


def near(columns: list[str], wanted: str) -> list[str]:
    """The columns whose names are nearest to what was asked for."""
    by_plain = {one.strip().lower(): one for one in columns}
    close = get_close_matches(wanted.strip().lower(), by_plain, n=3, cutoff=0.5)
    inside = [plain for plain in by_plain if wanted.strip().lower() in plain]
    return [by_plain[one] for one in dict.fromkeys((*close, *inside))][:3]
