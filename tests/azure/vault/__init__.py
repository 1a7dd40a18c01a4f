"""Key Vault: its REST protocol as a stand-in, and the source of tokens that talks to it."""
