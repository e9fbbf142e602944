"""Orthogonal maps: reflectors, Cayley, exponential, Haar, retractions, and their inverses."""
