"""Scripts that stand beside the gateway's in a test, as an operator's own would."""

from pathlib import Path

# Taps the tenants named in a file, one a line, as soon as the file is there; has no hook that gets flows.
TAPPING = """
import asyncio
from pathlib import Path

from mitmproxy import ctx


class Tapping:
    def running(self):
        self.task = asyncio.get_running_loop().create_task(self.watch())

    async def watch(self):
        while True:
            wanted = set(Path("tapped").read_text().split()) if Path("tapped").exists() else set()
            ctx.master.commands.call("gateway.untap")
            for tenant in wanted:
                ctx.master.commands.call("gateway.tap", tenant)
            Path("seeing").write_text(" ".join(sorted(wanted)))
            Path("seeing").replace("seen")  # whoever waits for it never reads half of it
            await asyncio.sleep(0.02)


addons = [Tapping()]
"""

# Has a hook that gets flows.
LOOKING = """
def responseheaders(flow):
    flow.response.headers["X-Seen"] = flow.request.path
"""

# Lets `/slow` wait in a hook until the file `go` is there; says in the answer in which hooks it was.
WAITING = """
import asyncio
from pathlib import Path


async def requestheaders(flow):
    flow.metadata["waited"] = "requestheaders"
    while flow.request.path == "/slow" and not Path("go").exists():
        Path("waits").touch()
        await asyncio.sleep(0.02)


async def responseheaders(flow):
    await asyncio.sleep(0)
    flow.response.headers["X-Waited"] = flow.metadata["waited"] + " responseheaders"
"""


def write(folder: Path, name: str, text: str) -> str:
    """The script as a file; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(text)
    return str(path)
