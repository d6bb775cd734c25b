"""File formats, one module a format; `topics.plugins.READERS` says which."""
