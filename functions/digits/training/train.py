"""Trains the model of the function `digits` on the files that prepare.ts has written, and writes it as ONNX.

python train.py --data build --out ../model.onnx [--all]
"""

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from torch import nn

ROW = 2 + 28 * 28


def read(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The digits, the variant numbers and the pictures (uint8, 28 x 28) of a part."""
    files = sorted(folder.glob(f"{part}-*.bin"))
    if not files:
        raise SystemExit(f"{folder} holds no {part}-*.bin: run prepare.ts first")
    rows = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, ROW) for file in files])
    return rows[:, 0].astype(np.int64), rows[:, 1], rows[:, 2:].reshape(-1, 1, 28, 28)


def block(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


class Network(nn.Module):
    """Three pairs of convolutions at 28, 14 and 7 pixels, then two dense layers; 147,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *block(1, 16), *block(16, 16), nn.MaxPool2d(2),
            *block(16, 32), *block(32, 32), nn.MaxPool2d(2),
            *block(32, 64), *block(64, 64), nn.MaxPool2d(2),
        )
        self.classify = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 3 * 3, 128), nn.ReLU(inplace=True),
            nn.Dropout(0.3), nn.Linear(128, 10),
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.classify(self.features(pictures))


class Scores(nn.Module):
    """The network with a softmax: the model that is exported."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.network(pictures), dim=1)


def accuracy(network: nn.Module, digits: np.ndarray, pictures: np.ndarray) -> float:
    network.eval()
    right = 0
    with torch.no_grad():
        for start in range(0, len(digits), 1000):
            part = torch.from_numpy(pictures[start:start + 1000]).float() / 255
            right += (network(part).argmax(1).numpy() == digits[start:start + 1000]).sum()
    network.train()
    return right / len(digits)


def train(digits: np.ndarray, pictures: np.ndarray, options: argparse.Namespace) -> nn.Module:
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=0.01)
    steps = len(digits) // options.batch
    total = round(steps * options.epochs)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, total_steps=total, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.02)
    # The exported weights are an average over about the last twentieth of all steps.
    decay = torch.optim.swa_utils.get_ema_multi_avg_fn(1 - 20 / max(total, 40))
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=decay, use_buffers=True)
    order = np.random.permutation(len(digits))
    running = 0.0
    for step in range(total):
        at = step % steps
        if step > 0 and at == 0:
            order = np.random.permutation(len(digits))
        chosen = order[at * options.batch:(at + 1) * options.batch]
        loss = loss_of(network(torch.from_numpy(pictures[chosen]).float() / 255), torch.from_numpy(digits[chosen]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        running = 0.99 * running + 0.01 * loss.item() if step else loss.item()
        if step % 200 == 199:
            print(f"step {step + 1} of {total}: loss {running:.4f}", flush=True)
    return average.module


def export(network: Network, path: Path) -> None:
    model = Scores(network).eval()
    torch.onnx.export(
        model, (torch.zeros(1, 1, 28, 28),), str(path), input_names=["pictures"], output_names=["scores"],
        dynamic_axes={"pictures": {0: "batch"}, "scores": {0: "batch"}}, opset_version=17, dynamo=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build"), help="the folder that prepare.ts wrote")
    parser.add_argument("--out", type=Path, default=Path("model.onnx"))
    parser.add_argument("--all", action="store_true", help="train on the validation part too: for the final model")
    parser.add_argument("--epochs", type=float, default=2.5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.004)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    random.seed(options.seed)
    np.random.seed(options.seed)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)

    digits, _, pictures = read(options.data, "training")
    held_digits, held_variants, held_pictures = read(options.data, "validation")
    if options.all:
        digits, pictures = np.concatenate([digits, held_digits]), np.concatenate([pictures, held_pictures])
    network = train(digits, pictures, options)
    plain = held_variants == 0
    note = " (trained on them)" if options.all else ""
    print(f"validation{note}: {accuracy(network, held_digits[plain], held_pictures[plain]):.4f} as they are, "
          f"{accuracy(network, held_digits[~plain], held_pictures[~plain]):.4f} varied")
    export(network, options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
