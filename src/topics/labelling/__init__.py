"""Work for editors: which labels to doubt, which articles to label next."""
