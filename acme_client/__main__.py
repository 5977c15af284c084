"""Where does the program begin? `python -m acme_client`."""

import os
import sys

from acme_client.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
