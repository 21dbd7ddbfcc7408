"""The same models in tinygrad, trained on the same OpenCL device.

usage: DEV=CL tinygrad_models.py cnn|vit [--batch N] [--steps N]    prints {"value": images/s, "unit": ...}

A compiled step (TinyJit) is timed after three that compile it.
"""
import argparse
import json
import time

from tinygrad import Context, Tensor, TinyJit, nn

WIDTHS = (32, 64, 128, 256, 128)


class NonLocal:
    def __init__(self, channels):
        inner = channels // 8
        self.theta, self.phi, self.g = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.o = nn.Conv2d(inner, channels, 1)

    def __call__(self, x):
        query = self.theta(x).flatten(2).transpose(1, 2)
        key = self.phi(x).max_pool2d((2, 2)).flatten(2)
        value = self.g(x).max_pool2d((2, 2)).flatten(2).transpose(1, 2)
        mixed = ((query @ key).softmax(-1) @ value).transpose(1, 2)
        return x + self.o(mixed.reshape(x.shape[0], -1, *x.shape[2:]))


class Cnn:
    def __init__(self):
        before = (3,) + WIDTHS[:-1]
        self.convs = [nn.Conv2d(a, b, 3, padding=1) for a, b in zip(before, WIDTHS)]
        self.attentions = [NonLocal(width) for width in WIDTHS]
        self.fc = nn.Linear(WIDTHS[-1], 10)

    def __call__(self, x):
        for conv, attention in zip(self.convs, self.attentions):
            x = attention(conv(x).relu())
        return self.fc(x.mean((2, 3)))


class Block:
    def __init__(self, width, heads, hidden):
        self.heads = heads
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(hidden)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def attend(self, x):
        n, tokens, width = x.shape
        q, k, v = (f(x).reshape(n, tokens, self.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value))
        return self.out(q.scaled_dot_product_attention(k, v).transpose(1, 2).reshape(n, tokens, width))

    def __call__(self, x):
        x = x + self.attend(self.norm1(x).relu())
        return x + self.fc2(self.norm3(self.fc1(self.norm2(x).relu())).relu())


class Vit:
    def __init__(self):
        self.embed, self.fc = nn.Linear(48, 64), nn.Linear(64, 10)
        self.class_token, self.position = Tensor.randn(1, 1, 64), Tensor.randn(1, 65, 64)
        self.blocks = [Block(64, 4, 256) for _ in range(3)]

    def __call__(self, x):
        x = self.embed(x.reshape(x.shape[0], 64, 48))
        x = self.class_token.expand(x.shape[0], 1, 64).cat(x, dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.fc(x[:, 0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=("cnn", "vit"))
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    model = {"cnn": Cnn, "vit": Vit}[options.model]()
    optimizer = nn.optim.Adam(nn.state.get_parameters(model), lr=1e-3)

    @TinyJit
    def step(x, y):
        optimizer.zero_grad()
        loss = model((x.float() / 255 - 0.5) / 0.5).sparse_categorical_crossentropy(y).backward()
        optimizer.step()
        return loss.realize()

    x = Tensor.randint(options.batch, 3, 32, 32, low=0, high=256).cast("uint8").realize()
    y = Tensor.randint(options.batch, low=0, high=10).realize()
    with Context(TRAINING=1):
        for _ in range(3):
            step(x, y).item()
        start = time.perf_counter()
        for _ in range(options.steps):
            step(x, y).item()
        seconds = time.perf_counter() - start
    print(json.dumps({"value": options.steps * options.batch / seconds, "unit": "images/s"}), flush=True)


main()
