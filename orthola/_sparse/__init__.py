"""Sparse codes: orthogonal matching pursuit and what is built on its codes."""
