"""Versions on disk: published whole, checked when opened, with their history; of any kind of model."""
