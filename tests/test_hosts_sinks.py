"""What each sink wrote is read back by its tool's own reader: every number, at its step, and what was decided."""

import json
import math
import struct
import time
import warnings

import pytest
import torch

from hosted import host
from stepsize import StepsizeError
from stepsize.adapters import sinks
from stepsize.adapters.sinks import base
from stepsize.adapters.torch import Recorder, Scheduler

LOSSES = [5.0, 4.0, math.nan, 4.0, 4.0, 4.0]


def recorded(folder, *listed, losses=LOSSES):
    """A run with a plateau that fires and one look at validation data; its rows."""
    rows = []
    weight = torch.nn.Parameter(torch.ones(2))
    made = torch.optim.SGD([weight], lr=0.5)
    scheduler = Scheduler(made, "plateau(0.5, patience=1)", on_nonfinite="hold")
    with Recorder(made, folder / "run.jsonl", sinks=[*listed, rows.append]) as recorder:
        for step, loss in enumerate(losses):
            weight.grad = torch.ones(2)
            made.step()
            recorder.step(loss)
            scheduler.step(loss=loss)
            if step == 2:
                recorder.validation(0.75, accuracy=0.5)
    return rows


def test_tensorboard(tmp_path):
    host("tensorboard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    rows = recorded(tmp_path, sinks.TensorBoard(tmp_path / "events"))
    found = EventAccumulator(str(tmp_path / "events")).Reload()
    losses = {one.step: one.value for one in found.Scalars("loss")}
    assert losses == pytest.approx(dict(enumerate(LOSSES)), nan_ok=True)
    assert [(one.step, one.value) for one in found.Scalars("val_loss")] == [(3, 0.75)]
    assert [(one.step, one.value) for one in found.Scalars("metric/accuracy")] == [(3, 0.5)]
    rates = [row["lr"] for row in rows if "lr" in row]
    assert [one.value for one in found.Scalars("lr")] == pytest.approx(rates)
    (head,), decided = found.Tensors("run"), found.Tensors("decisions")
    assert b'"class": "SGD"' in head.tensor_proto.string_val[0]
    assert all(one.tensor_proto.string_val[0].startswith(b"plateau: ") for one in decided)
    assert len(decided) == sum("decisions" in row for row in rows) > 0


def records_of(path, wandb_internal_pb2):
    """The records of wandb's own file: protobufs in the framing of LevelDB's log, blocks of 32 KiB."""
    content, at, parts = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", content[at : at + 7])
        parts += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(parts)
            yield record
            parts = b""


def ended(path, wandb_internal_pb2):
    """The records once the last is there: a process of wandb's own writes them."""
    for _ in range(600):
        found = list(records_of(path, wandb_internal_pb2))
        if found and found[-1].WhichOneof("record_type") == "exit":
            return found
        time.sleep(0.1)
    raise AssertionError("wandb has not ended its file in a minute")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wandb_offline(tmp_path, monkeypatch):
    host("wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_SILENT", "true")
    rows = recorded(tmp_path, sinks.WandB(folder=tmp_path, project="stepsize"))
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    found, config = [], []
    for record in ended(file, wandb_internal_pb2):
        kind = record.WhichOneof("record_type")
        if kind == "history":
            items = {one.key or ".".join(one.nested_key): json.loads(one.value_json) for one in record.history.item}
            found.append(items)
        elif kind == "config":
            config += [one.key or ".".join(one.nested_key) for one in record.config.update]
    assert len(found) == len(rows)
    for row, one in zip(rows, found, strict=True):
        assert one["step"] == row["step"]
        for name, value in base.numbers(row).items():
            held = float(one[name])
            assert held == pytest.approx(value, nan_ok=True)
        assert one.get("decisions", "") == base.sentences(row)
    assert any("stepsize" in one for one in config)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_in_a_local_store(tmp_path):
    mlflow = host("mlflow", "sqlalchemy")
    store = f"sqlite:///{tmp_path}/mlflow.db"
    sink = sinks.MLflow(store)
    rows = recorded(tmp_path, sink)
    client = mlflow.MlflowClient(tracking_uri=store)
    run = client.get_run(sink.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["optimizer.class"] == "SGD"
    losses = {one.step: one.value for one in client.get_metric_history(sink.run_id, "loss")}
    assert losses == pytest.approx(dict(enumerate(LOSSES)), nan_ok=True)
    (accuracy,) = client.get_metric_history(sink.run_id, "metric/accuracy")
    assert (accuracy.step, accuracy.value) == (3, 0.5)
    told = {int(key.partition(".")[2]): one for key, one in run.data.tags.items() if key.startswith("decisions.")}
    assert told == {row["step"]: base.sentences(row) for row in rows if "decisions" in row}


@pytest.mark.parametrize(
    ("sink", "package"),
    [(sinks.TensorBoard, "tensorboard"), (sinks.WandB, "wandb"), (sinks.MLflow, "mlflow")],
)
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, sink, package):
    def missing(module):
        raise ModuleNotFoundError(f"No module named {module!r}")

    monkeypatch.setattr(base, "import_module", missing)
    options = {"folder": tmp_path} if package == "tensorboard" else {}
    with pytest.raises(StepsizeError, match=rf"needs the package {package}, .*: pip install 'stepsize\[sinks\]'$"):
        sink(**options)
