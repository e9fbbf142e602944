"""Polar factors, approximate orthogonalization and the scalar schedules behind them."""
