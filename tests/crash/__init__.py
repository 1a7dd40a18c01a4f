"""Crashes at every call to storage, and random schedules of several workers."""
