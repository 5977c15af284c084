"""What an operator asks of a running gateway: commands and what a flow shows."""
