"""Two embedding spaces: the anchors give the rotation, other things bring means of their own."""

from __future__ import annotations

import numpy as np

import orthola


def aligned_texts(linear):
    """Largest error of texts that reuse the rotation found on images, with their own means."""
    rng = np.random.default_rng(0)
    images, texts = rng.standard_normal((500, 8)), rng.standard_normal((300, 8)) + 2.0
    new_images, new_texts = images @ linear + 1.0, texts @ linear - 3.0
    fit = orthola.procrustes(images, new_images, translation=True)
    r = fit.transform.rotation
    own = orthola.OrthogonalTransform(r, 1.0, new_texts.mean(0) - texts.mean(0) @ r)
    wrong = np.max(np.abs(fit.transform.apply(texts) - new_texts))
    return np.max(np.abs(own.apply(texts) - new_texts)), wrong


def test_alignment_means_differ():
    own, wrong = aligned_texts(orthola.haar(8, rng=0))
    assert own <= 1e-12
    assert wrong > 1.0  # the shift of the images is not theirs


def test_alignment_of_a_linear_map_that_is_not_orthogonal_is_not_exact():
    own, _ = aligned_texts(np.random.default_rng(1).standard_normal((8, 8)))
    assert own > 0.1
