"""Rates adapted to each parameter: AdaGrad, RMSProp and Adam on the same network, batches and seed."""

import torch
from sklearn.datasets import load_digits

from stepsize.adapters.torch import optimizer

EPOCHS, BATCH = 20, 100
digits = load_digits()
X = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
loss_fn = torch.nn.CrossEntropyLoss()

for strategy in ("adagrad() | 0.01", "rmsprop() | 0.001", "adam() | 0.001"):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    # These are torch's own Adagrad, RMSprop and Adam: inside step() they divide the rate by what they remember of
    # each parameter's gradients. The rate in param_groups stays as it is; `* cosine()` in the text would change it.
    rule = optimizer(model.parameters(), strategy)
    for epoch in range(EPOCHS):
        rate = rule.param_groups[0]["lr"]
        for rows in torch.randperm(len(X)).split(BATCH):
            rule.zero_grad()
            loss_fn(model(X[rows]), y[rows]).backward()
            rule.step()
        if epoch % 5 == 0:
            with torch.no_grad():
                print(f"{strategy:18} epoch {epoch:2d}  rate {rate:.6f}  loss {loss_fn(model(X), y).item():.4f}")
    print(f"{strategy:18} rate {rule.param_groups[0]['lr']:.6f}  loss {loss_fn(model(X), y).item():.4f}")
