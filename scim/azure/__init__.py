"""All that talks to Azure."""
