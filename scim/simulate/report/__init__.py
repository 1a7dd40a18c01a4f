"""The endpoint read back and compared, and the outcome for people."""
