"""Functions that ``torch.compile`` takes as one node of its graph, static choices included.

Marked when this module is imported, because marking is not possible while a graph is built.
"""

from __future__ import annotations

import torch

from .._maps.cayley import coordinates, transformed
from .._maps.exponential import exponential_of_skew_part
from .._maps.exponential_frame import exponential_frame
from .._maps.frame import frame_of, parameters_of
from .._maps.householder import applied, product_of
from .._maps.projector import projector_of
from .._maps.retraction import projected, step
from .._maps.vectors import reflectors_of
from .._polar.api import polar_factors
from .._polar.orthogonalize import approximate_factor
from .._procrustes.api import procrustes_parts
from .._sparse.omp import omp_parts

__all__ = [
    "cayley",
    "cayley_frame",
    "cayley_frame_inverse",
    "cayley_inverse",
    "householder_apply",
    "householder_product",
    "householder_projector",
    "householder_vectors",
    "omp",
    "orthogonalize",
    "polar",
    "procrustes",
    "project_tangent",
    "retract",
    "skew_exp",
    "skew_exp_frame",
]

orthogonalize = torch.compiler.allow_in_graph(approximate_factor)
polar = torch.compiler.allow_in_graph(polar_factors)
procrustes = torch.compiler.allow_in_graph(procrustes_parts)
omp = torch.compiler.allow_in_graph(omp_parts)
cayley = torch.compiler.allow_in_graph(transformed)
cayley_frame = torch.compiler.allow_in_graph(frame_of)
cayley_frame_inverse = torch.compiler.allow_in_graph(parameters_of)
householder_apply = torch.compiler.allow_in_graph(applied)
householder_product = torch.compiler.allow_in_graph(product_of)
cayley_inverse = torch.compiler.allow_in_graph(coordinates)
householder_projector = torch.compiler.allow_in_graph(projector_of)
householder_vectors = torch.compiler.allow_in_graph(reflectors_of)
project_tangent = torch.compiler.allow_in_graph(projected)
retract = torch.compiler.allow_in_graph(step)
skew_exp = torch.compiler.allow_in_graph(exponential_of_skew_part)
skew_exp_frame = torch.compiler.allow_in_graph(exponential_frame)
