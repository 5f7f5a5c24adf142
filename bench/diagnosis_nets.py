"""The networks of `bench/diagnosis_families.py`, by name, each with a rate that suits it for small and large batches.

Rates are half of the best on a grid by 2 (cosine, 300 updates), so that they are good and not at the edge:
`python bench/diagnosis_nets.py` makes the table.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from functools import cache

import numpy as np
from diagnosis_trained import Net, cosine, train
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine, make_moons

from stepsize.problems import Floats

SMALL, LARGE = 4, 32  # batches at which the rates were sought
SET_ON = ("digits", "tanh squares", "heavy squares", "two classes")
APART = ("wine", "cancer", "diabetes", "moons", "other digits", "waves")
RULES = {"digits": ("sgd", "adam"), "tanh squares": ("momentum", "adamw"), "heavy squares": ("adamw",)}
RULES |= {"two classes": ("sgd", "rmsprop"), "wine": ("adam",), "cancer": ("momentum", "rmsprop")}
RULES |= {"diabetes": ("sgd", "adamw"), "moons": ("adam", "momentum"), "other digits": ("adamw", "momentum")}
RULES |= {"waves": ("adam",)}
GOOD: dict[tuple[str, str], tuple[float, float]] = {
    ("digits", "sgd"): (0.25, 0.5),
    ("digits", "adam"): (0.0312, 0.0312),
    ("tanh squares", "momentum"): (0.00781, 0.0312),
    ("tanh squares", "adamw"): (0.0312, 0.0312),
    ("heavy squares", "adamw"): (0.0625, 0.0625),
    ("two classes", "sgd"): (0.25, 2),
    ("two classes", "rmsprop"): (0.0156, 0.0625),
    ("wine", "adam"): (0.125, 0.125),
    ("cancer", "momentum"): (0.0312, 0.5),
    ("cancer", "rmsprop"): (0.125, 0.125),
    ("diabetes", "sgd"): (0.0312, 0.0625),
    ("diabetes", "adamw"): (0.00781, 0.0312),
    ("moons", "adam"): (0.0156, 0.125),
    ("moons", "momentum"): (0.0312, 0.125),
    ("other digits", "adamw"): (0.00781, 0.0156),
    ("other digits", "momentum"): (0.0312, 0.125),
    ("waves", "adam"): (0.0312, 0.0156),
}


def _columns(load: Callable[..., tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    X, y = load(return_X_y=True)
    return (X - X.mean(0)) / (X.std(0) + 1e-9), y


@cache
def net(name: str) -> Net:
    """A network on its data."""
    random = np.random.default_rng(31)
    X, way = random.standard_normal((512, 10)), random.standard_normal((10, 16)) / 3
    answers = np.tanh(X @ way) @ random.standard_normal(16)
    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(5).permutation(len(digits))
    waves = np.linspace(-3, 3, 300)[:, None]
    made: dict[str, Callable[[], Net]] = {
        "digits": lambda: Net(images[order[:700]] / 16, digits[order[:700]]),
        "tanh squares": lambda: Net(X, answers, (32,), "tanh", "squares"),
        "heavy squares": lambda: Net(X, answers * np.exp(random.standard_normal(512)), (32,), "tanh", "squares"),
        "two classes": lambda: Net(X, (answers > 0).astype(float), (16,), "relu", "doubts"),
        "wine": lambda: Net(*_columns(load_wine), (16,), "softplus"),
        "cancer": lambda: Net(*_columns(load_breast_cancer), (24,), "tanh", "doubts"),
        "diabetes": lambda: Net(*_scaled(load_diabetes), (24,), "relu", "squares"),
        "moons": lambda: Net(*make_moons(400, noise=0.2, random_state=3), (24, 24), "relu"),
        "other digits": lambda: Net(images[order[700:1500]] / 16, digits[order[700:1500]], (48, 24), "tanh"),
        "waves": lambda: Net(np.hstack([waves, waves**2 / 3]), np.sin(3 * waves[:, 0]), (32, 32), "tanh", "squares"),
    }
    return made[name]()


def _scaled(load: Callable[..., tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    X, y = _columns(load)
    return X, (y - y.mean()) / y.std()


def good(name: str, rule: str, batch: int | None) -> float:
    """The rate of the table."""
    return GOOD[name, rule][0 if batch is not None and batch <= 8 else 1]


def main() -> None:
    for name in (*SET_ON, *APART):
        for rule in RULES[name]:
            best = []
            for batch in (SMALL, LARGE):
                tried = {}
                for rate in 2.0 ** np.arange(-11, 3):
                    with np.errstate(all="ignore"):
                        ends = [
                            one.losses[-40:].mean()
                            for one in train(net(name), rule, cosine(300, rate), batch, [77, 78])
                        ]
                    tried[float(rate)] = float(np.nan_to_num(np.mean(ends), nan=np.inf))
                best.append(min(tried, key=tried.__getitem__) / 2)
            print(f'    ("{name}", "{rule}"): ({best[0]:.3g}, {best[1]:.3g}),')


if __name__ == "__main__":
    main()
