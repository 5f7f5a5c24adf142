"""Where the rows of a record go besides its file: one value each, for `Recorder(…, sinks=[…])` or any loop.

base         what a sink is; a function is one
tensorboard  event files of TensorBoard
wandb        a run of Weights & Biases, offline unless asked
mlflow       a run in a store of MLflow
"""

from .base import Function, Sink
from .mlflow import MLflow
from .tensorboard import TensorBoard
from .wandb import WandB

__all__ = ["Function", "MLflow", "Sink", "TensorBoard", "WandB"]
