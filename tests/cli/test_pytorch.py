#!/usr/bin/env python3
"""Weights from clsattn into PyTorch's model and back, bit for bit, and the same accuracy and loss on both sides.

usage: test_pytorch.py CLSATTN MAKE_DATA        (needs torch, numpy and safetensors)
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors.torch import load_file, save_file
from torch import nn


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.fc_out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        q, k, v = (part(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        weights = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)
        return self.fc_out((weights @ v).transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    def __init__(self, width, heads, hidden, blocks):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList([nn.LayerNorm(width), nn.ReLU(), Attention(width, heads), nn.LayerNorm(width), nn.ReLU(),
                           nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, width)])
            for _ in range(blocks))

    def forward(self, x):
        for norm1, relu1, attention, norm2, relu2, fc1, norm3, relu3, fc2 in self.layers:
            x = x + attention(relu1(norm1(x)))
            x = x + fc2(relu3(norm3(fc1(relu2(norm2(x))))))
        return x


class Vit(nn.Module):
    """The notebook's model at its own sizes; images are cut in runs of 48 values."""

    def __init__(self):
        super().__init__()
        self.patch_embedding = nn.Linear(48, 64)
        self.positional_embedding = nn.Parameter(torch.zeros(1, 65, 64))
        self.class_token = nn.Parameter(torch.zeros(1, 1, 64))
        self.encoder = Encoder(64, 4, 256, 3)
        self.fc = nn.Linear(64, 10)

    def forward(self, images):
        x = self.patch_embedding(images.reshape(len(images), -1, 48))
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1) + self.positional_embedding
        return self.fc(self.encoder(x)[:, 0])


class NonLocal(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(width, width // 8, 1) for _ in range(3))
        self.o = nn.Conv2d(width // 8, width, 1)

    def forward(self, x):
        keys, values = (nn.functional.max_pool2d(part(x), 2).flatten(2) for part in (self.phi, self.g))
        weights = (self.theta(x).flatten(2).transpose(1, 2) @ keys).softmax(-1)
        return x + self.o((weights @ values.transpose(1, 2)).transpose(1, 2).unflatten(2, x.shape[2:]))


class Cnn(nn.Module):
    """The notebook's model at its own sizes."""

    def __init__(self):
        super().__init__()
        widths = (3, 32, 64, 128, 256, 128)
        for i in range(1, 6):
            setattr(self, f"conv{i}", nn.Conv2d(widths[i - 1], widths[i], 3, padding=1))
            setattr(self, f"sa{i}", NonLocal(widths[i]))
        self.fc = nn.Linear(128, 10)

    def forward(self, x):
        for i in range(1, 6):
            x = getattr(self, f"sa{i}")(getattr(self, f"conv{i}")(x).relu())
        return self.fc(x.mean((2, 3)))


def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{command}: exit {result.returncode}: {result.stderr}")
    return result.stdout


def test_images(path):
    records = numpy.fromfile(path, numpy.uint8).reshape(-1, 3073)
    pixels = torch.from_numpy(records[:, 1:].copy()).float().reshape(-1, 3, 32, 32)
    return (pixels / 255 - 0.5) / 0.5, torch.from_numpy(records[:, 0].astype(numpy.int64))


def assert_same_bits(ours, theirs):
    assert ours.keys() == theirs.keys(), set(ours) ^ set(theirs)
    for name in ours:
        assert ours[name].numpy().tobytes() == theirs[name].numpy().tobytes(), name


def check(clsattn, folder, name, model, train_options, load_options):
    """Trains `name` for a moment, loads the weights into `model`, and takes PyTorch's copy of them back."""
    weights, back = folder / name / "model.safetensors", folder / f"{name}-back"
    run(clsattn, "train", "--model", name, "--data", folder, "--batch", 20, "--out", folder / name, *train_options)
    ours = load_file(weights)

    model.load_state_dict(ours, strict=True)
    images, labels = test_images(folder / "test_batch.bin")
    with torch.no_grad():
        logits = model(images)
    loss = nn.functional.cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    told = json.loads(run(clsattn, "eval", "--json", "--weights", weights, "--data", folder))
    assert abs(told["loss"] - loss) < 1e-5, (told["loss"], loss)
    assert abs(told["accuracy"] - accuracy) < 1e-9, (told["accuracy"], accuracy)

    # back: as PyTorch's users save it, without metadata; a step of learning rate 0 leaves every bit
    theirs = folder / f"{name}-pytorch.safetensors"
    save_file(model.state_dict(), theirs)
    again = json.loads(run(clsattn, "eval", "--json", "--weights", theirs, "--data", folder, "--model", name, *load_options))
    assert again["loss"] == told["loss"], (again["loss"], told["loss"])
    run(clsattn, "train", "--model", name, "--data", folder, "--epochs", 1, "--limit-train", 1, "--limit-test", 1,
        "--batch", 1, "--lr", 0, "--out", back, "--init", theirs)
    assert_same_bits(ours, load_file(back / "model.safetensors"))


def main(clsattn, make_data):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run(make_data, folder, 200, 40)
        check(clsattn, folder, "vit", Vit(), ["--epochs", 2], ["--patches", "rows"])
        check(clsattn, folder, "cnn", Cnn(), ["--epochs", 1, "--limit-train", 40], [])
    print("all held")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
