"""Numba kernels: serial, without the GIL, reached only through the lazy names of the table."""
