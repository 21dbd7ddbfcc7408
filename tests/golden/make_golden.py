#!/usr/bin/env python3
"""Makes a small golden file for a model: parameters, images and what PyTorch computes from them.

usage: make_golden.py OUT [--model vit|cnn] [--image N --classes N]
                          [--patches rows|grid --patch N --embed N --heads N --layers N --hidden N] [--widths N,N --k N]
                          [--no-norm-relu --final-norm] [--batch-norm --pool N,N --residual N,N --attention N,N]
                          [--seed N] [--batch N] [--steps N] [--lr F] [--attn-gain F]

The files kept beside this script:
  make_golden.py vit-tiny.safetensors --seed 1
  make_golden.py vit-grid-tiny.safetensors --seed 2 --patches grid --image 12 --embed 12 --heads 3 --layers 1 \\
                 --hidden 20 --classes 5
  make_golden.py vit-peaked-tiny.safetensors --seed 3 --batch 5 --attn-gain 8
  make_golden.py cnn-tiny.safetensors --seed 4 --model cnn
  make_golden.py cnn-peaked-tiny.safetensors --seed 5 --model cnn --image 9 --widths 12,7 --k 1 --attn-gain 4
  make_golden.py vit-final-norm-tiny.safetensors --seed 6 --patches grid --no-norm-relu --final-norm
  make_golden.py cnn-batch-norm-tiny.safetensors --seed 7 --model cnn --batch 6 --widths 16,8 --batch-norm --pool 1 \\
                 --residual 1,2 --attention 2
  make_golden.py cnn-residual-tiny.safetensors --seed 8 --model cnn --widths 8,12 --pool 1 --residual 2 --attention 1

Needs torch, numpy and safetensors. The same arguments give the same file, byte for byte, on the same versions.

Parameters and images are drawn in float32 and computed with in float64; results are rounded to float32. The file holds
`param.NAME`, `inputs_all` [steps, batch, 3, image, image], `labels_all` [steps, batch]; of the first step `input`,
`labels`, `logits`, `loss`, `grad.NAME` and, after its update by Adam, `after1.NAME`; `losses` [steps], each taken before
its update; `final_logits`, of `input` after the last update, by a model that evaluates. Running statistics are among the
parameters, without a gradient. Metadata: model (cnn, vit, or vitp: grid patches), sizes (JSON),
seed, batch, steps, lr, attn_gain. --attn-gain multiplies the query (theta) and key (phi) projections, as default initial values leave
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
BUFFERS = ("running_mean", "running_var")
STAGES, SWITCHES = ("pool", "residual", "attention"), ("batch_norm", "norm_relu", "final_norm")
SIZES = {
    "vit": {"image": 8, "patch": 4, "embed": 8, "heads": 2, "layers": 2, "hidden": 16, "classes": 3},
    "cnn": {"image": 8, "widths": [8, 12], "k": 4, "classes": 3},
}


def vit_parameters(sizes, seed):
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
    if sizes.get("final_norm"):
        norm("norm", embed)
    linear("fc", embed, sizes["classes"])
    return params


def has_attention(sizes, stage):
    return stage in sizes.get("attention", range(1, len(sizes["widths"]) + 1))


def cnn_parameters(sizes, seed):
    """The same for the CNN."""
    torch.manual_seed(seed)
    params = {}

    def keep(name, module):
        params[name + ".weight"], params[name + ".bias"] = module.weight.data, module.bias.data

    def convolution(prefix, number, inputs, outputs):
        if not sizes.get("batch_norm"):
            keep(f"{prefix}conv{number}", torch.nn.Conv2d(inputs, outputs, 3))
            return
        params[f"{prefix}conv{number}.weight"] = torch.nn.Conv2d(inputs, outputs, 3, bias=False).weight.data
        norm = torch.nn.BatchNorm2d(outputs)
        keep(f"{prefix}bn{number}", norm)
        for name in BUFFERS:
            params[f"{prefix}bn{number}.{name}"] = getattr(norm, name)

    before = CHANNELS
    for index, width in enumerate(sizes["widths"], 1):
        inner = width // sizes["k"]
        convolution("", index, before, width)
        for number in (1, 2) if index in sizes.get("residual", ()) else ():
            convolution(f"res{index}.", number, width, width)
        for part in ("theta", "phi", "g") if has_attention(sizes, index) else ():
            keep(f"sa{index}.{part}", torch.nn.Conv2d(width, inner, 1))
        if has_attention(sizes, index):
            keep(f"sa{index}.o", torch.nn.Conv2d(inner, width, 1))
        before = width
    keep("fc", torch.nn.Linear(before, sizes["classes"]))
    return params


def sharpen_attention(params, gain):
    for name, value in params.items():
        if any(part in name for part in (".query.", ".key.", ".theta.", ".phi.")):
            value.mul_(gain)


def cut_patches(images, patch, grid):
    """[batch, 3, image, image] -> [batch, patches, 3 patch^2]."""
    if not grid:
        return images.reshape(len(images), -1, CHANNELS * patch * patch)
    squares = images.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # batch, channel, row, y, column, x
    return squares.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def cnn_logits(params, sizes, images, training):
    """The CNN as a function of its parameters: in each stage convolution, ReLU and what `sizes` ask for of batch norm,
    pooling, a residual part, and non-local attention, without a scale. In training it updates running statistics."""

    def conv(name, x, padding=0):
        return functional.conv2d(x, params[name + ".weight"], params.get(name + ".bias"), padding=padding)

    def batch_norm(name, x):
        weight, bias, mean, var = (params[f"{name}.{part}"] for part in ("weight", "bias") + BUFFERS)
        return functional.batch_norm(x, mean, var, weight, bias, training=training, momentum=0.1, eps=1e-5)

    def convolution(prefix, number, x, residual=None):
        x = conv(f"{prefix}conv{number}", x, padding=1)
        if sizes.get("batch_norm"):
            x = batch_norm(f"{prefix}bn{number}", x).relu()
        elif residual is None:
            x = x.relu()
        return x if residual is None else x + residual

    def nonlocal_attention(name, x):
        query = conv(name + ".theta", x).flatten(2)
        key, value = (functional.max_pool2d(conv(f"{name}.{part}", x), 2).flatten(2) for part in ("phi", "g"))
        weights = torch.einsum("ncq,nck->nqk", query, key).softmax(-1)
        return x + conv(name + ".o", torch.einsum("nqk,nck->ncq", weights, value).unflatten(2, x.shape[2:]))

    x = images
    for index in range(1, len(sizes["widths"]) + 1):
        x = convolution("", index, x)
        if index in sizes.get("pool", ()):
            x = functional.max_pool2d(x, 2)
        if index in sizes.get("residual", ()):
            x = convolution(f"res{index}.", 2, convolution(f"res{index}.", 1, x), residual=x)
        if has_attention(sizes, index):
            x = nonlocal_attention(f"sa{index}", x)
    return x.mean((2, 3)) @ params["fc.weight"].T + params["fc.bias"]


def vit_logits(params, sizes, grid, images):
    """The ViT as a function of its parameters."""

    def linear(name, x):
        return x @ params[name + ".weight"].T + params[name + ".bias"]

    def norm(name, x):
        weight, bias = params[name + ".weight"], params[name + ".bias"]
        return functional.layer_norm(x, weight.shape, weight, bias, eps=1e-5)

    def norm_relu(name, x):
        return norm(name, x).relu()

    before = norm_relu if sizes.get("norm_relu", True) else norm

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
        x = x + attention(block + "2", before(block + "0", x))
        x = x + linear(block + "8", norm_relu(block + "6", linear(block + "5", before(block + "3", x))))
    return linear("fc", norm("norm", x[:, 0]) if sizes.get("final_norm") else x[:, 0])


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


def train(params, model, images, labels, lr):
    """Trains `params` in place; returns what there is to compare, in float64. model(params, images, training) gives the
    logits."""
    results, losses = {}, []
    learnt = {name: value for name, value in params.items() if value.requires_grad}
    optimizer = torch.optim.Adam(learnt.values(), lr=lr)
    for step, (x, y) in enumerate(zip(images, labels)):
        optimizer.zero_grad()
        logits = model(params, x, True)
        loss = functional.cross_entropy(logits, y)
        loss.backward()
        losses.append(loss.detach().clone())
        if step == 0:
            results |= {"logits": logits.detach().clone(), "loss": losses[0]}
            results |= {"grad." + name: value.grad.clone() for name, value in learnt.items()}
        optimizer.step()
        if step == 0:
            results |= {"after1." + name: value.detach().clone() for name, value in params.items()}
    with torch.no_grad():
        results |= {"losses": torch.stack(losses), "final_logits": model(params, images[0], False)}
    return results


def golden(name, sizes, grid, seed, steps, batch, lr, gain):
    """Every tensor of the file, by name."""
    if name == "cnn":
        params = cnn_parameters(sizes, seed)
        model = lambda values, x, training: cnn_logits(values, sizes, x, training)
    else:
        params = vit_parameters(sizes, seed)
        model = lambda values, x, _: vit_logits(values, sizes, grid, x)
    sharpen_attention(params, gain)
    images, labels = smooth_images(seed, steps, batch, sizes["image"], sizes["classes"])
    trained = {name: value.double().requires_grad_(not name.endswith(BUFFERS)) for name, value in params.items()}
    results = train(trained, model, images.double(), labels, lr)
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
    parser.add_argument("--model", choices=tuple(SIZES), default="vit")
    numbers = lambda text: [int(number) for number in text.split(",")]
    parser.add_argument("--widths", type=numbers)
    for name in STAGES:
        parser.add_argument("--" + name, type=numbers)
    for name in SWITCHES:
        parser.add_argument("--" + name.replace("_", "-"), action=argparse.BooleanOptionalAction)
    for name in sorted({name for sizes in SIZES.values() for name in sizes} - {"widths"}):
        parser.add_argument("--" + name, type=int)
    for name, value in {"seed": 0, "batch": 3, "steps": 5}.items():
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--attn-gain", type=float, default=1.0)
    given = parser.parse_args()
    sizes = SIZES[given.model]
    sizes = {name: getattr(given, name) or value for name, value in sizes.items()}
    sizes |= {name: getattr(given, name) for name in STAGES + SWITCHES if getattr(given, name) is not None}
    if given.model == "vit" and (sizes["image"] % sizes["patch"] != 0 or sizes["embed"] % sizes["heads"] != 0):
        parser.error("the image must be a multiple of the patch, and embed of heads")
    if given.model == "cnn" and any(width % sizes["k"] != 0 for width in sizes["widths"]):
        parser.error("k must divide every width")
    return given, sizes


def main():
    given, sizes = arguments()
    torch.set_num_threads(1)
    grid = given.patches == "grid"
    tensors = golden(given.model, sizes, grid, given.seed, given.steps, given.batch, given.lr, given.attn_gain)
    metadata = {
        "model": "vitp" if given.model == "vit" and grid else given.model,
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
