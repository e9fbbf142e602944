"""One report of all benchmarks: what was measured, on what, and which targets are met."""
