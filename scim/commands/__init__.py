"""What operates a directory from the command line."""
