"""The command ``orthola``: `info`, and studies of convergence."""
