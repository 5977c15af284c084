"""The gateway's own paths: health, readiness, metrics."""
