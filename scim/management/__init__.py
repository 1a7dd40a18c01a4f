"""What operators and administrators do, over HTTP below `/manage/v1` and by commands, and the page `/console`."""
