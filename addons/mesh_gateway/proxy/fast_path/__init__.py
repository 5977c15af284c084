"""The fast path: requests carried without flows, for everything that nobody looks at."""
