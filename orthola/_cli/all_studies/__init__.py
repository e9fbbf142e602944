"""All studies in one run: the command, and the page that it writes."""
