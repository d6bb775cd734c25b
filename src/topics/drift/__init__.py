"""Drift detection: does a stream still look like the articles a version was trained on?"""
