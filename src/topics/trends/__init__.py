"""Topics in time: when an archive wrote of what, what rises and falls, and in which articles."""
