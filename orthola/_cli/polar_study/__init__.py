"""The study of `polar`: problems, methods, measures, figures and tables, each in its own file."""
