"""Topic models, one module a kind; `topics.plugins.TOPIC_MODELS` says which."""
