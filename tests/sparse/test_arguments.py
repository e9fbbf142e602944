"""What `omp` refuses, and how it says so; what `explain` tells."""

from __future__ import annotations

import numpy as np
import pytest

import orthola
from orthola import omp
from tests.sparse.forms import unit_atoms

A = unit_atoms(6, 4)
Y = unit_atoms(3, 4, rng=1)


def test_k_above_atoms():
    with pytest.raises(ValueError, match=r"n_nonzero <= min\(n_atoms, n_features\) = 4, got 5"):
        omp(Y, A, n_nonzero=5)
    with pytest.raises(ValueError, match="= 2, got 3"):
        omp(Y, A[:2], n_nonzero=[1, 3, 2])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, ValueError, "n_nonzero, tol or both, got neither"),
        ({"n_nonzero": -1}, ValueError, "n_nonzero >= 0"),
        ({"n_nonzero": 1.5}, TypeError, "n_nonzero to be an integer"),
        ({"n_nonzero": [1.0, 2.0, 1.0]}, TypeError, "integers for n_nonzero"),
        ({"n_nonzero": [1, 2]}, ValueError, r"n_nonzero to be a number or of shape \(3,\)"),
        ({"tol": -0.1}, ValueError, "tol"),
        ({"tol": [0.1, -0.1, 0.1]}, ValueError, "tol >= 0"),
        ({"tol": "tight"}, TypeError, "tol to be a real number"),
        ({"tol": [0.1, 0.2]}, ValueError, "tol to be a number or of shape"),
        ({"n_nonzero": 1, "gram": np.eye(5)}, ValueError, r"gram of shape \(..., 6, 6\)"),
        ({"n_nonzero": 1, "gram": 2.0 * A @ A.T}, ValueError, "another dictionary"),
        ({"n_nonzero": 1, "exclude": [True, False]}, ValueError, "with n_atoms = 6"),
        ({"n_nonzero": 1, "exclude": [0.5] * 6}, TypeError, "exclude to be bool"),
        ({"n_nonzero": 1, "exclude": [1, 2]}, ValueError, "integers"),
        ({"n_nonzero": 1, "exclude": [[6]] * 3}, ValueError, "from 0 to n_atoms - 1 = 5.*got 6"),
        ({"n_nonzero": 1, "exclude": [[-2]] * 3}, ValueError, "padded with -1, got -2"),
        ({"n_nonzero": 1, "exclude": [[1], [2, 3]]}, TypeError, "rows of equal length in exclude"),
        ({"n_nonzero": 1, "exclude": 3}, TypeError, "exclude as an array"),
        ({"n_nonzero": 1, "exclude": np.zeros((2, 6), bool)}, ValueError, "batch axes"),
        ({"n_nonzero": 1, "selection": "mp"}, ValueError, "did you mean 'omp'"),
        ({"n_nonzero": 1, "selection": "ols", "nonnegative": True}, ValueError, "nonnegative"),
        ({"n_nonzero": 1, "search_dtype": "float16"}, ValueError, "search_dtype"),
        ({"n_nonzero": 1, "dependence_tol": 2.0}, ValueError, "dependence_tol"),
        ({"n_nonzero": 1, "max_memory": 0}, ValueError, "max_memory"),
    ],
)  # fmt: skip
def test_mistakes_are_named(options, error, words):
    with pytest.raises(error, match=words):
        omp(Y, A, **options)


def test_shapes_are_named():
    with pytest.raises(ValueError, match=r"signals of shape.*row with signals\[None, :\]"):
        omp(Y[0], A, n_nonzero=1)
    with pytest.raises(ValueError, match=r"one length M, got \(3, 4\) and \(4, 6\)"):
        omp(Y, A.T, n_nonzero=1)
    with pytest.raises(ValueError, match="leading axes that broadcast"):
        omp(np.zeros((2, 3, 4)), np.zeros((3, 6, 4)), n_nonzero=1)
    with pytest.raises(TypeError, match="real arrays with nonnegative"):
        omp(Y + 0j, A, n_nonzero=1, nonnegative=True)
    with pytest.raises(TypeError, match="omp: expected an array"):
        omp("signals", A, n_nonzero=1)


def test_traced_numbers_per_signal_are_refused():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    with pytest.raises(TypeError, match="traced array"):
        jax.jit(lambda k: omp(jax.numpy.asarray(Y), jax.numpy.asarray(A), n_nonzero=k))(
            np.array([1, 2, 1])
        )


def test_options_of_another_library_are_refused():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(TypeError, match="tol as an array from NumPy"):
        omp(Y, A, tol=torch.tensor([0.1, 0.1, 0.1]))


def test_explain_tells_form_and_tiles():
    plan = orthola.explain(omp, np.zeros((5000, 64)), np.zeros((256, 64)), n_nonzero=8)
    assert plan["form"] == "stored-rows"
    assert plan["rule"] == "omp"
    assert plan["atoms"] == "8 per signal at most"
    few = np.zeros((2, 64))  # signals, for which a Gram matrix would not pay
    plan = orthola.explain(omp, few, np.zeros((256, 64)), n_nonzero=3, tol=0.1, normalize=True)
    assert plan["form"] == "residual"
    assert plan["rule"] == "normalized"
    plan = orthola.explain(
        omp, np.zeros((5000, 64)), np.zeros((256, 64)), n_nonzero=8, search_dtype="float32"
    )
    assert plan["search"] == "float32"


def test_conversions_of_codes():
    codes = omp(Y, A, n_nonzero=2)
    sparse = codes.to_csr(6)
    assert sparse.shape == (3, 6)
    np.testing.assert_array_equal(sparse.toarray(), codes.dense(6))
    np.testing.assert_allclose(codes.reconstruct(A), codes.dense(6) @ A, rtol=1e-13)
    stacked = omp(np.stack([Y, Y]), A, n_nonzero=2)
    np.testing.assert_array_equal(stacked.to_csr(6).toarray()[3:], sparse.toarray())
    for method in (codes.dense, codes.to_csr):
        with pytest.raises(ValueError, match="n_atoms of the dictionary"):
            method(2)
