"""What classifiers of rubrics are made of: features, decisions, keyword rules."""
