"""An application that knows nothing of the directory but its feed, and what it must know in the end."""

from typing import Any

from scim.app import App
from scim.storage.rows import Rows
from tests.crash.world import Client, make_app


class Application:
    """Keeps who is there, and of groups who is a member; it holds the feed to its promises while it follows it.

    No number is missing, nobody comes twice, nothing is said of somebody who is not there, and members come and go with
    the roles that their group gives at that place.
    """

    def __init__(self) -> None:
        self.known: dict[str, set[str]] = {}
        self.roles: dict[str, list[str]] = {}
        self.cursor, self.last = "", 0

    async def follow(self, app: App) -> None:
        """Read the feed to its end."""
        more = True
        while more:
            page = await app.feed.page(self.cursor, 1000)
            self.cursor, more = page.next, page.more
            for event in page.events:
                self.last += 1
                assert event["sequence"] == self.last, event
                self._apply(event["type"], event["data"])

    def _apply(self, kind: str, data: dict[str, Any]) -> None:
        about, members = data["id"], set(data.get("members", ()))
        assert (about in self.known) != kind.endswith(".created"), f"{kind} of {about}"
        before = data.get("rolesBefore" if kind == "group.roles_changed" else "roles", [])
        if kind.partition(".")[2] in ("deleted", "members_added", "members_removed", "roles_changed"):
            assert before == self.roles.get(about, []), f"{kind} of {about}"
        match kind.partition(".")[2]:
            case "created":
                self.known[about] = set()
            case "deleted":
                del self.known[about]
                self.roles.pop(about, None)
                for others in self.known.values():
                    others.discard(about)
            case "roles_changed":
                self.roles[about] = data["roles"]
            case "members_added":
                assert not self.known[about] & members, f"{members} are members already"
                self.known[about] |= members & self.known.keys()  # who was deleted meanwhile was told of before
            case "members_removed":
                assert self.known[about] >= members & self.known.keys(), f"{members} are no members"
                self.known[about] -= members


async def check_told(rows: Rows) -> None:
    """Assert that the feed tells of all that is in the directory, and of nothing else."""
    app, application = make_app(rows, "reader"), Application()
    await application.follow(app)
    client = Client(app)
    users = (await client.send("GET", "/Users?count=1000")).body["Resources"]
    groups = (await client.send("GET", "/Groups?count=1000")).body["Resources"]
    there = {each["id"]: {one["value"] for one in each.get("members", [])} for each in (*users, *groups)}
    assert application.known == there
    assert {
        group: roles for group, roles in application.roles.items() if roles
    } == await app.tenants.default.roles.all()
