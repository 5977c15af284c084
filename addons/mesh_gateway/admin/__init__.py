"""What operators see: the metrics of all workers on one page."""
