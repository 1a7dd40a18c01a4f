"""The overview: how a tenant does, in one answer that stays the same while nothing happens."""

from typing import Any

import pytest

from scim.app import App
from scim.directory import keys
from scim.directory.hours import HOUR, Counts
from scim.management.openapi_schemas import SCHEMAS
from scim.protocol.errors import Unavailable
from scim.storage.rows import Insert, Replace
from tests.conftest import Clock, Http, make_app
from tests.management.managing import Manager, administrator, fits
from tests.recording import RecordingRows

PATH = "/tenants/scim/overview"


@pytest.fixture
async def app(rows: RecordingRows, clock: Clock) -> App:
    """The service, with its journal."""
    return make_app(rows, clock, journal=True, webhook_key="k" * 32)


@pytest.fixture
async def admin(app: App) -> Manager:
    """Who administers the default tenant."""
    return await administrator(app)


async def told(admin: Manager) -> Any:
    answer = await admin.ask("GET", PATH)
    assert answer.status == 200, answer
    fits("Overview", answer.body)
    return answer.body


async def hour(app: App, clock: Clock, ago: int = 0, **counted: Any) -> None:
    """Write an hour that lies some hours back."""
    start = int(clock().timestamp() * 1000) // HOUR * HOUR - ago * HOUR
    await app.tenant.commit([Insert(keys.hour(start, app.tenant.new_mark()), Counts(**counted).body())])


async def test_sizes_are_those_of_now_but_for_memberships(app: App, admin: Manager, http: Http) -> None:
    """Which are too many to be counted with each change: the timer counts them, and the answer says when."""
    mira = await http.user("mira")
    await http.user("omar", active=False)
    await http.group("Team", mira["id"])
    first = await told(admin)
    assert [first[name] for name in ("users", "activeUsers", "inactiveUsers", "groups")] == [2, 1, 1, 1]
    assert first["memberships"] is None
    await app.rounds.run()
    assert (await told(admin))["memberships"] == {"count": 1, "time": "2026-01-31T12:00:00.000Z"}


async def test_memberships_are_counted_once_a_day(app: App, admin: Manager, http: Http, clock: Clock) -> None:
    """A count that cannot be read is made anew."""
    mira = await http.user("mira")
    await app.rounds.run()
    await http.group("Team", mira["id"])
    clock.forward(hours=23)
    await app.rounds.run()
    assert (await told(admin))["memberships"]["count"] == 0
    clock.forward(hours=1)
    await app.rounds.run()
    assert (await told(admin))["memberships"]["count"] == 1
    row = await app.tenant.read(keys.SIZES)
    assert row is not None
    for damaged in ("x", "[]", '{"memberships":"1","time":"2026-01-31T12:00:00Z"}', '{"memberships":7}'):
        row = await app.tenant.read(keys.SIZES)
        assert row is not None
        await app.tenant.commit([Replace(keys.SIZES, damaged, row.version)])
        assert (await told(admin))["memberships"] is None
        await app.rounds.run()
        assert (await told(admin))["memberships"]["count"] == 1


async def test_it_is_the_same_while_nothing_happens(admin: Manager, http: Http, clock: Clock) -> None:
    """So that the page that asks each minute is told 304."""
    await http.user("mira")
    first = await admin.ask("GET", PATH)
    clock.forward(minutes=1)
    again = await admin.ask("GET", PATH, if_none_match=f'"x", {first.headers["ETag"]}')
    assert (again.status, again.body) == (304, None)
    await http.user("omar", active=False)
    assert (await admin.ask("GET", PATH, if_none_match=first.headers["ETag"])).status == 200


async def test_silence_is_told(admin: Manager, http: Http, clock: Clock) -> None:
    """Three of Entra's intervals without a request are worth a look; never is something else."""
    assert (await told(admin))["silence"] == {"state": "never", "since": None, "expectedMinutes": 40}
    await http.user("mira")
    clock.forward(minutes=120)
    assert (await told(admin))["silence"]["state"] == "ok"
    clock.forward(minutes=1)
    expected = {"state": "silent", "since": "2026-01-31T12:00:00.000Z", "expectedMinutes": 40}
    assert (await told(admin))["silence"] == expected


