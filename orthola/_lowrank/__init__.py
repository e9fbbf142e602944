"""Certified singular value decompositions of streamed and concatenated matrices."""
