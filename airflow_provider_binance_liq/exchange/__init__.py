"""The exchange over HTTP: signed requests, rate limits, and errors."""
