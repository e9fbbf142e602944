"""The study of streamed SVDs: rows, contenders, experiments, figures, tables, each in a file."""
