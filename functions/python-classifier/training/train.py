"""Trains the classifier: softmax regression on 28 by 28 digits, with numpy alone. Writes weights.npz beside handler.py.

    python3 functions/python-classifier/training/train.py ../shared/data/mnist
"""

import gzip
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])
pixels = np.frombuffer(gzip.decompress((folder / "images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
labels = np.frombuffer(gzip.decompress((folder / "labels-idx1-ubyte.gz").read_bytes())[8:], np.uint8)
pictures = pixels.reshape(-1, 784).astype(np.float32) / 255
# The last of every eight digits is kept for tests.
test = np.arange(len(labels)) % 8 == 7
wanted = np.eye(10, dtype=np.float32)[labels[~test]]
given = pictures[~test]
random = np.random.default_rng(1)
weight, bias = np.zeros((10, 784), np.float32), np.zeros(10, np.float32)
for epoch in range(60):
    order = random.permutation(len(given))
    for at in range(0, len(given), 50):
        rows = order[at : at + 50]
        scores = given[rows] @ weight.T + bias
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        error = scores / scores.sum(axis=1, keepdims=True) - wanted[rows]
        rate = 0.3 / (1 + epoch / 10)
        weight -= rate * (error.T @ given[rows] / len(rows) + 1e-4 * weight)
        bias -= rate * error.mean(axis=0)
right = ((pictures[test] @ weight.T + bias).argmax(axis=1) == labels[test]).mean()
print(f"{right:.1%} of {test.sum()} digits that it never saw")
np.savez_compressed(Path(__file__).parents[1] / "weights.npz", weight=weight.astype(np.float16), bias=bias)
