"""Events brought to the application: webhooks, their signatures, and which addresses they may have."""
