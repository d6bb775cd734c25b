"""Russian text: cleaned, cut into tokens, lemmatized."""
