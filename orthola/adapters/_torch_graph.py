"""Functions that ``torch.compile`` takes as one node of its graph, static choices included.

Marked when this module is imported, because marking is not possible while a graph is built.
"""

from __future__ import annotations

import torch

from .._polar.api import polar_factors
from .._polar.orthogonalize import approximate_factor

__all__ = ["orthogonalize", "polar"]

orthogonalize = torch.compiler.allow_in_graph(approximate_factor)
polar = torch.compiler.allow_in_graph(polar_factors)
