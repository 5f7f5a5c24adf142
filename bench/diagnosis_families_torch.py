"""Networks of PyTorch for `bench/diagnosis_judged.py`: BatchNorm, dropout, LayerNorm, rates upwards.

`--torch` judges them. One batch of inputs a thousand times too large ruins the running averages, as in practice.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from diagnosis_families import Family, Group, Records, log
from diagnosis_ill import LARGE
from diagnosis_trained import cosine
from sklearn.datasets import load_digits
from torch import Tensor, nn

from stepsize.lab.records.policy import policy_of
from stepsize.lab.records.record import Record
from stepsize.problems import Floats

torch.set_num_threads(1)
X, Y = load_digits(return_X_y=True)
IMAGES, DIGITS = torch.tensor(X / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(Y)


def convolutions() -> nn.Module:
    widths = [(1, 12), (12, 12), (12, 24)]
    blocks = [(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()) for a, b in widths]
    return nn.Sequential(*[one for block in blocks for one in block], nn.MaxPool2d(2), nn.Flatten(), nn.Linear(384, 10))


def dropped() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 96), nn.ReLU(), nn.Dropout(0.5), nn.Linear(96, 96), nn.ReLU(), nn.Dropout(0.3),
        nn.Linear(96, 10),
    )  # fmt: skip


def normed() -> nn.Module:
    """LayerNorm and GELU, with skips."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 48), *[Skip(48) for _ in range(3)], nn.Linear(48, 10))


class Skip(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def wide() -> nn.Module:
    """Convolutions with strides and one BatchNorm, averages that follow fast."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16, momentum=0.3), nn.GELU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.GELU(), nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip


Makers = dict[str, tuple[Callable[[], nn.Module], float]]
SET_ON: Makers = {"convolutions": (convolutions, 3e-3), "dropped": (dropped, 2e-3)}
APART: Makers = {"wide": (wide, 4e-3), "normed": (normed, 1e-3)}


def makers(of: Family) -> Makers:
    return SET_ON if of.draw == 1 else APART


def trained(make: Callable[[], nn.Module], rates: Floats, batch: int, seed: int, spoilt: int = -1) -> Record:
    """A run of AdamW behind a clip, validated twenty times."""
    torch.manual_seed(seed)
    model = make()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.01)
    rows: list[tuple[float, float, float]] = []
    looks, every = [], max(len(rates) // 20, 1)
    for t, rate in enumerate(rates):
        if t % every == 0:
            looks.append((t, validation(model)))
        chosen = torch.randint(0, 1200, (batch,))
        inputs = IMAGES[chosen] * (1000 if t == spoilt else 1)
        optimizer.param_groups[0]["lr"] = float(rate)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), DIGITS[chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        optimizer.step()
        rows.append((loss.item(), norm, float(norm > 1)))
    losses, norms, clipped = np.array(rows).T
    return Record(
        steps=np.arange(len(rates)),
        losses=losses,
        rates=np.array(rates),
        grad_norms=norms,
        clipped=clipped,
        measured_at=tuple(at for at, _ in looks),
        validated=np.array([one for _, one in looks]),
        optimizer={"class": "AdamW", "weight_decay": 0.01},
    )


def validation(model: nn.Module) -> float:
    model.eval()
    with torch.no_grad():
        found = nn.functional.cross_entropy(model(IMAGES[1200:]), DIGITS[1200:]).item()
    model.train()
    return found


def healthy(of: Family) -> Records:
    for make, rate in makers(of).values():
        for batch in (8, 32):
            for seed in of.seeds:
                for times in (1.0, 3.0):
                    yield trained(make, cosine(of.steps // 2, times * rate, 0.1), batch, seed)


def upwards(of: Family) -> Records:
    """Every rate of a grid from which on the loss leaves its start upwards by half, for three updates at least."""
    for make, rate in makers(of).values():
        for times in 3.0 ** np.arange(2, 10):
            for seed in of.seeds[:2]:
                one = trained(make, np.full(126, rate * times), 32, seed)
                low = np.array([min(one.losses[i : i + 3]) for i in range(60)])
                if not np.isfinite(one.losses).all() or low.max() > 1.5 * one.losses[0]:
                    yield one


def spoilt(of: Family) -> Records:
    """One batch of inputs a thousand times too large, where BatchNorm's averages then need more than two looks."""
    name = "convolutions" if of.draw == 1 else "wide"
    make, rate = makers(of)[name]
    for seed in range(of.seeds[0], of.seeds[0] + 6):
        one = trained(make, cosine(300, rate, 0.1), 32, seed, spoilt=120 + 10 * (seed % 5) + 5)
        assert one.validated is not None
        before = one.validated[:8].min()
        if sum(a > 1 and b > 1 for a, b in pairwise(one.validated[8:] - before)):
            yield one


def adversaries(of: Family) -> Records:
    """The losses of a generator and a discriminator that learn a normal law."""
    for seed in of.seeds:
        torch.manual_seed(seed)
        make, judge = (nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, out)) for out in (4, 1))
        first, second = (torch.optim.Adam(one.parameters(), 2e-3) for one in (make, judge))
        rows = []
        for _ in range(of.steps):
            real, fake = torch.randn(32, 4) * 2 + 1, make(torch.randn(32, 4))
            of_judge = nn.functional.softplus(-judge(real)).mean() + nn.functional.softplus(judge(fake.detach())).mean()
            second.zero_grad()
            of_judge.backward()
            second.step()
            of_maker = nn.functional.softplus(-judge(fake)).mean()
            first.zero_grad()
            of_maker.backward()
            first.step()
            rows.append((of_maker.item(), of_judge.item()))
        for column in np.array(rows).T:
            known = log(column, np.full(len(rows), 2e-3))
            yield Record(**{**vars(known), "policy": policy_of(["step", "loss_G", "loss_D"])})


TORCH_GROUPS = (
    Group("healthy: BatchNorm, dropout, LayerNorm (torch)", healthy),
    Group("healthy: generator and discriminator (torch)", adversaries),
    Group("rates upwards (torch)", upwards, LARGE),
    Group("averages spoilt by one batch (torch)", spoilt, ("validation jumped",)),
)
