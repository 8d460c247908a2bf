"""The exchange over HTTP: signed requests, its limits, its refusals. What it answers is kept elsewhere."""
