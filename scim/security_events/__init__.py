"""Security events: the feed as signed tokens, the streams in which receivers fetch them, and the keys that sign."""
