"""The loss of an update inside the Trainer of transformers, under accumulation, of a model that weighs by tokens."""

import pytest
import torch

from stepsize.lab.records.record import read

transformers = pytest.importorskip("transformers")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("accumulation", [1, 2, 4])
def test_a_language_model_under_accumulation_has_the_loss_that_the_trainer_logs(tmp_path, accumulation):
    from stepsize.adapters.callbacks.transformers import RecorderCallback

    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "n_positions": 16, "n_embd": 16, "n_layer": 1, "n_head": 2}
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, **ends))
    rows = [torch.randint(0, 50, (8,)) for _ in range(32)]
    arguments = transformers.TrainingArguments(
        str(tmp_path / "out"), per_device_train_batch_size=8 // accumulation, gradient_accumulation_steps=accumulation,
        max_steps=4, report_to=[], logging_steps=1, use_cpu=True, disable_tqdm=True, save_strategy="no",
    )  # fmt: skip
    data = [{"input_ids": one, "labels": one} for one in rows]
    trainer = transformers.Trainer(model, arguments, train_dataset=data)
    trainer.add_callback(RecorderCallback(tmp_path / "run.jsonl", trainer))
    trainer.train()
    logged = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert len(logged) == 4
    assert read(tmp_path / "run.jsonl").losses.tolist() == pytest.approx(logged, rel=1e-3)
