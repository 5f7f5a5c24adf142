"""A convolutional net with BatchNorm on handwritten digits, with augmentation, as `stepsize compare` trains it.

stepsize compare docs/cnn.py:train "sgd(momentum=0.9) | 0.1 * cosine()" "adam() | 0.003" --steps 200 --seeds 2
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

from stepsize.adapters.torch import training


class Digits(Dataset):
    """Images of 8 × 8 pixels, moved by up to one pixel where they are trained on."""

    def __init__(self, rows: slice, moves: bool) -> None:
        images, labels = load_digits().images[rows], load_digits().target[rows]
        self.images = torch.tensor(images / 16, dtype=torch.float32)[:, None]
        self.labels, self.moves = torch.tensor(labels), moves

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[i]
        if self.moves:
            down, right = torch.randint(-1, 2, (2,)).tolist()
            image = torch.roll(image, (down, right), (1, 2))
        return image, self.labels[i]


def net() -> nn.Module:
    """Two convolutions with BatchNorm, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


def accuracy(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The share of images whose digit is found."""
    return (output.argmax(1) == labels).float().mean()


def train() -> training:
    """A small convolutional net with BatchNorm on digits that are moved about."""
    return training(
        net,
        nn.functional.cross_entropy,
        DataLoader(Digits(slice(0, 1000), moves=True), batch_size=32, shuffle=True, drop_last=True),
        validation=Digits(slice(1000, 1400), moves=False),
        test=Digits(slice(1400, None), moves=False),
        metrics={"accuracy": accuracy},
    )
