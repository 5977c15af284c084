"""`python -m bench`: the measurement from its arguments to its pages."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.arguments import Wish, WishError, check_programs, read_arguments
from bench.machine import describe
from bench.page import PageError, write
from bench.results import Results, load
from bench.run import run, say
from bench.server import ServerError
from bench.tables import tables

WRONG_USE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """The exit status for the shell."""
    try:
        wish = read_arguments(arguments)
        results = load(wish.redraw) if wish.redraw else asyncio.run(_measured(wish))
        sys.stdout.write(tables(results))
        if wish.out:
            write(results, wish.out)
            say(f"written: {wish.out / 'benchmarks.md'}, benchmarks.json, images")
    except (WishError, ServerError, PageError) as error:
        say(str(error))
        return WRONG_USE
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    return 0


async def _measured(wish: Wish) -> Results:
    """SIGTERM ends it as Ctrl-C does: the servers first."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run has made one
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    plan = check_programs(wish.plan)
    machine = await describe(f"{datetime.now(UTC):%Y-%m-%d}")
    with TemporaryDirectory(prefix="mesh-router-gateway-bench-") as folder:
        return await run(plan, Path(folder), machine)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
