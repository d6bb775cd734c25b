"""Versions on disk: published whole, checked when opened, with their history; what they know is no matter."""
