"""The study of the orthogonal maps: tasks, charts, descent, figures, tables, each in a file."""
