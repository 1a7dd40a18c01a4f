"""`python -m bench.seats`: how many users a second become active with seats and without, over SQLite in memory.

Seats make each activation read the counts twice and touch one row that all of them have in common. Rounds with seats
and without take turns; a user is disabled and enabled again, by one client after the other and by eight at once.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import sys
import time

from scim.app import App, build
from scim.service.messages import Request
from scim.settings import Settings

TOKEN = secrets.token_hex(16)
HOST = "http://127.0.0.1"


async def _ask(app: App, method: str, path: str, body: object) -> dict[str, str]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    request = Request(method, f"{HOST}/scim/v2{path}", headers, json.dumps(body).encode())
    response = await app.endpoints.respond_anywhere(request)
    if response.status >= 300:
        raise RuntimeError(f"{method} {path} answers {response.status}")
    told: dict[str, str] = json.loads(response.content())
    return told


async def _enabled(app: App, ids: list[str], rounds: int) -> int:
    """Disable and enable users of one client; return how often one was enabled."""
    for number in range(rounds):
        for value in (False, True):
            change = {"op": "replace", "path": "active", "value": value}
            await _ask(app, "PATCH", f"/Users/{ids[number % len(ids)]}", {"Operations": [change]})
    return rounds


async def _rate(clients: int, seats: int | None, rounds: int) -> float:
    """Return how many activations a second of processor time there were."""
    app = build(Settings("sqlite::memory:", (TOKEN,), journal=False))
    await app.administration.change("scim", {"seats": seats})
    made = [await _ask(app, "POST", "/Users", {"userName": f"user{number}"}) for number in range(200)]
    ids = [each["id"] for each in made]
    shares = [ids[number::clients] for number in range(clients)]
    begin = time.process_time()
    done = sum(await asyncio.gather(*(_enabled(app, share, rounds // clients) for share in shares)))
    rate = done / (time.process_time() - begin)
    await app.close()
    return rate


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="activations of each measure")
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    sys.stdout.write("| clients | without seats | with seats | ratio | of rounds |\n")
    for clients in (1, 8):
        pairs = [
            [asyncio.run(_rate(clients, seats, asked.rounds)) for seats in (None, 1_000)] for _ in range(asked.repeat)
        ]
        free, seated = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratios = [beside / alone for alone, beside in pairs]
        sys.stdout.write(
            f"| {clients} | {free:.0f} | {seated:.0f} | {statistics.median(ratios):.2f}"
            f" | {min(ratios):.2f} to {max(ratios):.2f} |\n"
        )


if __name__ == "__main__":
    main()
