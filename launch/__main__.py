"""Where does the start begin? `python -m launch`, which scripts/run and the container image call."""

import os
import signal
import sys


def main() -> int:
    # Until the event loop takes the signals over, Ctrl-C ends this without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from launch.start import start  # noqa: PLC0415 - importing takes a while, and Ctrl-C may come in it

    return start(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
