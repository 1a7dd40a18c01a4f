// A local copy of users and groups: it begins without a gap and follows the feed. It needs nothing but Node.js.

export class LocalCopy {
  constructor(url, token, [cursor, known] = ["", {}]) {
    Object.assign(this, { url, token, cursor, known });
  }

  async get(path, query) {
    const headers = { Authorization: `Bearer ${this.token}` };
    const signal = AbortSignal.timeout(60_000);
    const answer = await fetch(`${this.url}${path}?${new URLSearchParams(query)}`, { headers, signal });
    if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
    return answer.json();
  }

  async begin() {
    const start = (await this.get("/events", { after: "latest" })).next, known = {}; // before the walk
    for (let place = ""; place !== undefined; ) {
      const page = await this.get("", { cursor: place, count: 100 }); // all users, then all groups
      for (const each of page.Resources ?? [])
        known[each.id] = entry(each, (each.members ?? []).map((member) => member.value));
      place = page.nextCursor;
    }
    Object.assign(this, { cursor: start, known });
  }

  // Apply what is new until nothing is. Keep what it returns, the copy and its cursor together.
  async follow() {
    for (let more = true; more; ) {
      try {
        if (!this.cursor) await this.begin();
        const page = await this.get("/events", { after: this.cursor, limit: 500 });
        for (const { type, data } of page.events) this.apply(type, data);
        this.cursor = page.next;
        more = page.more;
      } catch (error) {
        if (error.status !== 410) throw error; // older than what is kept, or a restore: begin anew
        this.cursor = "";
      }
    }
    return [this.cursor, this.known];
  }

  apply(kind, data) {
    let members = this.known[data.id]?.members ?? [];
    if (kind.startsWith("group.members_")) members = members.filter((each) => !data.members.includes(each));
    if (kind === "group.members_added") members = [...members, ...data.members];
    this.known[data.id] = entry(data, members);
    if (!kind.endsWith(".deleted")) return;
    delete this.known[data.id];
    for (const each of Object.values(this.known)) each.members = each.members.filter((one) => one !== data.id);
  }
}

const entry = ({ userName = null, displayName = null, externalId = null, active = null }, members) =>
  ({ userName, displayName, externalId, active, members });
