"""The directory to provision: read from a file or invented, its changes, and its mapping to SCIM."""
