"""Logs in the forms that loops and tools write: the same numbers come out of each, whatever the file looks like."""

import gzip
import json

import numpy as np
import pytest

from stepsize.lab.records.foreign.cells import number
from stepsize.lab.records.foreign.names import chosen, groups_of, told
from stepsize.lab.records.record import read

# name of the file: text, updates, losses, and what else of the record is known
LOGS = {
    "printed by transformers.log": (
        "  0%|          | 0/3 [00:00<?, ?it/s]\n"
        "{'loss': 2.31, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.1}\n"
        "{'loss': 2.1, 'grad_norm': nan, 'learning_rate': 4e-05, 'epoch': 0.2}\n"
        "{'eval_loss': 2.0, 'eval_runtime': 1.2, 'eval_accuracy': 0.5, 'epoch': 0.2}\n"
        "{'loss': 1.9, 'grad_norm': 1.0, 'learning_rate': 3e-05, 'epoch': 0.3}\n"
        "{'train_runtime': 12.0, 'train_loss': 2.1, 'epoch': 0.3}\n",
        [0, 1, 2],
        [2.31, 2.1, 1.9],
        {
            "rates": [5e-5, 4e-5, 3e-5],
            "grad_norms": [1.2, float("nan"), 1.0],
            "measured_at": (2,),
            "validated": [2.0],
            "metrics": {"eval_accuracy": [0.5]},
        },
    ),
    "printed by transformers 5.log": (
        "{'loss': '2.31', 'grad_norm': '1.2', 'learning_rate': '5e-05', 'epoch': '0.1'}\n"
        "{'loss': '2.1', 'grad_norm': '1.1', 'learning_rate': '4e-05', 'epoch': '0.2'}\n",
        [0, 1],
        [2.31, 2.1],
        {"rates": [5e-5, 4e-5], "grad_norms": [1.2, 1.1]},
    ),
    "nanoGPT.txt": (
        "loading data…\ntokens per iteration will be: 16,384\nstep 0: train loss 4.2, val loss 4.3\n"
        "iter 0: loss 4.25, time 123.45ms, mfu -100.00%\niter 10: loss 3.25, time 23.45ms, mfu 12.00%\n"
        "iter 20: loss 2.25, time 22.45ms, mfu 12.00%\nstep 20: train loss 2.2, val loss 2.3\n",
        [0, 10, 20],
        [4.25, 3.25, 2.25],
        {"seconds": [0.12345, 0.02345, 0.02245], "measured_at": (0, 20), "validated": [4.3, 2.3]},
    ),
    "tqdm.txt": (
        "Epoch 1:   0%|          | 0/100 [00:00<?, ?it/s]\r"
        "Epoch 1:   1%|          | 1/100 [00:00<00:10, 9.9it/s, loss=2.31, lr=0.001]\r"
        "Epoch 1:   2%|▏         | 2/100 [00:00<00:10, 9.9it/s, loss=2.2, lr=0.001]\n"
        "Epoch 2:   1%|          | 1/100 [00:00<00:10, 9.9it/s, loss=2.1, lr=0.0005]\r"
        "Epoch 2:   2%|▏         | 2/100 [00:00<00:10, 9.9it/s, loss=2.0, lr=0.0005]\n",
        [1, 2, 101, 102],
        [2.31, 2.2, 2.1, 2.0],
        {"rates": [0.001, 0.001, 0.0005, 0.0005]},
    ),
    "fairseq.log": (
        "2020-01-01 10:00:00 | INFO | fairseq.trainer | begin training epoch 1\n"
        "2020-01-01 10:00:01 | INFO | train_inner | epoch 001:    100 / 1102 loss=14.4, nll_loss=14.2, ppl=18888, "
        "num_updates=100, lr=1.2e-05, gnorm=3.5, clip=0, train_wall=12\n"
        "2020-01-01 10:00:01 | INFO | train_inner | epoch 001:    200 / 1102 loss=13.4, nll_loss=13.2, ppl=11888, "
        "num_updates=200, lr=2.4e-05, gnorm=3.1, clip=0, train_wall=12\n"
        "2020-01-01 10:00:02 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 12.4 | nll_loss 12 | "
        "num_updates 200 | best_loss 12.4\n",
        [100, 200],
        [14.4, 13.4],
        {"rates": [1.2e-5, 2.4e-5], "grad_norms": [3.5, 3.1], "measured_at": (200,), "validated": [12.4]},
    ),
    "plain.txt": ("hello\nstep 100 loss 2.31\nstep 200 loss 2.11\nINFO step 1,000 loss 1.9\n", [100, 200, 1000],
                  [2.31, 2.11, 1.9], {}),
    "Megatron.log": (
        " iteration      100/  500000 | consumed samples:        25600 | elapsed time per iteration (ms): 500.1 | "
        "learning rate: 1.500E-04 | global batch size:   256 | lm loss: 9.5E+00 | grad norm: 1.200 | "
        "number of skipped iterations:   0 |\n"
        " iteration      200/  500000 | consumed samples:        51200 | elapsed time per iteration (ms): 400.1 | "
        "learning rate: 1.400E-04 | global batch size:   256 | lm loss: 8.5E+00 | grad norm: 1.100 | "
        "number of skipped iterations:   0 |\n",
        [100, 200],
        [9.5, 8.5],
        {"rates": [1.5e-4, 1.4e-4], "grad_norms": [1.2, 1.1], "planned_steps": 500000, "seconds": [0.5001, 0.4001]},
    ),
    "llm.c.log": (
        "step    1/19560 | loss 11.009 (+nanz)| norm 15.36 (+nanz)| lr 8.57e-07 | 3056.36 ms | 12.6% bf16 MFU\n"
        "step    2/19560 | loss 10.9 (+0.1z)| norm 14.36 (+nanz)| lr 1.7e-06 | 3056.36 ms | 12.6% bf16 MFU\n"
        "val loss 10.8\n",
        [1, 2],
        [11.009, 10.9],
        {"rates": [8.57e-7, 1.7e-6], "grad_norms": [15.36, 14.36], "measured_at": (2,), "validated": [10.8]},
    ),
    "mmengine.log": (
        "2023/01/01 10:00:00 - mmengine - INFO - Epoch(train) [1][ 50/391]  lr: 1.0000e-01  eta: 0:10:00  "
        "time: 0.0500  data_time: 0.0030  memory: 300  loss: 2.2\n"
        "2023/01/01 10:00:00 - mmengine - INFO - Epoch(train) [1][100/391]  lr: 1.0000e-01  eta: 0:10:00  "
        "time: 0.0510  data_time: 0.0030  memory: 300  loss: 2.0\n"
        "2023/01/01 10:00:00 - mmengine - INFO - Epoch(train) [2][ 50/391]  lr: 1.0000e-02  eta: 0:10:00  "
        "time: 0.0500  data_time: 0.0030  memory: 300  loss: 1.8\n",
        [50, 100, 441],
        [2.2, 2.0, 1.8],
        {"rates": [0.1, 0.1, 0.01], "seconds": [0.05, 0.051, 0.05]},
    ),
    "detectron2.log": (
        "[07/28 12:00:00 d2.utils.events]:  eta: 0:10:00  iter: 19  total_loss: 5.3  loss_cls: 4.0  time: 0.2  "
        "lr: 0.0001  max_mem: 2000M\n"
        "[07/28 12:00:09 d2.utils.events]:  eta: 0:10:00  iter: 39  total_loss: 4.3  loss_cls: 3.0  time: 0.19  "
        "lr: 0.0002  max_mem: 2000M\n",
        [19, 39],
        [5.3, 4.3],
        {"rates": [1e-4, 2e-4]},
    ),
    "timm.log": (
        "Train: 0 [   0/1251 (  0%)]  Loss: 6.95 (6.95)  Time: 1.100s,  200.00/s  LR: 1.000e-05  Data: 0.3\n"
        "Train: 0 [  50/1251 (  4%)]  Loss: 6.90 (6.92)  Time: 1.100s,  200.00/s  LR: 1.000e-05  Data: 0.3\n"
        "Test: [   0/97]  Time: 1.0 (1.0)  Loss:   6.9 (6.9)  Acc@1:   0.1 (0.1)\n"
        "Train: 1 [   0/1251 (  0%)]  Loss: 6.5 (6.5)  Time: 1.100s, 200/s  LR: 1.000e-04\n",
        [0, 50, 1251],
        [6.95, 6.9, 6.5],
        {"rates": [1e-5, 1e-5, 1e-4], "measured_at": (50,), "validated": [6.9]},
    ),
    "PyTorch's digits.log": (
        "Train Epoch: 1 [0/60000 (0%)]\tLoss: 2.300039\nTrain Epoch: 1 [640/60000 (1%)]\tLoss: 2.213470\n\n"
        "Test set: Average loss: 0.1018, Accuracy: 9680/10000 (97%)\n\nTrain Epoch: 2 [0/60000 (0%)]\tLoss: 1.9\n",
        [0, 640, 60000],
        [2.300039, 2.21347, 1.9],
        {"measured_at": (640,), "validated": [0.1018], "metrics": {"val_Accuracy": [0.968]}},
    ),
    "Keras.log": (
        "Epoch 1/3\n100/100 ━━━━━━━━━━ 1s 5ms/step - accuracy: 0.8 - loss: 0.5 - val_accuracy: 0.85 - val_loss: 0.45\n"
        "Epoch 2/3\n100/100 ━━━━━━━━━━ 1s 5ms/step - accuracy: 0.9 - loss: 0.3 - val_accuracy: 0.88 - val_loss: 0.40\n",
        [0, 1],
        [0.5, 0.3],
        {"validated": [0.45, 0.4], "metrics": {"val_accuracy": [0.85, 0.88], "accuracy": [0.8, 0.9]}},
    ),
    "PyTorch's pictures.log": (
        "[1,  2000] loss: 2.2\n[1,  4000] loss: 1.9\n[2,  2000] loss: 1.5\n[2,  4000] loss: 1.4\n",
        [2000, 4000, 6000, 8000],
        [2.2, 1.9, 1.5, 1.4],
        {},
    ),
    "Caffe.log": (
        "I0502 15:23:21.000000  1234 solver.cpp:228] Iteration 0, loss = 2.3\n"
        "I0502 15:23:21.000000  1234 sgd_solver.cpp:106] Iteration 0, lr = 0.01\n"
        "I0502 15:23:22.000000  1234 solver.cpp:228] Iteration 100, loss = 1.2\n"
        "I0502 15:23:21.000000  1234 sgd_solver.cpp:106] Iteration 100, lr = 0.001\n",
        [0, 100],
        [2.3, 1.2],
        {"rates": [0.01, 0.001]},
    ),
    "bars.txt": ("step | loss | lr\n0 | 2.3 | 0.1\n1 | 2.2 | 0.05\n", [0, 1], [2.3, 2.2], {"rates": [0.1, 0.05]}),
    "Markdown.md": ("| step | loss |\n|------|------|\n| 0 | 2.3 |\n| 5 | 2.2 |\n", [0, 5], [2.3, 2.2], {}),
    "blanks.txt": ("step loss lr\n0 2.3 0.1\n10 2.2 0.1\n", [0, 10], [2.3, 2.2], {"rates": [0.1, 0.1]}),
    "fastai.txt": (
        "epoch     train_loss  valid_loss  accuracy  time    \n0         2.500000    2.250000    0.25      00:01    \n"
        "1         1.500000    1.250000    0.5       00:01    \n",
        [0, 1],
        [2.5, 1.5],
        {"validated": [2.25, 1.25], "metrics": {"accuracy": [0.25, 0.5]}},
    ),
    "skorch.txt": (
        "  epoch    train_loss    valid_acc     dur\n-------  ------------  -----------  ------\n"
        "      1        2.5000       0.25  0.01\n      2        1.5000       0.5  0.01\n",
        [1, 2],
        [2.5, 1.5],
        {"metrics": {"valid_acc": [0.25, 0.5]}},
    ),
    "torchtitan.log": (
        "".join(f"[titan] INFO - \x1b[31mstep: {i:2}  "
                f"\x1b[32mloss: {2.5 - i:7.4f}  \x1b[39mgrad_norm: 1.25  \x1b[33mmemory: 3.5GiB\x1b[39m\n"
                for i in range(2)),
        [0, 1],
        [2.5, 1.5],
        {"grad_norms": [1.25, 1.25]},
    ),
    "savetxt.txt": ("# step loss lr\n0 2.3 0.1\n10 2.2 0.1\n", [0, 10], [2.3, 2.2], {"rates": [0.1, 0.1]}),
    "savetxt.csv": ("# step,loss\n0,2.3\n10,2.2\n", [0, 10], [2.3, 2.2], {}),
    "comment.csv": ("# Monday, lr 0.1\nstep,loss,lr\n0,2.3,0.1\n1,2.2,0.1\n", [0, 1], [2.3, 2.2], {}),
    "semicolons.csv": (
        "step;loss;lr\n0;2,31;0,001\n500;2,20;0,001\n1.000;2,0;0,0005\n",
        [0, 500, 1000],
        [2.31, 2.2, 2.0],
        {"rates": [0.001, 0.001, 0.0005]},
    ),
    "semicolons and points.csv": ("step;loss\n0;2.31\n1;2.125\n", [0, 1], [2.31, 2.125], {}),
    "thousands.csv": ('step,loss\n"1,000",2.3\n"2,000",2.1\n', [1000, 2000], [2.3, 2.1], {}),
    "as Python writes them.csv": (
        'step,loss,lr\n0.5k,tensor(2.3),"[0.1, 0.01]"\n'
        '1k,"tensor(2.1, device=\'cuda:0\', grad_fn=<X>)","[0.05, 0.005]"\n',
        [500, 1000],
        [2.3, 2.1],
        {"rates": [0.1, 0.05]},
    ),
    "Weights & Biases.csv": (
        '"Step","sunny-1 - train/loss","sunny-1 - train/loss__MIN","sunny-1 - train/loss__MAX"\n'
        '"0","2.3","2.2","2.4"\n"10","2.1","2.0","2.2"\n',
        [0, 10],
        [2.3, 2.1],
        {},
    ),
    "Weights & Biases.jsonl": (
        "\n".join(json.dumps({"_step": i, "_runtime": 1.5 * i, "_timestamp": 1e9 + i, "train/loss": 2 - i / 10})
                  for i in range(3)),
        [0, 1, 2],
        [2.0, 1.9, 1.8],
        {},
    ),
    "run-1-tag-train_loss.csv": ("Wall time,Step,Value\n1.6e9,0,2.3\n1.6e9,10,2.1\n", [0, 10], [2.3, 2.1], {}),
    "run-1-tag-Loss_train.csv": ("Wall time,Step,Value\n1.6e9,0,2.3\n1.6e9,10,2.1\n", [0, 10], [2.3, 2.1], {}),
    "downloaded from TensorBoard.json": (json.dumps([[1.6e9, 0, 2.3], [1.6e9, 10, 2.1]]), [0, 10], [2.3, 2.1], {}),
    "detectron2.json": (
        "\n".join(json.dumps({"iteration": i * 20 + 19, "total_loss": 5 - i, "lr": 0.1, "time": 0.2 + i % 2})
                  for i in range(3)),
        [19, 39, 59],
        [5, 4, 3],
        {"rates": [0.1] * 3, "seconds": [0.2, 1.2, 0.2]},
    ),
    "timm's summary.csv": (
        "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n0,6.9,6.8,0.5,2.0,1e-5\n1,6.5,6.4,1.5,5.0,1e-4\n",
        [0, 1],
        [6.9, 6.5],
        {"validated": [6.8, 6.4], "metrics": {"eval_top1": [0.5, 1.5], "eval_top5": [2, 5]}, "rates": [1e-5, 1e-4]},
    ),
    "history.json": (
        json.dumps({"loss": [2.3, 2.0], "val_loss": [2.4, 2.1], "accuracy": [0.1, 0.2]}),
        [0, 1],
        [2.3, 2.0],
        {"validated": [2.4, 2.1], "metrics": {"accuracy": [0.1, 0.2]}},
    ),
    "pandas.json": (json.dumps({"loss": {"0": 2.3, "1": 2.0}, "step": {"0": 10, "1": 20}}), [10, 20], [2.3, 2.0], {}),
    "split.json": (json.dumps({"columns": ["step", "loss"], "data": [[10, 2.3], [20, 2.0]]}), [10, 20], [2.3, 2], {}),
    "nested.jsonl": (
        "\n".join(json.dumps({"step": i, "train": {"loss": 2 - i / 10, "lr": [0.1, 0.2]}, "val": {"loss": None}})
                  for i in range(3)),
        [0, 1, 2],
        [2, 1.9, 1.8],
        {"rates": [0.1] * 3, "group_rates": {"0": [0.1] * 3, "1": [0.2] * 3}},
    ),
    "not finite.jsonl": (
        '{"step": 0, "loss": 1}\n{"step": 1, "loss": NaN}\n{"step": 2, "loss": "Infinity"}\n',
        [0, 1, 2],
        [1, float("nan"), float("inf")],
        {},
    ),
    "fairseq.jsonl": (
        "\n".join(json.dumps({"epoch": 1, "update": 0.09 * i, "loss": f"{14.4 - i}", "num_updates": f"{100 * i + 100}"})
                  for i in range(3)),
        [100, 200, 300],
        [14.4, 13.4, 12.4],
        {},
    ),
    "Lightning's metrics.csv": (
        "epoch,lr-AdamW/pg1,lr-AdamW/pg1-momentum,lr-AdamW/pg2,step,train_loss_epoch,train_loss_step,val_acc,val_loss\n"
        ",0.1,0.9,0.01,0,,,,\n0,,,,0,,2.0,,\n,0.05,0.8,0.005,49,,,,\n0,,,,49,,1.5,,\n0,,,,49,,,0.5,1.7\n"
        "0,,,,49,1.6,,,\n",
        [0, 49],
        [2.0, 1.5],
        {
            "rates": [0.1, 0.05],
            "group_rates": {"pg1": [0.1, 0.05], "pg2": [0.01, 0.005]},
            "knobs": {"momentum/pg1": [0.9, 0.8]},
            "measured_at": (49,),
            "validated": [1.7],
            "metrics": {"val_acc": [0.5]},
        },
    ),
    "a notebook of transformers.tsv": (
        "Step\tTraining Loss\tValidation Loss\n500\t2.3\tNo log\n1000\t2.1\t2.2\n",
        [500, 1000],
        [2.3, 2.1],
        {"measured_at": (1000,), "validated": [2.2]},
    ),
    "MLflow.csv": (
        "run_id,key,value,step,timestamp\na,loss,2.3,0,16\na,lr,0.1,0,16\na,loss,2.1,1,16\na,lr,0.2,1,16\n",
        [0, 1],
        [2.3, 2.1],
        {"rates": [0.1, 0.2]},
    ),
    "mmcv.json": (
        "\n".join(map(json.dumps, [
            {"env_info": "sys", "seed": 1},
            {"mode": "train", "epoch": 1, "iter": 50, "lr": 0.1, "loss": 2.3},
            {"mode": "train", "epoch": 1, "iter": 100, "lr": 0.1, "loss": 2.2},
            {"mode": "val", "epoch": 1, "iter": 20, "lr": 0.1, "bbox_mAP": 0.3},
            {"mode": "train", "epoch": 2, "iter": 50, "lr": 0.1, "loss": 2.0},
        ])),
        [50, 100, 150],
        [2.3, 2.2, 2.0],
        {"measured_at": (100,), "metrics": {"val_bbox_mAP": [0.3]}},
    ),
    "other names below.csv": (
        "step,loss\n0,3\n1,2\nstep,loss,lr\n2,1,0.1\n",
        [0, 1, 2],
        [3, 2, 1],
        {"rates": [0.1] * 3},
    ),
}  # fmt: skip


