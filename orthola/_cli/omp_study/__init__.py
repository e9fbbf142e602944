"""The study of `omp`: signals, atoms, contenders, experiments, figures, tables, each in a file."""
