"""What happened: the exchange record, the access line, the metrics."""
