"""Rows under keys."""
