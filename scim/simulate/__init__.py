"""Entra's provisioning service, played over HTTP against any endpoint; it shares no code with the service."""
