"""What is done with versions: opened, compared, promoted, named, checked, carried elsewhere."""
