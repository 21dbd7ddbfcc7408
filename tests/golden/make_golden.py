#!/usr/bin/env python3
"""Makes a small golden file for a ViT: parameters, images and what PyTorch computes from them.

usage: make_golden.py OUT [--patches rows|grid] [--image N --patch N --embed N --heads N --layers N --hidden N
                           --classes N] [--seed N] [--batch N] [--steps N] [--lr F] [--attn-gain F]

The files kept beside this script:
  make_golden.py vit-tiny.safetensors --seed 1
  make_golden.py vit-grid-tiny.safetensors --seed 2 --patches grid --image 12 --embed 12 --heads 3 --layers 1 \\
                 --hidden 20 --classes 5
  make_golden.py vit-peaked-tiny.safetensors --seed 3 --batch 5 --attn-gain 8

Needs torch, numpy and safetensors. The same arguments give the same file, byte for byte, on the same versions.

Parameters and images are drawn in float32 and computed with in float64; results are rounded to float32. The file holds
`param.NAME`, `inputs_all` [steps, batch, 3, image, image], `labels_all` [steps, batch]; of the first step `input`,
`labels`, `logits`, `loss`, `grad.NAME` and, after its update by Adam, `after1.NAME`; `losses` [steps], each taken before
its update; `final_logits`, of `input` after the last update. Metadata: model (vit, or vitp: grid patches), sizes (JSON),
seed, batch, steps, lr, attn_gain. --attn-gain multiplies the query and key projections, as default initial values leave
the softmax nearly uniform.
"""
import argparse
import json
import math

import numpy
import torch
from safetensors.torch import save
from torch.nn import functional

CHANNELS = 3
SIZES = {"image": 8, "patch": 4, "embed": 8, "heads": 2, "layers": 2, "hidden": 16, "classes": 3}


