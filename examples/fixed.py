"""A fixed learning rate: θ ← θ − η·∇J(θ), with the same η at every update."""

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

optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
# A fixed rate needs no scheduler; with one, another strategy is another text in this line.
scheduler = Scheduler(optimizer, "constant()")

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
