"""Rubric classifiers, one module a kind; `topics.plugins.CLASSIFIERS` says which."""
