"""Worksheets for editors: labels to check, articles to label next."""
