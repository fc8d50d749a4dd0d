"""Weights that shift step by step, and back when a check fails."""
