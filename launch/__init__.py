"""How does the gateway start, stay and end? The operator's side of `scripts/run` and of the container image."""
