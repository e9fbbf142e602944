"""Special versions of operations for one array library, found through the table."""
