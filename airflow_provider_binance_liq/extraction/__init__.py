"""One window: read, proven, compared with an earlier extraction, and handed to the lake."""
