"""The same models and measurements in PyTorch, as a good user would write them.

usage: pytorch.py train|eval cnn|vit [--layout nchw|channels_last] [--compiled] [--fused] [--batch N] [--seconds S]
       pytorch.py block D [--layout L] [--fused]   forward and backward of a non-local block of 8 D channels, batch 100
       pytorch.py core D [--layout L] [--fused]    of what is between its 1 x 1 convolutions
       pytorch.py rss cnn|vit STEPS                peak resident memory after so many steps of training

--fused: in non-local blocks, scaled_dot_product_attention in place of two products and a softmax. Prints one JSON object:
{"value": ..., "unit": ...}. Two threads; the caller sets the allocator's environment.
"""
import argparse
import json
import resource
import time

import torch
from torch import nn
from torch.nn import functional

torch.set_num_threads(2)
WIDTHS = (32, 64, 128, 256, 128)


def attend(theta, phi, g, fused=False):
    """softmax(theta phi^T) g, phi and g max-pooled; [N, D, H, W] -> [N, H * W, D]"""
    query = theta.flatten(2).transpose(1, 2)
    key = functional.max_pool2d(phi, 2).flatten(2).transpose(1, 2)
    value = functional.max_pool2d(g, 2).flatten(2).transpose(1, 2)
    if fused:
        heads = (t.unsqueeze(1) for t in (query, key, value))
        return functional.scaled_dot_product_attention(*heads, scale=1.0).squeeze(1)
    return torch.bmm(torch.bmm(query, key.transpose(1, 2)).softmax(-1), value)


class NonLocal(nn.Module):
    def __init__(self, channels, inner, fused=False):
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.o, self.fused = nn.Conv2d(inner, channels, 1), fused

    def forward(self, x):
        mixed = attend(self.theta(x), self.phi(x), self.g(x), self.fused)
        return x + self.o(mixed.transpose(1, 2).unflatten(2, x.shape[2:]))


class Cnn(nn.Module):
    def __init__(self, fused):
        super().__init__()
        stages, before = [], 3
        for width in WIDTHS:
            stages += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU(), NonLocal(width, width // 8, fused)]
            before = width
        self.stages, self.fc = nn.Sequential(*stages), nn.Linear(before, 10)

    def forward(self, x):
        return self.fc(self.stages(x).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.fc_out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x):
        split = [f(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value)]
        return self.fc_out(functional.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.attend = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), Attention(width, heads))
        self.mlp = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, hidden), nn.LayerNorm(hidden),
                                 nn.ReLU(), nn.Linear(hidden, width))

    def forward(self, x):
        x = x + self.attend(x)
        return x + self.mlp(x)


class Vit(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(48, 64)
        self.class_token = nn.Parameter(torch.randn(1, 1, 64))
        self.position = nn.Parameter(torch.randn(1, 65, 64))
        self.blocks = nn.Sequential(*(Block(64, 4, 256) for _ in range(3)))
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        x = self.embed(x.reshape(len(x), 64, 48))
        x = torch.cat((self.class_token.expand(len(x), -1, -1), x), 1) + self.position
        return self.fc(self.blocks(x)[:, 0])


def build(name, layout, compiled, fused):
    torch.manual_seed(0)
    model = Cnn(fused) if name == "cnn" else Vit()
    if layout == "channels_last" and name == "cnn":
        model = model.to(memory_format=torch.channels_last)
    return torch.compile(model) if compiled else model


def batches(batch, layout):
    """Four batches of images in turn, as bytes, normalised when they are used."""
    images = [torch.randint(0, 256, (batch, 3, 32, 32), dtype=torch.uint8) for _ in range(4)]
    labels = [torch.randint(0, 10, (batch,)) for _ in range(4)]
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    while True:
        for x, y in zip(images, labels):
            yield ((x.float() / 255 - 0.5) / 0.5).contiguous(memory_format=form), y


def trainer(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(x, y):
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def evaluator(model):
    model.eval()

    def step(x, y):
        with torch.inference_mode():
            return model(x).argmax(1)

    return step


def rate(step, data, batch, seconds):
    for _ in range(3):
        step(*next(data))
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step(*next(data))
        count += 1
    return count * batch / (time.perf_counter() - start)


def attention_ms(what, inner, layout, fused):
    """Median of several: forward and backward of a non-local block or of its core, batch 100, 32 x 32."""
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    block = NonLocal(8 * inner, inner, fused).to(memory_format=form)
    shape = (100, 8 * inner if what == "block" else inner, 32, 32)
    count = 1 if what == "block" else 3
    inputs = [torch.randn(shape).contiguous(memory_format=form).requires_grad_() for _ in range(count)]
    forward = block if what == "block" else lambda *x: attend(*x, fused)
    gradient, times = torch.randn_like(forward(*inputs)), []
    for _ in range(9):
        start = time.perf_counter()
        forward(*inputs).backward(gradient)
        times.append(time.perf_counter() - start)
        for x in (*inputs, *block.parameters()):
            x.grad = None
    return 1e3 * sorted(times[2:])[len(times[2:]) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "eval", "block", "core", "rss"))
    parser.add_argument("which")
    parser.add_argument("steps", nargs="?", type=int, default=3)
    parser.add_argument("--layout", default="nchw", choices=("nchw", "channels_last"))
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=6)
    options = parser.parse_args()
    if options.what in ("block", "core"):
        ms = attention_ms(options.what, int(options.which), options.layout, options.fused)
        print(json.dumps({"value": ms, "unit": "ms"}))
        return
    model, data = build(options.which, options.layout, options.compiled, options.fused), batches(options.batch, options.layout)
    step = (evaluator if options.what == "eval" else trainer)(model)
    if options.what == "rss":
        for _ in range(options.steps):
            step(*next(data))
        print(json.dumps({"value": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "unit": "MiB"}))
        return
    print(json.dumps({"value": rate(step, data, options.batch, options.seconds), "unit": "images/s"}))


main()
