"""A local copy of users and groups: it begins without a gap and follows the feed. It needs nothing but Python."""

import json
import urllib.error
import urllib.request
from urllib.parse import urlencode


class LocalCopy:
    def __init__(self, url, token, file):
        self.url, self.token, self.file = url, token, file
        self.cursor, self.known = json.loads(file.read_text()) if file.exists() else ("", {})

    def get(self, path, **query):
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(f"{self.url}{path}?{urlencode(query)}", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def begin(self):
        start, place, known = self.get("/events", after="latest")["next"], "", {}  # before the walk
        while place is not None:
            page = self.get("", cursor=place, count=100)  # all users, then all groups
            for each in page.get("Resources", []):
                known[each["id"]] = entry(each, [member["value"] for member in each.get("members", [])])
            place = page.get("nextCursor")
        self.cursor, self.known = start, known

    def follow(self):
        """Apply what is new until nothing is, then keep the copy and its cursor together; return the events."""
        seen, more = [], True
        while more:
            try:
                if not self.cursor:
                    self.begin()
                page = self.get("/events", after=self.cursor, limit=500)
            except urllib.error.HTTPError as error:
                if error.code != 410:  # older than what is kept, or a restore: begin anew
                    raise
                self.cursor = ""
                continue
            for event in page["events"]:
                self.apply(event["type"], event["data"])
            self.cursor, more, seen = page["next"], page["more"], seen + page["events"]
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps([self.cursor, self.known]))
        part.replace(self.file)
        return seen

    def apply(self, kind, data):
        members = self.known.get(data["id"], {}).get("members", [])
        if kind.startswith("group.members_"):
            members = [each for each in members if each not in data["members"]]
            members += data["members"] if kind == "group.members_added" else []
        self.known[data["id"]] = entry(data, members)
        if kind.endswith(".deleted"):
            del self.known[data["id"]]
            for each in self.known.values():
                each["members"] = [one for one in each["members"] if one != data["id"]]


def entry(said, members):
    return {name: said.get(name) for name in ("userName", "displayName", "externalId", "active")} | {"members": members}
