"""What is a worker? mitmdump with the gateway in it, on the fastest event loop that works here.

A program of its own because the loop must be chosen before mitmdump starts it: a script, which the gateway is to
mitmproxy, is loaded when it runs already.
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

from mitmproxy.tools import main as mitmproxy_main
from mitmproxy.utils import asyncio_utils

from launch.loops import EventLoop, choose_loop


def run(arguments: Sequence[str], loop: EventLoop) -> None:
    """mitmdump with these arguments, until it ends."""
    # mitmdump 12.2.3 calls asyncio.run(main()) and leaves no choice of the loop.
    asyncio.run = partial(asyncio.run, loop_factory=loop.factory)
    asyncio_utils.set_eager_task_factory = loop.eagerness  # type: ignore[assignment]
    mitmproxy_main.mitmdump(list(arguments))


if __name__ == "__main__":
    run(sys.argv[1:], choose_loop())
