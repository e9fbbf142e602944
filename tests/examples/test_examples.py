"""Every example runs to its end, says what it found, and draws its figure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))

# What an example has to have said, and the extra libraries that it needs.
SAYS = {
    "plot_certified_layers_jax": ("jax", "altered by attacks within the certified radius: 0"),
    "plot_drifting_sensors": ("numpy", "the last dictionary is the same: True"),
    "plot_embedding_translation": ("numpy", "finds itself 0.99"),
    "plot_larger_than_memory": ("numpy", "true singular values inside their intervals: True"),
    "plot_latent_directions": ("torch", "projector 6 within"),
    "plot_merge_finetuned_weights": ("torch", "singular values of the base to"),
    "plot_patch_denoising": ("numpy", "learnt           PSNR 26."),
    "plot_shared_bases": ("numpy", "groups beyond their limit: 0"),
    "plot_token_transplant": ("numpy", "omp, 4 tokens             cosine 0.96"),
    "plot_orthogonal_rnn": ("torch", "||W^T W - I||_2 after training:"),
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_and_draws_its_figure(path, tmp_path):
    library, words = SAYS.get(path.stem, ("numpy", ""))
    for name in ("matplotlib", "sklearn", library):
        pytest.importorskip(name, reason=f"{name} is not installed")
    figure = tmp_path / "figure.png"
    run = subprocess.run(
        [sys.executable, path, figure],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 0, run.stderr
    assert words in run.stdout
    assert figure.stat().st_size > 5000
