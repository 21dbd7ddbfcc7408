"""Seconds per step of p ranks: the form, its fit to measurements, and what it says of more devices than there are here.

compute(b) = a0 + a1 b for b images of a rank, measured with one rank. A bucket of n bytes becomes the sum of all by a ring in
2 (p - 1) alpha + 2 (p - 1) / p n beta (alpha-beta: Hockney 1994; the ring: Patarasuk and Yuan 2009). Buckets go one after
the other, each when backward has made it (Li et al., VLDB 2020): a share `backward` of compute has them spread over it by
their bytes, the last at its end, so that this one never hides. What is under way when compute ends is the step's rest.
"""
import math

# Latency of a message (s) and bytes/s of a link in one direction. Adapters' figures leave out what software adds.
NETWORKS = [
    ("1 Gbit Ethernet", 24e-6, 125e6, "IEEE 802.3ab; 47.7 us there and back: Sumimoto et al., GigaE PM, 1998"),
    ("10 Gbit Ethernet", 20e-6, 1.25e9, "IEEE 802.3ae; Hurwitz and Feng, Hot Interconnects 2003 (TCP)"),
    ("100 Gbit Ethernet", 0.8e-6, 12.5e9, "IEEE 802.3ba; ConnectX-6 EN product brief (RDMA, less than that)"),
    ("InfiniBand HDR", 0.6e-6, 25e9, "200 Gbit/s; ConnectX-6 VPI manual (less than that)"),
    ("PCIe 4.0 x16, one box", 1e-6, 31.5e9, "PCI-SIG, 16 GT/s, 128b/130b; about what Neugebauer et al., SIGCOMM 2018, found"),
]
COUNTS = [8, 16, 64, 256, 1024]
BOX = 16         # devices in a box, at most
STRONG = 1024    # images of all devices together
WEAK = 32        # images of each
LARGE = 8192     # images from which on Goyal et al. 2017 saw accuracy fall; theirs were ImageNet's
LAUNCHES = 1e-3  # s: no step takes less, with some 200 launches at 5 us each
BROKEN = 0.8     # efficiency below which something counts as broken


def line(points):
    """Least squares of a0 + a1 b, relative to the values; a0 is not below 0."""
    weights = [1 / y ** 2 for _, y in points]
    sums = [sum(w * x ** i * y ** j for w, (x, y) in zip(weights, points)) for i, j in ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1))]
    s, x, xx, y, xy = sums
    a1 = (s * xy - x * y) / (s * xx - x * x)
    a0 = (y - a1 * x) / s
    return (a0, a1) if a0 >= 0 else (0.0, xy / xx)


def step(compute, p, buckets, alpha, beta, backward):
    """Seconds, and what of them is latency and bandwidth that is not hidden."""
    if p == 1:
        return compute, 0.0
    total, made, free = sum(buckets), 0, 0.0
    for n in buckets:
        made += n
        ready = compute * (1 - backward * (1 - made / total))
        free = max(ready, free) + 2 * (p - 1) * alpha + 2 * (p - 1) / p * n * beta
    return free, free - compute


def error(points, alpha, beta, backward):
    """Of points (seconds, compute, p, buckets): the sum of squares of relative errors."""
    return sum((step(c, p, n, alpha, beta, backward)[0] / y - 1) ** 2 for y, c, p, n in points)


