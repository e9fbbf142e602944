"""What every room stands on: spaces, dispatch, checks, loops. It knows no algorithm."""
