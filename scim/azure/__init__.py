"""The parts of the service that talk to Azure."""