@pytest.mark.parametrize(
    ("requests", "failures", "statuses", "risk", "reasons"),
    [
        (100, 0, {"200": 100}, "none", []),
        (1_000, 450, {"409": 450}, "none", []),
        (1_000, 600, {"409": 600}, "watch", ["manyFailures"]),
        (12_000, 5_000, {"409": 5_000}, "high", ["manyFailures"]),
        (20_000, 5_000, {"409": 5_000}, "none", []),
        (900_000, 40_001, {"409": 40_001}, "high", ["manyFailures"]),
        (10, 1, {"500": 1}, "watch", ["serverErrors"]),
        (10, 2, {"401": 2}, "watch", ["refusedLogins"]),
    ],
)
async def test_the_risk_of_quarantine_follows_entra_s_rules(
    app: App,
    admin: Manager,
    clock: Clock,
    requests: int,
    failures: int,
    statuses: dict[str, int],
    risk: str,
    reasons: list[str],
) -> None:
    """From a tenth of the failures on at which Entra begins to count."""
    await hour(app, clock, requests=requests, failures=failures, statuses=statuses, last_request=1)
    quarantine = (await told(admin))["quarantine"]
    assert (quarantine["risk"], [each["reason"] for each in quarantine["reasons"]]) == (risk, reasons)


async def test_refused_logins_before_the_last_success_are_over(app: App, admin: Manager, clock: Clock) -> None:
    """One success lifts a quarantine."""
    now = int(clock().timestamp() * 1000)
    await hour(app, clock, ago=5, requests=9, failures=9, statuses={"401": 9})
    assert (await told(admin))["quarantine"]["risk"] == "watch"
    await hour(app, clock, requests=1, statuses={"200": 1}, last_success=now)
    assert (await told(admin))["quarantine"]["risk"] == "none"


async def test_what_the_service_is_made_of_is_told(
    admin: Manager, app: App, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /health does; what fails does not keep the rest from being shown."""
    assert (await told(admin))["service"] == {"storage": "ok", "tokens": "ok", "timer": "ok"}

    async def refuses() -> None:
        raise Unavailable("Key Vault does not answer.")

    monkeypatch.setattr(app.admission._tokens, "check", refuses)
    clock.forward(seconds=6)
    assert (await told(admin))["service"]["tokens"] == "Key Vault does not answer."


async def test_the_lag_of_the_feed_and_of_webhooks_is_told(app: App, admin: Manager, http: Http, clock: Clock) -> None:
    """What waits to be numbered, and how many events each webhook is behind; a damaged one spoils nothing else."""
    webhooks = await app.webhooks()
    made = await webhooks.create("https://app.contoso.example/events")
    await webhooks.disable(made["id"])
    await http.user("mira")
    first = await told(admin)
    assert first["feed"] == {"last": 0, "waiting": 1, "waitingSince": "2026-01-31T12:00:00.000Z"}
    await app.feed.publish()
    await app.tenant.commit([Insert(keys.webhook("0" * 32), "x")])
    broken, state = (await told(admin))["webhooks"]
    assert (state["id"], state["behind"], state["enabled"]) == (made["id"], 1, False)
    assert (broken["id"], broken["whyDisabled"]) == ("0" * 32, "its row cannot be read")
    for each in (broken, state):
        fits("WebhookState", each)
    assert "lag" not in SCHEMAS["WebhookState"]["properties"]


async def test_it_reads_few_rows(app: App, admin: Manager, http: Http, rows: RecordingRows) -> None:
    """No user and no request among them: the page asks for it each minute."""
    for number in range(30):
        await http.user(f"user{number}")
    await app.journals.flush()
    rows.forget()
    await told(admin)
    assert len(rows.calls) < 30
    assert rows.rows_read < 80


async def test_a_month_of_a_million_requests_is_some_hundred_small_rows(
    app: App, admin: Manager, rows: RecordingRows, clock: Clock
) -> None:
    """As the timer leaves them: the hours of two days, days before that; beside them all counts of a large directory.

    The last two hours are of eight processes, since they are merged when they have been over for an hour.
    """
    letters = "0123456789abcdef"
    counts = [Insert(keys.count(kind, a + b), "200") for kind in "ug" for a in letters for b in letters]
    counts += [Insert(keys.count("i", a), "10") for a in letters]
    spans = [(hour, 1) for hour in range(2, 48)] + [(48 + 24 * day, 24) for day in range(28)] + [(0, 1), (1, 1)] * 8
    each = 1_000_000 // sum(hours for _, hours in spans)
    for start in range(0, len(counts), 50):
        await app.tenant.commit(counts[start : start + 50])
    for ago, hours in spans:
        ok, bad = each * hours * 19 // 20, each * hours // 20
        said = {"statuses": {"200": ok, "409": bad}, "scim_types": {"uniqueness": bad}, "buckets": [each * hours] * 13}
        await hour(app, clock, ago, requests=each * hours, failures=bad, last_request=1, **said)
    written = await app.tenant.under(keys.HOURS)
    assert max(len(row.body) for row in written) < 400
    rows.forget()
    month = (await told(admin))["month"]
    assert 900_000 < month["requests"] <= 1_000_000
    assert rows.rows_read <= 800
    assert len(rows.calls) < 30
