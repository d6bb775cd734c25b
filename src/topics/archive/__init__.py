"""Scoring at any size: shards, workers, parts, one output."""
