"""Recurrent networks, learning rules, and the curvature of the loss along training."""

__version__ = "1.0.0"
