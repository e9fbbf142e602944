"""Streams along one axis that go on along the other; approximations with known errors."""

import numpy as np
import pytest

import orthola
from orthola import IncrementalSVD, Status, SVDConfig
from orthola._lowrank.phases import turned
from tests.lowrank.feeding import holds


def panel_stream(panel, axis, **options):
    """A stream along `axis` of one panel, and its turned block."""
    svd = IncrementalSVD(
        2, axis=axis, log_rotations=True, oversample=0, buffer=1, engine="brand", **options
    )
    for block in np.array_split(panel, 4, axis=axis):
        svd.partial_fit(block)
    parts = dict(svd.right_blocks())
    right = np.concatenate([parts[i] for i in range(len(parts))])
    return svd.state, turned(svd.state, svd.config, right)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_panels_along_the_other_axis(first, dtype):
    """The bound of all phases is the sum, and holds; it is not too wide either."""
    rng = np.random.default_rng(first)
    sharp = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        m = rng.standard_normal((12, 16)) @ np.diag(0.7 ** np.arange(16))
        m = m + 1j * rng.standard_normal((12, 16)) * 0.3 if dtype == "complex128" else m
        m = (2.0**60 * m).astype(dtype)
        panels = np.split(m, 2, axis=1 - first)
        config = SVDConfig(
            features=m.shape[first], rank=2, axis=1 - first, engine="brand", oversample=0, sketch=0
        )
        state, errors = orthola.svd_init(config, dtype=dtype), []
        for panel in panels:
            old, (block, error) = panel_stream(panel, first)
            errors.append(np.sqrt(old.discarded) * 2.0 ** float(old.scale))
            assert (
                error[1] <= error[0] <= errors[-1] + 1e3 * np.finfo(dtype).eps * np.linalg.norm(m)
            )
            state = orthola.svd_update(state, block, config, error=error)
        result = orthola.svd_result(state, config)
        full = m.astype("complex128")
        s = np.linalg.svd(full, compute_uv=False)
        low, high = result.certificate.sigma_interval.T
        assert np.all((low <= s[:2]) & (s[:2] <= high))
        u = result.basis.astype("complex128")
        x = full.conj().T if config.axis == 0 else full
        missing = np.linalg.norm(x - u @ (u.conj().T @ x))
        bound = result.certificate.error[1]
        own = np.sqrt(state.discarded) * 2.0 ** float(state.scale)
        linear = np.linalg.norm(errors) + own
        assert missing <= bound <= linear * (1 + 1e-12) + 2e3 * np.finfo(dtype).eps * s[0]
        sharp += missing > 0.7 * bound
        best = result.certificate.optimum_interval
        assert best[0] <= np.linalg.norm(s[2:]) <= best[1]
    assert sharp > 0


def test_tolerance_counts_what_the_input_lacked():
    rng = np.random.default_rng(1)
    m = rng.standard_normal((60, 20)) @ np.diag(0.5 ** np.arange(20))
    noise = rng.standard_normal(m.shape)
    noise *= 0.05 * np.linalg.norm(m) / np.linalg.norm(noise)
    config = SVDConfig(features=20, tol=0.1, engine="brand")
    state = orthola.svd_init(config)
    for part, e in zip(np.split(m + noise, 3), np.split(noise, 3), strict=True):
        state = orthola.svd_update(state, part, config, error=float(np.linalg.norm(e)))
    result = orthola.svd_result(state, config)
    assert int(result.status) == Status.OK
    missing = np.linalg.norm(m - m @ result.basis @ result.basis.T)
    assert missing <= result.certificate.error[1] <= 0.1 * np.linalg.norm(m)
    careless = SVDConfig(features=20, tol=0.04, engine="brand")
    state = orthola.svd_update(
        orthola.svd_init(careless), m + noise, careless, error=float(np.linalg.norm(noise))
    )
    assert int(orthola.svd_result(state, careless).status) == Status.TOLERANCE_NOT_MET


def test_errors_of_one_phase_add_up_in_squares_over_updates_and_merges():
    rng = np.random.default_rng(2)
    config = SVDConfig(features=5, forget=0.25)
    state = orthola.svd_init(config)
    for error in (3.0, (4.0, 1.0)):
        state = orthola.svd_update(state, rng.standard_normal((6, 5)), config, error=error)
    unit = 4.0 ** float(state.scale)
    assert np.isclose(state.inherited * unit, 0.25 * 9.0 + 16.0)
    assert np.isclose(state.inherited_spectral * unit, 0.25 * 9.0 + 1.0)
    plain = SVDConfig(features=5)
    states = [
        orthola.svd_update(orthola.svd_init(plain), 2.0**k * np.ones((2, 5)), plain, error=e)
        for k, e in ((0, 3.0), (300, 0.0), (1, 4.0))
    ]
    both = orthola.svd_merge(states[0], states[2], plain)
    assert np.isclose(np.sqrt(both.inherited) * 2.0 ** float(both.scale), 5.0)
    assert float(orthola.svd_merge(both, states[1], plain).inherited) < 1e-150
    with pytest.raises(ValueError, match="error >= 0"):
        orthola.svd_update(state, np.ones((2, 5)), config, error=(1.0, -1.0))


