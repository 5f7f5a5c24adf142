"""Other ways of choosing a rate, by their real packages, in the cells of the bench.

`pip install -c constraints.txt -e '.[tuners]'` installs them. On torch's CPU build also `pip uninstall torchvision`,
which fastai brings, whose wheel wants the CUDA build, and which nothing here needs. Then, from the repository's root,

    python -m bench.tune.peers finders optimizers searches --tables out/tune-bench/*.npz

makes what takes training, and every search on the tables, and keeps the answers under `out/tune-bench/peers` (or
PEERS_KEPT): who reads them needs none of the packages. It goes on where it was killed. What is kept of a search belongs
to the table that it saw.

`PEERS` are the rows. `peer.picks(cell, table, seed, budget)` gives a list: of `Pick` (seed, place of the rate in the
grid, cost in whole runs), or of `Ran` for an optimizer that has no rate to choose (what a real run ended with); empty
where there is no answer. `peer.largest` is the budget from which on the answer stays the same, `peer.optimizers` are
the cells that it is judged in, `peer.unanswered(…)` says that a finder suggested nothing and the default was trained.

finders     Lightning, torch-lr-finder, fastai and find_rate of stepsize: short real runs
optimizers  Prodigy, D-Adaptation, Schedule-Free, DoG, Mechanic and robust_infrared: whole real runs
searches    random, grids, and on the recorded runs Optuna (optunas) and Ray Tune (rays)
"""

from ..judging import Answers, Pick, Ran
from . import finders, optimizers, searches
from .peer import Peer

PEERS: tuple[Peer, ...] = (*finders.PEERS, *optimizers.PEERS, *searches.PEERS)
__all__ = ["PEERS", "Answers", "Peer", "Pick", "Ran"]
