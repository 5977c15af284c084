"""Two small upstreams and their routes: what the gateway carries to when nobody has set it up."""
