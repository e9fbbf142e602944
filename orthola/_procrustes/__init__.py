"""Procrustes problems: which orthogonal map, scale and shift carry one set of points to another."""
