"""Where tenants live: the sources of routes, the cache in front of them, the private CA."""
