"""Certificates for the gateway: issued, renewed and put where it reads them. A program of its own: `python -m acme_client`."""