def test_turned_needs_a_right_factor_that_was_logged():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((30, 8))
    drip = np.concatenate([np.diag([3.0, 2.5, 2.0]) @ np.eye(3, 8), *([np.eye(8)[3:4]] * 90)])
    svd = IncrementalSVD(3, oversample=0, engine="brand", buffer=1)
    for row in drip:
        svd.partial_fit(row[None, :])
    assert int(svd.result().status) == Status.NOT_EXACT
    with pytest.raises(ValueError, match="side sketch"):
        turned(svd.state, svd.config, np.ones((93, 3)))
    state, _ = panel_stream(x, 0)
    with pytest.raises(ValueError, match="shape"):
        turned(state, SVDConfig(features=8, rank=2, engine="brand"), np.ones((30, 3)))
    unknown = state._replace(flags=state.flags | 1)
    config = SVDConfig(features=8, rank=2, engine="brand", oversample=0)
    assert turned(unknown, config, np.ones((30, 2))).error is None


def test_left_projection():
    m = np.array([[1.0, 0.8], [0.5, -0.6]])
    truth = np.linalg.svd(m, compute_uv=False)
    projected = np.array([[1.0], [0.0]])
    config = SVDConfig(features=2, rank=2, axis=1)
    state = orthola.svd_update(orthola.svd_init(config), projected, config, error=None)
    result = orthola.svd_result(orthola.svd_update(state, m[:, 1:], config), config)
    assert int(result.status) == Status.UNCERTIFIED
    assert result.singular_values[0] > truth[0] + 0.05  # a left compression raised it
    state = orthola.svd_update(orthola.svd_init(config), projected, config, error=0.5)
    result = orthola.svd_result(orthola.svd_update(state, m[:, 1:], config), config)
    assert int(result.status) == Status.OK
    assert holds(result, truth)
    # Both singular values are in two-sided intervals as wide as the error that was given.
    widths = np.diff(result.certificate.sigma_interval, axis=1)
    assert np.allclose(widths[0], 1.0, rtol=1e-12)
    assert widths[1] <= 1.0
    careless = orthola.svd_update(orthola.svd_init(config), projected, config)
    assert not holds(
        orthola.svd_result(orthola.svd_update(careless, m[:, 1:], config), config), truth
    )
    with pytest.raises(ValueError, match="error >= 0"):
        orthola.svd_update(state, m, config, error=-1.0)


def test_axis_mixing():
    """Phases along different axes add up linearly; the root of the squares is too small."""
    rng = np.random.default_rng(0)
    beyond_squares = 0
    for _ in range(60):
        m = rng.standard_normal((12, 16)) @ np.diag(0.7 ** np.arange(16))
        config = SVDConfig(features=16, rank=2, engine="brand", oversample=0, sketch=0)
        state, hats, lost = orthola.svd_init(config), [], 0.0
        for panel in np.split(m, 2):
            svd = orthola.IncrementalSVD(2, axis=1, log_rotations=True, oversample=0, buffer=1)
            for block in np.split(panel, 4, axis=1):
                svd.partial_fit(block)
            parts = dict(svd.right_blocks())
            v = np.concatenate([parts[i] for i in range(4)])
            block, error = turned(svd.state, svd.config, v)
            state = orthola.svd_update(state, block, config, error=error)
            basis = svd.state.factor[:, : v.shape[1]]
            hats.append((basis * svd.state.sigma[: v.shape[1]]) @ v.T)
            lost += svd.state.discarded
        result = orthola.svd_result(state, config)
        u = result.basis
        hat = np.concatenate(hats) @ u @ u.T
        final = np.linalg.norm(m - hat)
        assert final <= result.certificate.error[1]
        assert result.certificate.error[1] <= (np.sqrt(lost) + np.sqrt(state.discarded)) * 1.0001
        assert holds(result, np.linalg.svd(m, compute_uv=False))
        beyond_squares += final > np.sqrt(lost + state.discarded) * (1 + 1e-9)
    assert beyond_squares > 0
