"""
A recurrent cell whose memory does not fade
===========================================

A recurrent network reads an image pixel by pixel, in a fixed shuffled order, and says at the end
which digit it was. What the first pixels said has then been multiplied by the recurrent weight 64
times: with an ordinary weight it can fade or explode, with an orthogonal one it cannot.

Run it as ``python examples/plot_orthogonal_rnn.py [figure.png]``.
"""

# %%
# The data: 8 x 8 digits as sequences of 64 single pixels.

import sys

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from orthola.adapters.torch import orthogonal, rebase

UNITS, EPOCHS, BATCH = 64, 12, 64

digits = load_digits()
order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[:, order]
y = torch.tensor(digits.target)
x_train, x_test, y_train, y_test = train_test_split(
    x, y, test_size=450, random_state=0, stratify=digits.target
)

# %%
# The cell is one line, ``h = |W h + V x|``. The absolute value changes nothing but signs, so with
# an orthogonal W a gradient is as long after a step as before it.


class Reader(torch.nn.Module):
    """Reads a sequence of numbers and names one of ten classes."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.read = torch.nn.Linear(1, UNITS)
        self.remember = torch.nn.Linear(UNITS, UNITS, bias=False)
        self.name = torch.nn.Linear(UNITS, 10)
        if kind != "free":
            torch.nn.init.orthogonal_(self.remember.weight)
        if kind == "orthogonal":
            orthogonal(self.remember, "weight", "cayley")

    def forward(self, sequence: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Scores of the classes, and the states on the way."""
        states = [torch.zeros(len(sequence), UNITS)]
        weight = self.remember.weight  # made once, used 64 times
        for pixel in self.read(sequence[..., None]).unbind(1):
            states.append((states[-1] @ weight.T + pixel).abs())
        return self.name(states[-1]), states


def train(kind: str) -> tuple[Reader, list[float]]:
    """The trained network, and its accuracy on the test set after every epoch."""
    model = Reader(kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    scores = []
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x_train)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x_train[rows])[0], y_train[rows]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        if kind == "orthogonal":
            rebase(model.remember)
        with torch.no_grad():
            scores.append(float((model(x_test)[0].argmax(1) == y_test).float().mean()))
    return model, scores


def reach(model: Reader) -> list[float]:
    """How much of the gradient at the end arrives at each pixel."""
    out, states = model(x_test)
    loss = torch.nn.functional.cross_entropy(out, y_test)
    norms = [float(bar.norm()) for bar in torch.autograd.grad(loss, states[1:])]
    return [norm / norms[-1] for norm in norms]


# %%
# The same cell three times: orthogonal, free, and free from an orthogonal start.

KINDS = {"orthogonal": "-", "free, orthogonal start": "-.", "free": "--"}
models, scores, reaches = {}, {}, {}
for kind in KINDS:
    models[kind], scores[kind] = train(kind)
    reaches[kind] = reach(models[kind])
    print(
        f"{kind}: accuracy on {len(y_test)} unseen digits {scores[kind][-1]:.3f}; gradient at the "
        f"first of 64 pixels, of that at the last: {reaches[kind][0]:.2g}"
    )
q = models["orthogonal"].remember.weight.detach().double()
defect = float(torch.linalg.matrix_norm(q.T @ q - torch.eye(UNITS, dtype=q.dtype), 2))
print(f"||W^T W - I||_2 after training: {defect:.1e}")

# %%
# Left, how well it reads; right, how much of the gradient comes back: with the constraint it has
# the same length at every pixel.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for kind, style in KINDS.items():
    left.plot(range(1, EPOCHS + 1), scores[kind], style, label=kind)
    right.semilogy(range(1, 65), reaches[kind], style, label=kind)
left.set(xlabel="epoch", ylabel="accuracy on unseen digits", ylim=(0, 1))
left.legend(frameon=False, loc="lower right")
right.set(xlabel="pixel", ylabel="gradient there / at the last pixel")
right.set_yticks((0.5, 1, 2), ("0.5", "1", "2"))
right.set_yticks([], minor=True)
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=120)
