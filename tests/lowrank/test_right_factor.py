"""The other factor of a stream, from rotations that were logged."""

import numpy as np
import pytest

from orthola import IncrementalSVD, Status
from orthola._core import storage
from tests.lowrank.feeding import DATA, fed


def rows_of_v(svd):
    blocks = dict(svd.right_blocks())
    return np.concatenate([blocks[t] for t in range(len(blocks))])


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("center", "forget", "kind"),
    [(False, 1.0, "float64"), (True, 1.0, "complex128"), (True, 0.7, "float64")],
)
def test_right_factor_from_logged_rotations(tmp_path, axis, center, forget, kind):
    rng = np.random.default_rng(6)
    x = (DATA + 3.0 + 0.5j * DATA[::-1]).astype(kind) if kind == "complex128" else DATA + 3.0
    svd = IncrementalSVD(
        4, axis=axis, center=center, forget=forget, log_rotations=True, sketch=2, buffer=40
    )
    cuts = (20, 21, 150, 180, 290)
    parts, weights = np.split(x, cuts), np.split(rng.random(300), cuts)
    weights[2] = np.zeros(129)  # samples that do not count
    sizes = []
    for i, (part, w) in enumerate(zip(parts, weights, strict=True)):
        svd.partial_fit(part if axis == 0 else part.T, w)
        sizes.append(np.full(len(part), forget ** (len(parts) - 1 - i)))
        if i == 3:
            svd.save(tmp_path / "svd.npz")
            svd = IncrementalSVD.load(tmp_path / "svd.npz")
    w = np.concatenate(weights) * np.concatenate(sizes)
    m = x - (w @ x / w.sum()) * center
    m = m * np.sqrt(w)[:, None]
    m = m.conj().T if axis == 0 else m.T
    state = svd.state
    r, v = int(state.rank), rows_of_v(svd)
    unit = np.ldexp(1.0, int(state.scale))
    approximation = (state.factor[:, :r] * state.sigma[:r] * unit) @ v.conj().T
    error = np.linalg.norm(m - approximation)
    assert np.isclose(error**2, state.discarded * unit**2, rtol=1e-10)
    assert np.allclose(v.conj().T @ v, np.eye(r), atol=1e-11)


def test_right_factor_that_is_not_known_any_more():
    rng = np.random.default_rng(7)
    head = np.diag(np.linspace(30.0, 10.0, 10)) @ np.eye(10, 30)
    drip = [2.0 * np.eye(30)[10:11]] * 400
    svd = fed([head, *drip], 10, log_rotations=True, oversample=0, sketch=4, buffer=1)
    assert int(svd.result().status) == Status.NOT_EXACT
    with pytest.raises(ValueError, match="side sketch"):
        svd.right_blocks()
    kept = fed([head, *drip], 10, log_rotations=True, oversample=0, buffer=1)
    assert np.isclose(kept.state.discarded, np.linalg.norm(drip) ** 2)
    assert rows_of_v(kept).shape == (410, 10)
    kept.downdate(drip[0])
    with pytest.raises(ValueError, match="downdate"):
        kept.right_blocks()
    with pytest.raises(ValueError, match="log_rotations"):
        IncrementalSVD(10).merge(kept)
    for options in ({"window": 3}, {"engine": "exact-r"}, {"engine": "randomized"}):
        with pytest.raises(ValueError, match="log_rotations"):
            IncrementalSVD(4, log_rotations=True, **options)
    with pytest.raises(ValueError, match="log_rotations"):
        fed([rng.standard_normal((5, 4))], 2).right_blocks()


def test_rotations_of_the_first_file_format(tmp_path):
    svd = fed(np.array_split(DATA, 9), 4, log_rotations=True, buffer=1)
    svd.save(tmp_path / "new.npz")
    stored = storage.load(tmp_path / "new.npz", "svd stream", version=3)
    arrays = {name: x for name, x in stored.arrays.items() if not name.startswith("rotation")}
    for i, one in enumerate(svd._in.rotations):
        arrays[f"rotation.{i}"] = np.concatenate([one.upper, one.lower])
    header = stored.header | {"rotations": [len(one.roots) for one in svd._in.rotations]}
    storage.save(tmp_path / "old.npz", "svd stream", 1, arrays, header)
    old = IncrementalSVD.load(tmp_path / "old.npz")
    assert np.array_equal(rows_of_v(old), rows_of_v(svd))
