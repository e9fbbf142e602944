"""Thin adapters to other libraries: no iteration, no coefficient, no tolerance lives here."""
