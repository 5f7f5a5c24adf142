"""Decay by stages: η₀, then η₀/10, then η₀/100, each for a third of the run."""

import torch
from sklearn.datasets import load_digits

from stepsize.adapters.torch import Scheduler

EPOCHS, BATCH = 20, 100
digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
loss_fn = torch.nn.CrossEntropyLoss()

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))

optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
# Introductory texts write `if epoch == 10: lr = lr * 0.1` inside the loop. That changes a Python variable; the
# optimizer keeps the rate it was built with. The scheduler writes into optimizer.param_groups, which is printed below.
scheduler = Scheduler(optimizer, "stages(1, 0.1, 0.01)", total_steps=EPOCHS * -(-len(X) // BATCH))

for epoch in range(EPOCHS):
    rate = optimizer.param_groups[0]["lr"]  # of the first update of the epoch
    for rows in torch.randperm(len(X)).split(BATCH):
        optimizer.zero_grad()
        loss_fn(model(X[rows]), y[rows]).backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        print(f"epoch {epoch:2d}  rate {rate:.6f}  loss {loss_fn(model(X), y).item():.4f}")
print(f"rate {optimizer.param_groups[0]['lr']:.6f}  loss {loss_fn(model(X), y).item():.4f}")
