"""What is written to docs/: the machine, the parts of a page, the chart."""
