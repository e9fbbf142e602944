"""Subspaces: orthonormal bases, projections, and the angles between two of them."""