def same(found, expected):
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for name, one in expected.items():
            same(found[name], one)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def written(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize("name", LOGS)
def test_it_is_read_without_a_word(tmp_path, name):
    text, steps, losses, known = LOGS[name]
    one = read(written(tmp_path, name, text))
    assert one.steps.tolist() == steps
    same(one.losses, losses)
    for field, expected in known.items():
        same(getattr(one, field), expected)


CSV = "step,loss,lr\n0,2.5,0.1\n1,1.5,0.1\n2,1.25,0.05\n"
AS_BYTES = {
    "UTF-16": CSV.encode("utf-16"),
    "UTF-8 with a mark": CSV.encode("utf-8-sig"),
    "Windows": CSV.replace("\n", "\r\n").encode(),
    "old Macs": CSV.replace("\n", "\r").encode(),
    "GBK": CSV.replace("step,loss,lr", "步数,损失,学习率").encode("gbk"),
    "Western": CSV.replace("lr", "lr,día").encode("cp1252"),
    "gzip": gzip.compress(CSV.encode()),
    "gzip of UTF-16": gzip.compress(CSV.encode("utf-16")),
    "sep=": ("sep=;\r\n" + CSV.replace(",", ";")).encode(),
}


@pytest.mark.parametrize("kind", AS_BYTES)
def test_every_encoding_gives_the_same_record(tmp_path, kind):
    one = read(written(tmp_path, "log.csv", AS_BYTES[kind]))
    assert one == read(written(tmp_path, "plain.csv", CSV))


def test_lines_of_json_in_utf_16_and_packed(tmp_path):
    text = '{"step": 0, "loss": 2}\n{"step": 4, "loss": 1}\n'
    for content in (text.encode("utf-16"), gzip.compress(text.encode())):
        assert read(written(tmp_path, "log.jsonl", content)).steps.tolist() == [0, 4]


def test_what_gzip_packed_and_was_cut_off_has_its_rows(tmp_path):
    text = "step,loss\n" + "".join(f"{i},{1 / (i + 1)}\n" for i in range(5000))
    packed = gzip.compress(text.encode())
    one = read(written(tmp_path, "log.csv.gz", packed[: len(packed) // 2]))
    assert 500 < len(one) < 5000
    assert one.steps.tolist() == list(range(len(one)))


def test_the_parts_of_yolos_loss_are_added_up_and_that_is_said(tmp_path):
    file = written(
        tmp_path,
        "results.csv",
        "  epoch,  train/box_loss,  train/cls_loss,  train/dfl_loss,  metrics/mAP50(B),  val/box_loss,  val/cls_loss,"
        "  val/dfl_loss,  lr/pg0,  lr/pg1\n 0, 1, 2, 3, 0.4, 2, 2, 2, 0.1, 0.01\n"
        " 1, 1, 2, 2.5, 0.5, 1, 2, 2, 0.1, 0.01\n",
    )
    with pytest.warns(UserWarning, match="the loss is the sum of 'train/box_loss', 'train/cls_loss', 'train/dfl_loss'"):
        one = read(file)
    assert one.losses.tolist() == [6, 5.5]
    assert one.validated.tolist() == [6, 5]
    same(one.group_rates, {"pg0": [0.1, 0.1], "pg1": [0.01, 0.01]})
    same(one.metrics, {"metrics/mAP50(B)": [0.4, 0.5]})
    assert read(file, loss="train/box_loss+train/cls_loss").losses.tolist() == [3, 3]


def test_numbers_alone_are_taken_for_losses_and_that_is_said(tmp_path):
    with pytest.warns(UserWarning, match="numbers alone, one a line: they were taken for losses"):
        assert read(written(tmp_path, "losses.txt", "2.5\n2\n1\n")).losses.tolist() == [2.5, 2, 1]


def test_the_file_of_another_tag_of_tensorboard_is_not_the_loss(tmp_path):
    from stepsize import StepsizeError

    file = written(tmp_path, "run-1-tag-accuracy.csv", "Wall time,Step,Value\n1.6e9,0,0.3\n1.6e9,10,0.5\n")
    with pytest.raises(StepsizeError, match="holds 'accuracy' by its name, not the loss"):
        read(file)
    assert read(file, loss="Value").losses.tolist() == [0.3, 0.5]


def test_the_local_store_of_mlflow(tmp_path):
    folder = tmp_path / "mlruns" / "0" / "abc" / "metrics"
    (folder / "val").mkdir(parents=True)
    (folder / "loss").write_text("1700000000000 2.5 0\n1700000000001 nan 1\n1700000000002 1.5 2\n17000000")
    (folder / "lr").write_text("1700000000000 0.1 0\n")
    (folder / "val" / "loss").write_text("1700000000000 2.25 2\n")
    for path in (folder, folder.parent, folder / "loss"):
        one = read(path)
        assert one.steps.tolist() == [0, 1, 2]
        same(one.losses, [2.5, float("nan"), 1.5])
        same(one.rates, [0.1] * 3)
        assert (one.measured_at, one.validated.tolist()) == ((2,), [2.25])


CELLS = {
    "1,000": 1000, "1,234,567": 1234567, "0.5k": 500, "1.5M": 1.5e6, "tensor(0.5)": 0.5, "np.float32(0.25)": 0.25,
    "tensor([0.5], device='cuda:0')": 0.5, "[0.1, 0.2]": 0.1, "(0.1,)": 0.1, "12 ms": 0.012, "3s": 3, "12%": 12,
    "1 000": 1000, "−1.5": -1.5, "0,5": 0.5, "1,234.5": 1234.5, "1.234,5": 1234.5, "1e-4": 1e-4, "True": None,
    "-": "", "n/a": "", "None": "", "<NA>": "", "": "", "soon": None, "1.2.3": None, "1,2,3": None,
}  # fmt: skip


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_a_number_as_people_write_one_or_nothing_or_a_word(cell):
    expected = CELLS[cell]
    if expected is None:
        with pytest.raises(ValueError, match="could not convert string to float"):
            number(cell)
    else:
        assert number(cell) == (None if expected == "" else pytest.approx(expected, rel=1e-15))


def test_commas_are_what_the_file_says():
    assert number("1,500") == 1500
    assert number("1,500", comma=True) == 1.5
    assert number("1.500", comma=True) == 1500
    assert number("0.001", comma=True) == 0.001


def test_names_are_taken_apart():
    for name in (
        "loss",
        "Loss",
        "train/loss",
        "Loss/train",
        "train_loss",
        "metrics/train/loss",
        "trainLoss",
        "train.loss",
    ):
        assert told(name).base == "loss"
    for name in ("val_loss", "Loss/val", "valid/loss", "eval_loss", "Validation Loss", "valLoss", "loss (val)"):
        assert told(name) == ("loss", "look")
    assert groups_of(["lr-AdamW", "lr_scheduler", "lr/0", "lr0", "x/lr1", "learning_rate_group_2"]).keys() == {
        "AdamW", "0", "1", "2",
    }  # fmt: skip
    assert chosen(["a+b", "a", "b"], "a+b") == ["a+b"]
    assert chosen(["a", "b"], "A + b") == ["a", "b"]
    assert chosen(["a", "b"], "a+c") == []
