"""Single-precision products by OpenBLAS, the one inside numpy's wheels, in a process of its own.

usage: openblas.py M N K FORM    FORM is NN, NT or TN; prints {"value": GFLOP/s, "unit": ...}, median of 7 runs of 50 ms
"""
import json
import os
import statistics
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "2"
import numpy  # noqa: E402 (the number of threads is read when it is loaded)

m, n, k, form = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
random = numpy.random.default_rng(0)
a = random.standard_normal((k, m) if form[0] == "T" else (m, k), dtype=numpy.float32)
b = random.standard_normal((n, k) if form[1] == "T" else (k, n), dtype=numpy.float32)
a, b = a.T if form[0] == "T" else a, b.T if form[1] == "T" else b
c = numpy.empty((m, n), dtype=numpy.float32)


def rate():
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < 0.05:
        numpy.matmul(a, b, out=c)
        count += 1
    return 2e-9 * m * n * k * count / (time.perf_counter() - start)


rate()
print(json.dumps({"value": statistics.median(rate() for _ in range(7)), "unit": "GFLOP/s"}))
