"""Published coefficient tables for approximate orthogonalization, with their sources."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PRESETS", "Preset"]


class Preset(NamedTuple):
    """A fixed list of odd polynomials."""

    rows: tuple[tuple[float, ...], ...]  # coefficients of x, x^3, x^5 for each step
    repeats: bool  # published to go on with its last row for as many steps as wanted


_JORDAN = (3.4445, -4.7750, 2.0315)

PRESETS: dict[str, Preset] = {
    # K. Jordan et al. (2024), Muon; the constant triple of torch.optim.Muon. Steepest slope at 0
    # for which values stay near 1: it does not converge.
    "muon": Preset((_JORDAN,) * 5, repeats=True),
    # J. You (2025); "dion" in optax, "quintic" in NVIDIA Emerging-Optimizers, and the default of
    # Dao-AILab gram-newton-schulz.
    "you": Preset(
        (
            (4.0848, -6.8946, 2.9270),
            (3.9505, -6.3029, 2.6377),
            (3.7418, -5.5913, 2.3037),
            (2.8769, -3.1427, 1.2046),
            (2.8366, -3.0525, 1.2012),
        ),
        repeats=False,
    ),
    # Amsel, Persson, Musco, Gower, arXiv:2505.16932, safety 1.01, rounded to four decimals as in
    # NVIDIA Emerging-Optimizers.
    "polar-express-8": Preset(
        (
            (8.2051, -22.9019, 16.4607),
            (4.0664, -2.8612, 0.5184),
            (3.9096, -2.8234, 0.5250),
            (3.2856, -2.4153, 0.4853),
            (2.2779, -1.6198, 0.3985),
            (1.8726, -1.2307, 0.3585),
            (1.8564, -1.2132, 0.3568),
            (1.8750, -1.2500, 0.3750),
        ),
        repeats=True,
    ),
    # The same method as used in modded-nanogpt and microsoft/dion: lower bound 1e-3, cushion 0.02,
    # safety 1.02, with the contracted polynomials driving the interval.
    "polar-express-nanogpt": Preset(
        (
            (8.156554524902461, -22.48329292557795, 15.878769915207462),
            (4.042929935166739, -2.808917465908714, 0.5000178451051316),
            (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
            (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
            (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
        ),
        repeats=False,
    ),
    # Grishina, Smirnov, Rakhuba, arXiv:2506.10935; digits of NVIDIA Emerging-Optimizers.
    "cans": Preset(
        (
            (8.4703, -25.1081, 18.6293),
            (4.1828, -3.1087, 0.5806),
            (3.9619, -2.9541, 0.5630),
            (3.2866, -2.4647, 0.5074),
            (2.2737, -1.6447, 0.4162),
        ),
        repeats=False,
    ),
    # F. Cesista (2025), eight-step set.
    "cesista-8": Preset(
        (
            (7.2086, -15.5131, 9.0178),
            (3.9623, -2.5813, 0.4542),
            (3.9466, -2.5765, 0.4544),
            (3.8991, -2.5671, 0.4566),
            (3.7186, -2.5308, 0.4653),
            (3.1390, -2.3073, 0.4733),
            (2.1715, -1.5246, 0.3885),
            (1.8648, -1.2224, 0.3577),
        ),
        repeats=False,
    ),
    # DeepSeek-V4 technical report; digits of NVIDIA Emerging-Optimizers. Jordan's triple, then two
    # steps that converge.
    "deepseek-v4": Preset((_JORDAN,) * 8 + ((2.0, -1.5, 0.5),) * 2, repeats=True),
    # arXiv:2606.00371; digits of NVIDIA Emerging-Optimizers. Two products a step; beyond its
    # domain the sign of a singular value flips.
    "cubic5": Preset(
        (
            (3.3656576, -3.3420992),
            (2.5744352, -1.4957376),
            (2.5368962, -1.4312570),
            (2.4418906, -1.2764040),
            (2.2230472, -0.9630650),
        ),
        repeats=False,
    ),
}
