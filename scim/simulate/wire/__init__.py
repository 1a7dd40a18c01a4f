"""Requests as Entra sends them, what it demands of the answers, and what they took."""
