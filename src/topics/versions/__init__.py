"""Versions on disk: published whole, checked when opened, promoted, compared, carried elsewhere."""
