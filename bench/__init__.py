"""How fast is the gateway, and beside what people would take instead? `scripts/bench` starts it."""
