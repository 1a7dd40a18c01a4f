"""A store that throttles, is late and is moved away, and clients who play over it in a time of its own."""
