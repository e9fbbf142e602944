"""
Singular values of a matrix larger than the memory
==================================================

All patches of 16 x 16 pixels of one photograph, in colour: a picture of less than a megabyte
becomes a matrix of 400. It lies in a file. A process that may not have a third of it in memory maps
the file and reads it block by block: the leading singular values come with intervals that hold the
true ones, and the basis with a certificate of what it leaves out. How wide are they, how much
memory did it take, and what do the leading patches look like?

Run it as ``python examples/plot_larger_than_memory.py [figure.png]``.
"""

# %%
# The matrix goes to its file row of pixels by row of pixels; it is never in memory either.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

SIDE, STEP, RANK = 16, 2, 24
LIMIT = 128 * 2**20  # bytes that the process may have beyond what its libraries take

room = tempfile.TemporaryDirectory()
folder = Path(room.name)
image = load_sample_image("china.jpg").astype(np.float32) / 255
windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE, 3))[::STEP, :, 0]
rows, features = windows.shape[0] * windows.shape[1], SIDE * SIDE * 3
matrix = np.lib.format.open_memmap(
    folder / "patches.npy", mode="w+", dtype=np.float32, shape=(rows, features)
)
for i, strip in enumerate(windows):
    matrix[i * len(strip) : (i + 1) * len(strip)] = strip.reshape(-1, features)
size = matrix.nbytes
del matrix

# %%
# The process: the limit is the operating system's, where it has one for the memory of a process
# (Linux), and counts everything that is not the mapped file. `fit_blocks` reads a block at a time;
# the certificate needs no second look. 768 features are few beside 130,000 rows, so X^H X is summed
# up, in double precision because the data are in single.

PROCESS = """
import sys
import threading
import numpy as np
import orthola

file, rank, limit, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
warm = orthola.IncrementalSVD(rank=2).partial_fit(np.eye(64, 32, dtype=np.float32)).result()


def memory(kind):
    try:
        lines = open("/proc/self/status").read().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(kind))


before = memory("RssAnon")
if before:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, (memory("VmData") + limit,) * 2)
    try:
        np.ones((2 * limit,), np.uint8)
        raise SystemExit("the limit does not hold")
    except MemoryError:
        pass
most, done = before, threading.Event()


def watch():
    global most
    while not done.wait(0.005):
        most = max(most, memory("RssAnon"))


watcher = threading.Thread(target=watch)
watcher.start()
stream = orthola.IncrementalSVD(rank=rank, engine="exact-gram")
stream.fit_blocks(np.load(file, mmap_mode="r"))
found = stream.result()
done.set()
watcher.join()
np.savez(
    out, values=found.singular_values, basis=found.components,
    intervals=found.certificate.sigma_interval, error=found.certificate.error,
    norm=found.norm, taken=most - before,
)
"""
subprocess.run(
    [
        sys.executable, "-c", PROCESS, str(folder / "patches.npy"), str(RANK), str(LIMIT),
        str(folder / "found.npz"),
    ],
    check=True,
    env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},  # each thread of BLAS has its own memory
)  # fmt: skip
found = np.load(folder / "found.npz")
taken = int(found["taken"])
sizes = np.array([size, LIMIT, taken]) / 2**20
print("matrix {:.0f} MiB, limit {:.0f} MiB, taken {:.0f} MiB".format(*sizes))

# %%
# The truth, from sums that this process, without a limit, takes in double precision.

gram = np.zeros((features, features))
matrix = np.load(folder / "patches.npy", mmap_mode="r")
for begin in range(0, rows, 10_000):
    block = matrix[begin : begin + 10_000].astype(np.float64)
    gram += block.T @ block
truth = np.sqrt(np.linalg.eigvalsh(gram)[::-1])
del matrix
room.cleanup()
low, high = found["intervals"][:RANK].T
inside = np.all((low <= truth[:RANK]) & (truth[:RANK] <= high))
left_out = np.sqrt(np.sum(truth[RANK:] ** 2))
print(f"true singular values inside their intervals: {inside}")
print(f"widest interval: {np.max((high - low) / truth[:RANK]):.1e} of the value")
print(f"left out by rank {RANK}: {left_out / truth[0]:.4f} of the largest; certified at most "
      f"{found['error'][1] / truth[0]:.4f}")  # fmt: skip

# %%
# The leading right singular vectors are patches themselves: brightness, then edges and colours.

figure = plt.figure(figsize=(9, 4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
left.suptitle(f"Leading {RANK} right singular vectors, as patches", fontsize=10)
for axes, patch in zip(left.subplots(4, RANK // 4).flat, found["basis"], strict=True):
    patch = patch.reshape(SIDE, SIDE, 3)
    axes.imshow(0.5 + 0.5 * patch / np.abs(patch).max())
    axes.set_axis_off()
axes = right.subplots()
names = ("matrix", "limit", "taken")
bars = axes.bar(names, sizes, color=["0.6", "0.8", "tab:blue"])
axes.bar_label(bars, fmt="%.0f")
axes.set_ylabel("MiB")
axes.set_title("Memory beyond the libraries' own", fontsize=10)
axes.spines[["top", "right"]].set_visible(False)

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
