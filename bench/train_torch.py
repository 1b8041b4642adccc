"""The nets of `resnet20` and `airbench94` in PyTorch, for `bench.train` to measure Keras against.

    python train_torch.py NET BATCH SECONDS PRECISION

Runs in an environment of its own (`bench/torch.txt`), so it imports nothing of Rótulo. The same
layers in the same order, channels last as PyTorch is fastest with on processors, Nesterov momentum
with label smoothing as a training step has them; one batch in memory, over and over. It prints a
line of JSON: images/s, how many numbers are fitted, the version, the threads.
"""

import json
import sys
import time
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional as f

CLASSES: Final = 10
SIDE: Final = 32
WARM_UP: Final = 3


def convolution(into: int, out: int, stride: int = 1) -> nn.Module:
    """A convolution of 3×3 without bias and its batch norm."""
    return nn.Sequential(
        nn.Conv2d(into, out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(out, 1e-5)
    )


class Block(nn.Module):
    """Two convolutions beside a shortcut of option A: every second pixel, zeros for the rest."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = convolution(into, out, stride), convolution(out, out)
        self.stride, self.extra = stride, out - into

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [N, C, H, W]."""
        y = self.second(f.relu(self.first(x)))
        if self.stride > 1:
            half = self.extra // 2
            x = f.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
        return f.relu(x + y)


class ResNet20(nn.Module):
    """He 2015 (arXiv 1512.03385), section 4.2."""

    def __init__(self) -> None:
        super().__init__()
        blocks, into = [], 16
        for stage, width in enumerate((16, 32, 64)):
            for number in range(3):
                blocks.append(Block(into, width, 2 if stage and not number else 1))
                into = width
        self.stem, self.blocks = convolution(3, 16), nn.Sequential(*blocks)
        self.head = nn.Linear(64, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Standardised images [N, 3, H, W] to logits [N, 10]."""
        return self.head(self.blocks(f.relu(self.stem(x))).mean(dim=(2, 3)))


class ShiftedNorm(nn.BatchNorm2d):
    """A batch norm whose scale stays at 1."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-12, momentum=0.225)
        self.weight.requires_grad_(requires_grad=False)


class Airbench(nn.Module):
    """Jordan 2024 (arXiv 2404.00498): fixed whitening filters with a bias, three blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.whitening = nn.Conv2d(3, 24, 2)
        self.whitening.weight.requires_grad_(requires_grad=False)
        layers: list[nn.Module] = []
        into = 24
        for width in (64, 256, 256):
            layers += [
                nn.Conv2d(into, width, 3, padding=1, bias=False), nn.MaxPool2d(2),
                ShiftedNorm(width), nn.GELU("tanh"),
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                ShiftedNorm(width), nn.GELU("tanh"),
            ]  # fmt: skip
            into = width
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Linear(into, CLASSES, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Standardised images [N, 3, H, W] to logits [N, 10]."""
        x = self.blocks(f.gelu(self.whitening(x), approximate="tanh"))
        return self.head(x.amax(dim=(2, 3))) / 9


NETS: Final[dict[str, type[nn.Module]]] = {"resnet20": ResNet20, "airbench94": Airbench}


def images_per_second(net: nn.Module, batch: int, seconds: float, precision: str) -> float:
    """Steps from uint8 pixels in memory to changed weights, timed after a warm-up."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (batch, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, CLASSES, (batch,), generator=generator)
    net = net.to(memory_format=torch.channels_last).train()
    fitted = [weight for weight in net.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(fitted, 1e-3, momentum=0.9, weight_decay=1e-4, nesterov=True)
    mixed = torch.autocast("cpu", torch.bfloat16, enabled=precision == "mixed_bfloat16")

    def step() -> None:
        x = pixels.contiguous(memory_format=torch.channels_last).float().sub_(120).div_(64)
        optimiser.zero_grad(set_to_none=True)
        with mixed:
            loss = f.cross_entropy(net(x), labels, label_smoothing=0.1)
        loss.backward()
        optimiser.step()

    for _ in range(WARM_UP):
        step()
    steps, began = 0, time.perf_counter()
    while not steps or time.perf_counter() - began < seconds:
        step()
        steps += 1
    return steps * batch / (time.perf_counter() - began)


def main() -> None:
    """Measure one net."""
    name, batch, seconds, precision = sys.argv[1:]
    torch.manual_seed(0)
    net = NETS[name]()
    answer: dict[str, Any] = {
        "images_per_second": images_per_second(net, int(batch), float(seconds), precision),
        "parameters": sum(w.numel() for w in net.parameters() if w.requires_grad),
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
