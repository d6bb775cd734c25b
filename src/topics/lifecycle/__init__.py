"""Operations on versions: open, compare, promote, name, verify, export and import."""
