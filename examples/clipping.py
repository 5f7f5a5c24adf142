"""Update clipping, "learning-rate clipping" in some texts: no parameter moves further than 0.01 in one update."""

import torch
from sklearn.datasets import load_digits

from stepsize.adapters.torch import clip_update

EPOCHS, BATCH = 20, 100
digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
loss_fn = torch.nn.CrossEntropyLoss()

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))

optimizer = torch.optim.SGD(model.parameters(), lr=5.0)  # far too high: without the clip the loss does not fall
# Introductory texts clip a Python variable that no optimizer reads. This acts in optimizer.step() itself: it
# bounds what the step does to each parameter, rate included, and leaves optimizer.param_groups as they are.
clip_update(optimizer, "clip(0.01)")

for epoch in range(EPOCHS):
    rate, furthest = optimizer.param_groups[0]["lr"], 0.0
    for rows in torch.randperm(len(X)).split(BATCH):
        before = [one.detach().clone() for one in model.parameters()]
        optimizer.zero_grad()
        loss_fn(model(X[rows]), y[rows]).backward()
        optimizer.step()
        moves = [(new - old).abs().max().item() for new, old in zip(model.parameters(), before, strict=True)]
        furthest = max(furthest, *moves)
    with torch.no_grad():
        loss = loss_fn(model(X), y).item()
    print(f"epoch {epoch:2d}  rate {rate:.6f}  loss {loss:.4f}  largest move {furthest:.6f}")
print(f"rate {optimizer.param_groups[0]['lr']:.6f}  loss {loss_fn(model(X), y).item():.4f}")
