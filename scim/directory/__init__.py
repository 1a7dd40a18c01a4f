"""Users, groups and memberships as rows."""
