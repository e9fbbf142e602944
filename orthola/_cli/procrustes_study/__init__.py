"""The study of `procrustes`: clouds, solvers, experiments, figures, tables, each in a file."""
