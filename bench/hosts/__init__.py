"""What is measured: each server a process of its own, hosts that stand in for Azure's, and stores that fail."""
