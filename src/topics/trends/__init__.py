"""Topics over time: shares per period, rising and falling topics, typical articles."""