def initial_parameters(sizes, seed):
    """Name -> float32 tensor: PyTorch's default initial values, in the order the modules would be built in."""
    torch.manual_seed(seed)
    params = {}
    embed, hidden = sizes["embed"], sizes["hidden"]

    def linear(name, inputs, outputs):
        module = torch.nn.Linear(inputs, outputs)
        params[name + ".weight"], params[name + ".bias"] = module.weight.data, module.bias.data

    def norm(name, width):
        params[name + ".weight"], params[name + ".bias"] = torch.ones(width), torch.zeros(width)

    tokens = (sizes["image"] // sizes["patch"]) ** 2 + 1
    linear("patch_embedding", CHANNELS * sizes["patch"] ** 2, embed)
    params["positional_embedding"] = torch.randn(1, tokens, embed)
    for index in range(sizes["layers"]):
        block = f"encoder.layers.{index}."
        norm(block + "0", embed)
        for projection in ("query", "key", "value", "fc_out"):
            linear(block + "2." + projection, embed, embed)
        norm(block + "3", embed)
        linear(block + "5", embed, hidden)
        norm(block + "6", hidden)
        linear(block + "8", hidden, embed)
    params["class_token"] = torch.randn(1, 1, embed)
    linear("fc", embed, sizes["classes"])
    return params


def sharpen_attention(params, gain):
    for name, value in params.items():
        if ".query." in name or ".key." in name:
            value.mul_(gain)


def cut_patches(images, patch, grid):
    """[batch, 3, image, image] -> [batch, patches, 3 patch^2]."""
    if not grid:
        return images.reshape(len(images), -1, CHANNELS * patch * patch)
    squares = images.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # batch, channel, row, y, column, x
    return squares.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def logits_of(params, sizes, grid, images):
    """The model as a function of its parameters."""

    def linear(name, x):
        return x @ params[name + ".weight"].T + params[name + ".bias"]

    def norm_relu(name, x):
        weight, bias = params[name + ".weight"], params[name + ".bias"]
        return functional.layer_norm(x, weight.shape, weight, bias, eps=1e-5).relu()

    def attention(name, x):
        query, key, value = (
            linear(f"{name}.{part}", x).unflatten(2, (sizes["heads"], -1)) for part in ("query", "key", "value")
        )
        scores = torch.einsum("nqhd,nthd->nhqt", query, key) / math.sqrt(query.shape[-1])
        return linear(name + ".fc_out", torch.einsum("nhqt,nthd->nqhd", scores.softmax(-1), value).flatten(2))

    patches = linear("patch_embedding", cut_patches(images, sizes["patch"], grid))
    class_token = params["class_token"].expand(len(images), 1, -1)
    x = torch.cat((class_token, patches), 1) + params["positional_embedding"]
    for index in range(sizes["layers"]):
        block = f"encoder.layers.{index}."
        x = x + attention(block + "2", norm_relu(block + "0", x))
        x = x + linear(block + "8", norm_relu(block + "6", linear(block + "5", norm_relu(block + "3", x))))
    return linear("fc", x[:, 0])


def smooth_images(seed, steps, batch, image, classes):
    """Labels, and for each a wave whose direction and length follow from the class, with noise, as bytes; these become
    floats the way a data set's do: (byte / 255 - 0.5) / 0.5 in float32."""
    random = numpy.random.RandomState(seed)
    labels = random.randint(0, classes, (steps, batch))
    y, x = numpy.mgrid[0:image, 0:image] / image
    across, down = (1 + labels % 3)[..., None, None, None], (1 + labels // 3)[..., None, None, None]
    phase = random.uniform(0, 2 * math.pi, (steps, batch, CHANNELS, 1, 1))
    wave = numpy.sin(2 * math.pi * (across * x + down * y) / 2 + phase)
    noise = random.normal(0, 12, (steps, batch, CHANNELS, image, image))
    pixels = numpy.clip(numpy.rint(127.5 + 90 * wave + noise), 0, 255).astype(numpy.uint8)
    images = (torch.from_numpy(pixels).to(torch.float32) / 255 - 0.5) / 0.5
    return images, torch.from_numpy(labels.astype(numpy.int64))


def train(params, sizes, grid, images, labels, lr):
    """Trains `params` in place; returns what there is to compare, in float64."""
    results, losses = {}, []
    optimizer = torch.optim.Adam(params.values(), lr=lr)
    for step, (x, y) in enumerate(zip(images, labels)):
        optimizer.zero_grad()
        logits = logits_of(params, sizes, grid, x)
        loss = functional.cross_entropy(logits, y)
        loss.backward()
        losses.append(loss.detach().clone())
        if step == 0:
            results |= {"logits": logits.detach().clone(), "loss": losses[0]}
            results |= {"grad." + name: value.grad.clone() for name, value in params.items()}
        optimizer.step()
        if step == 0:
            results |= {"after1." + name: value.detach().clone() for name, value in params.items()}
    with torch.no_grad():
        results |= {"losses": torch.stack(losses), "final_logits": logits_of(params, sizes, grid, images[0])}
    return results


def golden(sizes, grid, seed, steps, batch, lr, gain):
    """Every tensor of the file, by name."""
    params = initial_parameters(sizes, seed)
    sharpen_attention(params, gain)
    images, labels = smooth_images(seed, steps, batch, sizes["image"], sizes["classes"])
    trained = {name: value.double().requires_grad_() for name, value in params.items()}
    results = train(trained, sizes, grid, images.double(), labels, lr)
    tensors = {"param." + name: value for name, value in params.items()}
    tensors |= {"inputs_all": images, "labels_all": labels, "input": images[0].clone(), "labels": labels[0].clone()}
    tensors |= {name: value.float() for name, value in results.items()}
    return {name: value.contiguous() for name, value in tensors.items()}


def write(path, tensors, metadata):
    """The library orders metadata by chance; sorted, the same content is the same file."""
    content = save(tensors, metadata)
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + content[end:])


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("out")
    parser.add_argument("--patches", choices=("rows", "grid"), default="rows")
    for name, value in SIZES.items():
        parser.add_argument("--" + name, type=int, default=value)
    for name, value in {"seed": 0, "batch": 3, "steps": 5}.items():
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--attn-gain", type=float, default=1.0)
    given = parser.parse_args()
    if given.image % given.patch != 0 or given.embed % given.heads != 0:
        parser.error("the image must be a multiple of the patch, and embed of heads")
    return given


def main():
    given = arguments()
    torch.set_num_threads(1)
    sizes = {name: getattr(given, name) for name in SIZES}
    tensors = golden(sizes, given.patches == "grid", given.seed, given.steps, given.batch, given.lr, given.attn_gain)
    metadata = {
        "model": "vitp" if given.patches == "grid" else "vit",
        "sizes": json.dumps(sizes),
        "optimizer": "Adam betas=(0.9,0.999) eps=1e-8 wd=0",
        "loss": "cross_entropy mean",
        "dtype": "float64",
        "torch": torch.__version__,
    }
    metadata |= {name: str(getattr(given, name)) for name in ("seed", "batch", "steps", "lr", "attn_gain")}
    write(given.out, tensors, metadata)
    print(given.out, "losses", [round(value, 4) for value in tensors["losses"].tolist()])


if __name__ == "__main__":
    main()
