"""The Householder projector and the block rotation of orthogonal fine-tuning, for PyTorch."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from orthola.testing import gaussian, machine_epsilon, orthogonality, orthonormal

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from orthola.adapters.torch import BlockCayley, HouseholderProjector  # noqa: E402

C = 50.0  # of n eps
# What PyTorch says about itself when a compiler is first used.
OF_TORCH = "ignore:.*torch.jit.script:DeprecationWarning"


def tensor(array):
    return torch.tensor(np.asarray(array))


def assert_near(found, expected, c=C):
    n, eps = max(expected.shape[-2:]), machine_epsilon(str(expected.dtype).removeprefix("torch."))
    torch.testing.assert_close(found, expected, rtol=0, atol=c * n * eps)


def near_isometry(weight, rank):
    """U_k V_k^H of the singular value decomposition."""
    u, _, vh = torch.linalg.svd(weight, full_matrices=False)
    return u[..., :rank] @ vh[..., :rank, :]


# Householder projector


def projected(shape, rank, dtype="float64", *, rng=0):
    layer = torch.nn.Linear(shape[1], shape[0], bias=False, dtype=getattr(torch, dtype))
    with torch.no_grad():
        layer.weight.copy_(tensor(gaussian(*shape, dtype=dtype, rng=rng)))
    given = layer.weight.detach().clone()
    HouseholderProjector(layer, "weight", rank)
    return layer, given


def moved(layer, size=0.5):
    with torch.no_grad():
        for p in layer.parameters():
            p += size * torch.randn(
                p.shape, dtype=p.dtype, generator=torch.Generator().manual_seed(1)
            )
    return layer


CASES = [((4, 6), 3), ((5, 5), 5), ((7, 1), 1), ((64, 48), 10)]


@pytest.mark.parametrize(("shape", "rank"), CASES)
@pytest.mark.parametrize("dtype", ["float64", "complex128", "float32"])
def test_the_projector_starts_at_the_nearest_partial_isometry(shape, rank, dtype):
    layer, given = projected(shape, rank, dtype)
    assert layer.weight.shape == shape
    assert layer.weight.dtype == getattr(torch, dtype)
    assert_near(layer.weight, near_isometry(given, rank), 10 * C)


@pytest.mark.parametrize("flip", [False, True])
def test_projector_initialisation(flip):
    """A weight that is a partial isometry stays what it is, with frames of either determinant."""
    left, right = (tensor(orthonormal(n, 3, rng=n)) for n in (8, 3))
    left[:, 0] *= -1 if flip else 1
    layer = torch.nn.Linear(3, 8, bias=False, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(left @ right.mT)
    HouseholderProjector(layer, "weight", 3)
    assert_near(layer.weight, left @ right.mT)


@pytest.mark.parametrize(("shape", "rank"), CASES)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_singular_values_are_one_and_zero_wherever_the_parameters_are(shape, rank, dtype):
    layer, _ = projected(shape, rank, dtype)
    values = torch.linalg.svdvals(moved(layer).weight.detach())
    expected = torch.zeros_like(values)
    expected[:rank] = 1
    assert_near(values[None], expected[None])


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_gradient_of_the_projector_agrees_with_differences(dtype):
    layer, _ = projected((5, 4), 2, dtype)
    moved(layer)
    names = [name for name, _ in layer.named_parameters()]
    x = torch.eye(4, dtype=getattr(torch, dtype))

    def weight(*values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), x)

    values = [p.detach().clone().requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(weight, values)


def test_the_frames_span_range_and_row_space():
    layer, _ = projected((9, 7), 3)
    moved(layer)
    left, right = HouseholderProjector.frames(layer)
    assert left.shape == (9, 3)
    assert right.shape == (7, 3)
    for frame in (left, right):
        assert orthogonality(frame.detach().numpy()) < C * 9 * machine_epsilon("float64")
    # Direction j of the input is sent to direction j of the output, the sign included.
    assert_near(layer.weight @ right, left)
    assert_near(left @ right.mH, layer.weight)


def test_parameters_are_of_the_size_of_the_rank():
    layer, _ = projected((64, 48), 5)
    assert sum(p.numel() for p in layer.parameters()) == (64 + 48) * 5


def test_a_projector_can_be_assigned_copied_and_saved():
    layer, _ = projected((6, 4), 2)
    moved(layer)
    twin = copy.deepcopy(layer)
    other = tensor(gaussian(6, 4, rng=7))
    twin.weight = other
    assert_near(twin.weight, near_isometry(other, 2))
    assert not torch.equal(layer.weight, twin.weight)
    fresh, _ = projected((6, 4), 2, rng=3)
    assert not any(fresh.load_state_dict(twin.state_dict()))
    assert torch.equal(fresh.weight, twin.weight)


@pytest.mark.filterwarnings(OF_TORCH)
def test_the_projector_compiles_as_one_graph():
    layer, _ = projected((6, 4), 2)
    moved(layer)
    x = tensor(gaussian(3, 4, rng=0))
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x))


def test_projectors_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match="rank <= 3"):
        HouseholderProjector(torch.nn.Linear(3, 4), "weight", 4)
    with pytest.raises(ValueError, match="rank >= 1"):
        HouseholderProjector(torch.nn.Linear(3, 4), "weight", 0)
    with pytest.raises(ValueError, match="'kernel'"):
        HouseholderProjector(torch.nn.Linear(3, 4), "kernel", 1)
    with pytest.raises(ValueError, match="HouseholderProjector"):
        HouseholderProjector.frames(torch.nn.Linear(3, 4))


# Block rotations


def rotation(width=6, block=3, *, dtype=torch.float64, **options):
    layer = BlockCayley(width, block, dtype=dtype, **options)
    with torch.no_grad():
        layer.vectors.copy_(
            torch.randn(layer.vectors.shape, generator=torch.Generator().manual_seed(2))
        )
    return layer


def dense(layer):
    """The block-diagonal matrix by the textbook formula."""
    r = layer.block
    eye = torch.eye(r, dtype=layer.vectors.dtype)
    sign = {"plus": 1.0, "minus": -1.0}[layer.orientation]
    blocks = []
    for vector in layer.vectors.detach():
        a = torch.zeros(r, r, dtype=vector.dtype)
        entries = iter(vector)
        for i in range(r):
            for j in range(i + 1, r):
                a[i, j] = next(entries)
                a[j, i] = -a[i, j]
        s = sign * layer.scale
        blocks.append((eye + s * a) @ torch.linalg.inv(eye - s * a))
    return torch.block_diag(*blocks)


@pytest.mark.parametrize(("scale", "orientation"), [(0.5, "plus"), (1.0, "minus")])
@pytest.mark.parametrize(("width", "block"), [(6, 3), (5, 5), (4, 1)])
def test_the_layer_is_the_block_diagonal_matrix(width, block, scale, orientation):
    layer = rotation(width, block, scale=scale, orientation=orientation)
    x = tensor(gaussian(4, width, shape=(2,), rng=0))
    assert_near(layer(x), x @ dense(layer), 10 * C)
    assert_near(layer(x[0, 0])[None], x[0, :1] @ dense(layer), 10 * C)


def test_orientation_and_scale_of_checkpoints():
    """The same vectors mean four different models; two pairs are adjoint, and 1 is 1/2 of 2A."""
    vectors = tensor(gaussian(2, 3, rng=1))
    read = {
        (scale, orientation): BlockCayley.from_checkpoint(
            vectors, scale=scale, orientation=orientation
        )
        .rotations()
        .detach()
        for scale in (0.5, 1.0)
        for orientation in ("plus", "minus")
    }
    eye = torch.eye(3, dtype=torch.float64)
    assert_near(read[0.5, "plus"] @ read[0.5, "minus"], eye.expand(2, 3, 3))
    assert_near(read[1.0, "minus"], read[1.0, "plus"].mT)
    doubled = BlockCayley.from_checkpoint(2 * vectors, scale=0.5, orientation="plus")
    assert_near(doubled.rotations(), read[1.0, "plus"])
    assert (read[0.5, "plus"] - read[1.0, "plus"]).abs().max() > 0.1
    assert (read[0.5, "plus"] - read[0.5, "minus"]).abs().max() > 0.1
    with pytest.raises(TypeError, match="scale"):
        BlockCayley.from_checkpoint(vectors, orientation="plus")
    with pytest.raises(TypeError, match="orientation"):
        BlockCayley.from_checkpoint(vectors, scale=0.5)


def test_it_starts_as_the_identity():
    x = tensor(gaussian(3, 12, rng=0))
    assert torch.equal(BlockCayley(12, 4, dtype=torch.float64)(x), x)


@pytest.mark.parametrize("orientation", ["plus", "minus"])
def test_a_rotated_input_meets_a_merged_weight_before_and_after_training(orientation):
    """(x R)(R^H W) = x W for bases of any determinant."""
    blocks = tensor(orthonormal(4, 4, shape=(3,), rng=5))
    blocks[1, :, 0] *= -1
    hadamard = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    blocks[2] = torch.kron(hadamard, hadamard) / 2
    layer = BlockCayley.from_rotations(blocks, orientation=orientation)
    assert_near(layer.rotations(), blocks)
    linear = torch.nn.Linear(12, 5, dtype=torch.float64).requires_grad_(False)
    x = tensor(gaussian(7, 12, rng=6))
    target = tensor(gaussian(7, 5, rng=7))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(2):
        rotated = layer.merged(linear.weight)
        torch.testing.assert_close(x @ rotated.mT, linear(layer(x)) - linear.bias)
        # The rotation undone in the weight: nothing has changed.
        undone = torch.einsum("ok,kj->oj", linear.weight, torch.block_diag(*layer.rotations()))
        torch.testing.assert_close(layer(x) @ undone.mT, x @ linear.weight.mT)
        for _ in range(20):
            optimizer.zero_grad()
            (linear(layer(x)) - target).square().sum().backward()
            optimizer.step()
    assert np.max(orthogonality(layer.rotations().detach().numpy())) < C * 4 * machine_epsilon(
        "float64"
    )


@pytest.mark.parametrize("orientation", ["plus", "minus"])
def test_the_gradient_of_the_rotation_agrees_with_differences(orientation):
    layer = rotation(6, 3, orientation=orientation)
    x = tensor(gaussian(2, 6, rng=0)).requires_grad_()

    def turned(vectors, x):
        return torch.func.functional_call(layer, {"vectors": vectors}, x)

    assert torch.autograd.gradcheck(turned, (layer.vectors, x))
    assert torch.autograd.gradgradcheck(turned, (layer.vectors, x))


@pytest.mark.filterwarnings(OF_TORCH)
def test_the_rotation_compiles_as_one_graph():
    layer = rotation(6, 3)
    x = tensor(gaussian(2, 6, rng=0))
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x))


def test_blocks_stay_orthogonal_under_autocast_and_in_half_precision():
    layer = rotation(6, 3, dtype=torch.float32)
    exact = layer.rotations()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer.rotations(), exact)
        assert layer(torch.ones(2, 6)).dtype == torch.bfloat16
    half = copy.deepcopy(layer).bfloat16()
    assert half(torch.ones(2, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert_near(half.rotations().float(), copy.deepcopy(half).float().rotations(), 0.5 / 3 * 2**16)


def test_rotations_are_saved_with_their_signs():
    blocks = tensor(orthonormal(3, 3, shape=(2,), rng=1))
    blocks[0, :, 0] *= -1
    saved = BlockCayley.from_rotations(blocks)
    loaded = BlockCayley.from_rotations(tensor(orthonormal(3, 3, shape=(2,), rng=2)))
    assert not any(loaded.load_state_dict(saved.state_dict()))
    assert torch.equal(loaded.rotations(), saved.rotations())


def test_block_rotations_refuse_what_they_cannot_do():
    with pytest.raises(ValueError, match="multiple of block, got 6 and 4"):
        BlockCayley(6, 4)
    with pytest.raises(ValueError, match="'plus', 'minus'"):
        BlockCayley(6, 3, orientation="left")
    with pytest.raises(TypeError, match="real floating"):
        BlockCayley(6, 3, dtype=torch.complex64)
    with pytest.raises(ValueError, match=r"\(b, r \(r - 1\)/2\), got \(2, 4\)"):
        BlockCayley.from_checkpoint(torch.zeros(2, 4), scale=1.0, orientation="plus")
    with pytest.raises(ValueError, match=r"\(b, r, r\), got \(3, 3\)"):
        BlockCayley.from_rotations(torch.eye(3))
    layer = BlockCayley(6, 3)
    for call in (layer, layer.merged):
        with pytest.raises(
            ValueError, match=r"of shape \(..., 6\), got torch.float32 of shape \(2, 3\)"
        ):
            call(torch.zeros(2, 3))  # one block would be broadcast to two
