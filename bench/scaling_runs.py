"""Runs of `clsattn train` on slowed devices, and what they say of a step's time."""
import json
import os
import pathlib
import re
import shutil
import statistics
import struct
import subprocess
import sys

COSTS = "# slow: costs of kernels, 1"  # a file's first line, see tests/scaling/costs.c
MEASURING = {"vit": (10, 2), "cnn": (2, 2)}  # steps of an interval, intervals
CALIBRATIONS = {"vit": 8, "cnn": 4}
IMAGES = 7680           # made at once, as much as most runs need
BUCKET_BYTES = 1 << 19  # as in src/train/reducer.c


class Failed(Exception):
    pass


class Runs:
    """One folder for data, costs and runs; devices are PoCL's, all of them the same two cores."""

    def __init__(self, program, folder, devices, steps):
        self.program, self.folder, self.steps = program, pathlib.Path(folder), steps
        self.layer, maker = (program.parent / "tests" / name for name in ("libslow.so", "make_data"))
        for path in (program, self.layer, maker):
            if not path.exists():
                raise Failed(f"{path}: not there; cmake --preset release && cmake --build --preset release makes it")
        self.environment = dict(os.environ, OCL_ICD_VENDORS=os.environ.get("OCL_ICD_VENDORS", "pocl.icd"),
                                POCL_DEVICES=" ".join(["pthread"] * devices), OPENCL_LAYERS=str(self.layer),
                                CLSATTN_SLOW_COSTS=str(self.folder / "costs"),
                                OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.environment.pop("CLSATTN_SLOW", None)
        self.maker, self.images, self.known, self.costs, self.unknown, self.late = maker, 0, set(), {}, 0, 0.0

    def has_ranks(self):
        about = json.loads(self.call([self.program, "--version", "--json"]))
        return "MPI" in about["built_with"] and shutil.which("mpirun") is not None

    def call(self, command, **changes):
        result = subprocess.run([str(c) for c in command], env=dict(self.environment, **changes), capture_output=True,
                                text=True)
        if result.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}: exit {result.returncode}: {result.stderr[-1500:]}")
        self.report = re.findall(r"^slow: .*$", result.stderr, re.MULTILINE)
        return result.stdout

    def data(self, images):
        if images > self.images:
            images = max(images, IMAGES)
            (self.folder / "data").mkdir(exist_ok=True)
            self.call([self.maker, self.folder / "data", images, 20], OPENCL_LAYERS="")
            self.images = images
        return self.folder / "data"

    def train(self, model, batch, factors=None, shares=None, ranks=1, costs=None):
        """Seconds per step: the median of a run's intervals, without the first. Factors: of each device, or of every rank's
        only one. Without, kernels' own costs go to `costs`."""
        interval, count = self.steps[model] if factors else MEASURING[model]
        steps = interval * (count + 1)
        out, devices = self.folder / "run", len(factors or [1]) if ranks == 1 else 1
        shutil.rmtree(out, ignore_errors=True)
        command = [self.program, "train", "--model", model, "--device", ",".join(f"0:{i}" for i in range(devices)),
                   "--data", self.data(batch * steps), "--limit-train", batch * steps, "--batch", batch, "--epochs", 1,
                   "--log-every", interval, "--out", out]
        if devices > 1:
            command += ["--shares", ",".join(map(str, shares))]
        if ranks > 1:
            command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", ranks] + command
        slow = {"CLSATTN_SLOW": ",".join(f"0:{i}={f}" for i, f in enumerate(factors))} if factors else \
            {"CLSATTN_SLOW_COSTS": str(costs)}
        self.call(command, **slow)
        if factors:
            self.judge(model, ranks * devices)
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        at = [row["seconds"] for row in rows if row["type"] == "interval"]
        if len(at) < 2:
            raise Failed(f"{out}: too few intervals")
        return statistics.median((b - a) / interval for a, b in zip(at, at[1:]))

    def judge(self, model, expected):
        if len(self.report) != expected:
            raise Failed(f"{self.layer}: reports {len(self.report)} devices of {expected}: is it loaded by this OpenCL loader?")
        for line in self.report:
            found = {name: float(value) for name, value in re.findall(r"(unknown|took|slowed|early|errors) ([0-9.]+)", line)}
            if found["early"] + found["errors"] > 0:
                raise Failed(f"not slowed as told: {line}")
            self.unknown += int(found["unknown"])
            self.late = max(self.late, found["took"] / found["slowed"] - 1)

    def calibrate(self, model, images):
        """Once for each size: of each kernel the least of its means in some short runs, as other load seldom has a part in all of
        them. The least of single launches would be too little: where one is seen to end late, the next one looks short."""
        if (model, images) in self.known:
            return
        self.known.add((model, images))
        path, steps = self.folder / "costs-new", []
        for _ in range(CALIBRATIONS[model]):
            path.unlink(missing_ok=True)
            steps.append(self.train(model, images, costs=path))
            for line in path.read_text().splitlines()[1:]:
                key, least, mean, *rest = line.split(" ")
                if key not in self.costs or int(mean) < int(self.costs[key][2]):
                    self.costs[key] = [key, least, mean, *rest]
        (self.folder / "costs").write_text("".join(" ".join(c) + "\n" for c in [[COSTS], *self.costs.values()]))
        print(f"  costs of {model} with {images} images: {1000 * min(steps):.1f} ms a step", file=sys.stderr)

    def buckets(self):
        """Bytes of each bucket of the last run's gradients, in the order in which they are reduced; running statistics travel along."""
        with open(self.folder / "run" / "model.safetensors", "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        sizes = [(v["data_offsets"], k) for k, v in header.items() if k != "__metadata__" and "num_batches" not in k]
        buckets, open_bytes = [], 0
        for (start, end), _ in sorted(sizes, reverse=True):
            open_bytes += end - start
            if open_bytes >= BUCKET_BYTES:
                buckets.append(open_bytes)
                open_bytes = 0
        return buckets + ([open_bytes] if open_bytes else [])
