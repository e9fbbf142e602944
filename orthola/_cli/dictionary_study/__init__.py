"""The study of online dictionaries: streams, learners, experiments, figures, each in a file."""
