"""The provisioning job: cycles, retries, quarantine and its log."""
