"""What is asked of a server, and the directories that it is asked about."""
