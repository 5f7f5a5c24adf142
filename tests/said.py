"""What the tests of languages share: a file of problems, and whether a text is Chinese whole."""

import re
from pathlib import Path

import stepsize
from test_language import english_words

SOURCE = Path(stepsize.__file__).parent
SHORT = ("--steps", "6", "--seeds", "2", "--rates", "0.1,1,1e9")
FILE = '''
import numpy as np
from stepsize.problems import least_squares, objective

X, y = np.random.default_rng(0).normal(size=(2, 40, 3))

def apart():
    return least_squares(X[:30], y[:30, 0]), least_squares(X[30:], y[30:, 0])

def alone():
    return least_squares(X, y[:, 0])

def bare():
    return objective(lambda p: ((p["x"] ** 2).sum(), {"x": 2 * p["x"]}), params={"x": np.ones(1)})

def needs(argument):
    return None

def broken():
    return 1 / 0

def nothing():
    return None

def absent():
    import no_such_module

number = 3
'''  # fmt: skip
NAMES = (
    "softmax CSV JavaScript python numpy scikit learn polars stepsize torch accuracy r2 rmse nbsp rates json table "
    "LOW HIGH journal jsonl model py apart alone bare wine cultivar diabetes progression Adam adam sgd cosine infrared "
    "index html loss png rates basins overview compare study merge pip install task regression classification target "
    "COLUMN file path to function none jax cpu out tune"
)


def whole(text, more=""):
    """No line of a text is English, besides names, expressions and paths."""
    for line in filter(str.strip, text.splitlines()):
        words = re.sub(r"\b0x[0-9a-f]+|\d[\d.]*e[+-]?\d+", "", line)
        assert not english_words(words, f"{NAMES} Softmax {more}"), line
        assert not re.search(r"[{}]", line), line


def numbers(text):
    return sorted(re.findall(r"\d[\d.,e+-]*\d|\d", text.replace("−", "-")))
