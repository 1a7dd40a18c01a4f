"""A request to its response."""
