"""The local host over a store that fails for so many seconds: `python -m bench.hosts.faulty_host SECONDS [SPELL]`."""

import sys

from bench.hosts.weather import FaultyRows, Weather
from scim import app, local
from scim.settings import Settings
from scim.storage.store import Partitions, Store


def main(arguments: list[str]) -> int:
    """Serve on a free port until interrupted."""
    seconds, spell = float(arguments[0]), float(arguments[1])
    opened = app.open_store

    def exposed(settings: Settings) -> Store:
        rows = opened(settings).rows(settings.tenant)
        return Partitions(FaultyRows(rows, Weather(seconds, spell), silence=spell / 3))

    app.open_store = exposed
    return local.main(["0"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