def fit(points):
    """alpha, beta, backward of the least error: a coarse grid, then ever finer steps around its best. And the range of `backward`
    for which that is at most a tenth larger, as measurements may hardly tell."""
    alphas = [0.0] + [10 ** (i / 4) for i in range(-28, -7)]
    betas = [0.0] + [10 ** (i / 4) for i in range(-44, -27)]

    def best(backward):
        at = min(((a, b) for a in alphas for b in betas), key=lambda ab: error(points, *ab, backward))
        least, width = error(points, *at, backward), 1.5
        while width > 1.001:
            near = [(at[0] * x, at[1] * y) for x in (1 / width, 1, width) for y in (1 / width, 1, width)]
            found = min(near, key=lambda ab: error(points, *ab, backward))
            if error(points, *found, backward) < least:
                at, least = found, error(points, *found, backward)
            else:
                width = math.sqrt(width)
        return least, backward, at

    tried = [best(share / 20) for share in range(15)]  # 0 to 0.7
    least, backward, (alpha, beta) = min(tried, key=lambda t: (t[0], abs(t[1] - 0.65)))
    as_good = [t[1] for t in tried if t[0] <= 1.1 * least + 1e-12]
    return {"alpha": alpha, "beta": beta, "backward": backward, "backward_from": min(as_good), "backward_to": max(as_good),
            "error": math.sqrt(least / len(points))}


def predict(device, buckets, network, backward, weak):
    """For each count: images/s, efficiency, and what breaks first. Ideal is what one device does, with the whole batch or with as many
    images, so many times over."""
    name, alpha, bandwidth, _ = network
    a0, a1 = device
    cells, broken = [], None
    for p in COUNTS:
        batch = WEAK if weak else STRONG / p
        if "box" in name and p > BOX:
            cells.append(None)
            continue
        compute = a0 + a1 * math.ceil(batch)
        seconds, exposed = step(compute, p, buckets, alpha, 1 / bandwidth, backward)
        ideal = compute if weak else (a0 + a1 * STRONG) / p
        efficiency = ideal / seconds
        latency = 2 * (p - 1) * alpha * len(buckets)
        transfer = 2 * (p - 1) / p * sum(buckets) / bandwidth
        lacks = {"small batches": compute - ideal, "latency": exposed * latency / (latency + transfer),
                 "bandwidth": exposed * transfer / (latency + transfer)}
        cells.append({"devices": p, "seconds": seconds, "images_per_s": p * batch / seconds, "efficiency": efficiency})
        if efficiency < BROKEN and broken is None:
            broken = f"{max(lacks, key=lacks.get)}, at {p}"
    if broken is None:
        last = cells[-1]
        large = next((p for p in COUNTS if weak and p * WEAK > LARGE and (last is not None or p <= BOX)), None)
        broken = f"the batch, at {large}: {large * WEAK} images" if large else "nothing: no box has more" if last is None else \
            "the batch: no more images"
    return {"network": name, "cells": cells, "breaks": broken}


def predictions(models, backward):
    """models: {name: {"a0", "a1" (s of the device as it is here), "buckets"}}."""
    tables = []
    for model, found in models.items():
        for speed in (1, 100):
            device = (found["a0"] if speed == 1 else max(found["a0"] / speed, LAUNCHES), found["a1"] / speed)
            for weak in (False, True):
                tables.append({"model": model, "speed": speed, "a0": device[0], "a1": device[1], "weak": weak,
                               "rows": [predict(device, found["buckets"], n, backward, weak) for n in NETWORKS]})
    return tables


LEFT_OUT = [
    "Convergence: from what batch on it takes more epochs. With CIFAR-10's 50,000 images a batch of 32,768 makes two steps of an epoch; "
    f"Goyal et al. (2017) kept accuracy up to {LARGE}, on ImageNet and with a warm-up.",
    "Stragglers and jitter: a step waits for its slowest rank, and the more there are, the longer.",
    "Topology and congestion: every link is taken to be free, and all of them equal. Devices in a box share its PCIe.",
    "Other algorithms: MPI takes trees where latency counts, log2(p) instead of p; then latency breaks later than said here.",
    "The way through the host: gradients go from the device to the host and back, beside the network; MPI copies them, too, and moves "
    "on only while the program calls it.",
    "What software adds to adapters' latencies.",
    "When a bucket is ready: by its bytes, though the CNN's first layers have few of them and take long, so that more hides there.",
    "Input: every rank reads its images from its own memory. Evaluation, checkpoints, logs.",
    "Batch norms, which see fewer images the smaller a share is.",
]
