"""Evaluation: metrics with confidence intervals, comparisons of versions."""
