"""The program that calls lego through its bridge: some commands on standard input, the first failure ends it."""

import importlib
import json
import sys

_NOT_INSTALLED = 3


def main() -> int:
    letter = json.load(sys.stdin)
    try:
        bridge = importlib.import_module("lego_bridge")
    except ModuleNotFoundError:
        return _NOT_INSTALLED
    for command in letter["commands"]:
        answer = json.loads(bridge.cmd(json.dumps(command)))
        if not answer["success"]:
            sys.stderr.write(f"{answer['error']}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
