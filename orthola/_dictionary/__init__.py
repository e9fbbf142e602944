"""Online orthogonal dictionary learning by Frank-Wolfe steps."""
