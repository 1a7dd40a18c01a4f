"""What one credential may ask of a process: enough for Entra, and never at another's cost."""

import itertools

import pytest

from scim.access.limits import A_REQUEST, Allowance, Limits
from scim.app import App
from scim.management import activity
from scim.management.administration import Wanted
from scim.protocol.errors import TooManyRequests
from scim.service.oauth import MINTING
from scim.storage.rows import Rows
from tests.conftest import Clock, Http, make_app
from tests.recording import RecordingRows
from tests.tenancy import client, tenant

ENTRA = Allowance(100, 200)


class Time:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 50.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock_() -> Time:
    """The clock of the limits."""
    return Time()


def passed(limits: Limits, credential: str, allowance: Allowance, number: int) -> int:
    """Return how many of so many requests were let in, while somebody else is served too."""
    count = 0
    with limits.under_way("company", ENTRA):
        pass
    for _ in range(number):
        try:
            with limits.under_way(credential, allowance):
                count += 1
        except TooManyRequests:
            continue
    return count


def test_a_lone_credential_is_never_refused(clock_: Time) -> None:
    """It keeps nobody waiting: an initial cycle at full speed; in company its share holds at once."""
    limits = Limits(clock_)
    for _ in range(5_000):
        with limits.under_way("lone", ENTRA):
            pass
    assert passed(limits, "lone", ENTRA, 10) == 0
    clock_.seconds += 11
    for _ in range(5_000):
        with limits.under_way("lone", ENTRA):
            pass


def test_a_burst_passes_and_then_the_rate_holds(clock_: Time) -> None:
    """200 at once, then 100 a second."""
    limits = Limits(clock_)
    assert passed(limits, "a", ENTRA, 500) == 200
    clock_.seconds += 0.5
    assert passed(limits, "a", ENTRA, 500) == 50
    clock_.seconds += 3600
    assert passed(limits, "a", ENTRA, 500) == 200


def test_large_requests_and_answers_count_for_several(clock_: Time) -> None:
    """Else a hundred pages a second, each of them work for many, would be no more than a hundred look-ups."""
    limits = Limits(clock_)
    with limits.under_way("a", ENTRA) as share:
        share.weigh(100 * A_REQUEST)
    assert passed(limits, "a", ENTRA, 500) == 200 - 1 - 100
    with limits.under_way("b", ENTRA) as share:
        share.weigh(A_REQUEST - 1)
    assert passed(limits, "b", ENTRA, 500) == 200 - 1


def test_one_that_is_very_large_keeps_nobody_out_for_long(clock_: Time) -> None:
    """The debt is a burst: two seconds here, and as long as a pause would take to fill the bucket anywhere."""
    limits = Limits(clock_)
    with limits.under_way("a", ENTRA) as share:
        share.weigh(1_000_000 * A_REQUEST)
    assert passed(limits, "a", ENTRA, 5) == 0
    clock_.seconds += 2.1
    assert passed(limits, "a", ENTRA, 5) == 5


async def test_a_page_counts_for_what_is_on_it(app: App, http: Http, rows: RecordingRows) -> None:
    """And a body for what is in it; a look-up for one."""
    for number in range(30):
        await http.request("POST", "/Users", {"userName": f"user{number}", "title": "x" * 1_000})
    left = [app.limits._buckets["key-vault"].left]
    for query in ('?filter=userName eq "user1"'.replace(" ", "%20").replace('"', "%22"), "?count=30"):
        assert (await http.request("GET", f"/Users{query}")).status == 200
        left.append(app.limits._buckets["key-vault"].left)
    assert [round(before - after) for before, after in itertools.pairwise(left)] == [1, 5]


def test_each_credential_has_a_bucket_of_its_own(clock_: Time) -> None:
    """Whatever others ask."""
    limits = Limits(clock_)
    assert passed(limits, "noisy", ENTRA, 5_000) == 200
    assert passed(limits, "quiet", ENTRA, 25) == 25


def test_a_lone_job_of_entra_is_never_refused(clock_: Time) -> None:
    """25 a second for an hour, with bursts of a hundred in between."""
    limits = Limits(clock_)
    for second in range(3600):
        clock_.seconds += 1
        wanted = 125 if second % 60 == 0 else 25
        assert passed(limits, "entra", ENTRA, wanted) == wanted


def test_the_refusal_says_when_to_come_again(clock_: Time) -> None:
    """Whole seconds, one or more, and the policy in the draft's fields."""
    limits = Limits(clock_)
    slow = Allowance(0.1, 1)
    for each in ("company", "a"):
        with limits.under_way(each, slow):
            pass
    with pytest.raises(TooManyRequests) as refused, limits.under_way("a", slow):
        pass
    assert refused.value.headers["Retry-After"] == "10"
    assert refused.value.headers["RateLimit"] == '"credential";r=0;t=10'
    assert refused.value.headers["RateLimit-Policy"] == '"credential";q=1;w=1'


def test_the_bound_on_requests_under_way_holds_in_company_only(clock_: Time) -> None:
    """A lone job may have as many as the host hands on; beside another, half of them."""
    limits, allowance = Limits(clock_), Allowance(100, 200, concurrent=2)
    with limits.under_way("a", allowance), limits.under_way("a", allowance), limits.under_way("a", allowance):
        pass
    with limits.under_way("b", allowance):
        pass
    with limits.under_way("a", allowance), limits.under_way("a", allowance):
        with pytest.raises(TooManyRequests), limits.under_way("a", allowance):
            pass
        with limits.under_way("b", allowance):
            pass
    clock_.seconds += 11
    with limits.under_way("a", allowance), limits.under_way("a", allowance), limits.under_way("a", allowance):
        pass


def test_a_request_that_fails_is_no_longer_under_way(clock_: Time) -> None:
    """Or failures would shut a credential out."""
    limits, allowance = Limits(clock_), Allowance(100, 200, concurrent=1)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), limits.under_way("a", allowance):
            _ = 1 / 0
        with limits.under_way("b", allowance):
            pass


def test_buckets_of_those_who_are_idle_are_let_go(clock_: Time) -> None:
    """However many credentials there are."""
    limits = Limits(clock_)
    for number in range(12_000):
        with limits.under_way(f"c{number}", ENTRA):
            pass
    assert len(limits._buckets) == 10_000


async def test_a_noisy_tenant_is_refused_in_scim_s_form_and_no_other(rows: Rows, clock: Clock) -> None:
    """429 with Retry-After; another tenant, and another credential of the same one, are served."""
    app = make_app(rows, clock, rate=1, burst=3)
    key = await tenant(app)
    noisy, other = await client(app, key), await client(app, await tenant(app))
    assert (await other.request("GET", "/Users")).status == 200
    answers = [await noisy.request("GET", "/ServiceProviderConfig") for _ in range(4)]
    assert [each.status for each in answers] == [200, 200, 200, 429]
    assert answers[3].headers["Retry-After"] == "1"
    assert answers[3].body["status"] == "429"
    assert (await other.request("GET", "/Users")).status == 200
    assert (await (await client(app, key)).request("GET", "/Users")).status == 200
    clock.forward(seconds=1)
    assert (await noisy.request("GET", "/Users")).status == 200


async def test_a_tenant_may_have_limits_of_its_own(app: App, clock: Clock) -> None:
    """Within ten seconds of the change, also while nobody else is served: who sets one wants it kept."""
    key = await tenant(app)
    http = await client(app, key)
    await app.administration.change(key, {"rate": 1, "burst": 2})
    clock.forward(seconds=10)
    assert [(await http.request("GET", "/Users")).status for _ in range(3)] == [200, 200, 429]


async def test_a_refusal_costs_next_to_nothing(rows: RecordingRows, clock: Clock) -> None:
    """No body is read, nothing of the store, and a thousand are one row of the journal: else a flood of them hurts."""
    app = make_app(rows, clock, rate=1, burst=1, journal=True)
    http = await client(app, await tenant(app))
    assert (await http.request("GET", "/Users")).status == 200
    await app.journals.flush()
    rows.forget()
    for _ in range(1_000):
        answer = await http.request("POST", "/Users", content=b"this is no JSON, and nobody looks at it")
        assert answer.status == 429
    assert rows.calls == []
    await app.journals.flush()
    [entry] = (await activity.log(await app.serving(http._tenant), [("status", "429")]))["requests"]
    assert entry["times"] == 1_000
    await app.close()


async def test_a_wrong_token_costs_nobody_his_share(app: App) -> None:
    """Only a credential that was let in has a bucket."""
    key = await tenant(app)
    for _ in range(300):
        assert (await Http(app, "wrong", key).request("GET", "/Users")).status == 401
    assert (await (await client(app, key)).request("GET", "/Users")).status == 200


async def test_a_lone_job_that_gets_access_tokens_is_never_refused(app: App) -> None:
    """It is no company for itself, neither when it asks for a token nor with a new token beside the old one."""
    issued = await app.administration.issue("scim", Wanted("Entra", "provision", oauth=True))
    tokens = [(await app.oauth._clients.issue(issued.credential, ())).text for _ in range(2)]
    for number in range(500):
        if number % 100 == 0:
            with app.limits.under_way(f"{issued.credential.id} tokens", MINTING, company=False):
                pass
        assert (await Http(app, tokens[number % 2]).request("GET", "/ServiceProviderConfig")).status == 200


async def test_access_tokens_of_one_client_have_one_share(app: App) -> None:
    """Else whoever asks for a hundred tokens has a hundred times as much."""
    issued = await app.administration.issue("scim", Wanted("Entra", "provision", oauth=True))
    tokens = [(await app.oauth._clients.issue(issued.credential, ())).text for _ in range(10)]
    statuses = []
    for number in range(300):
        if number % 50 == 0:
            await Http(app).request("GET", "/ServiceProviderConfig")
        statuses.append((await Http(app, tokens[number % 10]).request("GET", "/ServiceProviderConfig")).status)
    assert (statuses.count(200), statuses.count(429)) == (200, 100)


def test_a_rate_that_was_chosen_needs_no_company(clock_: Time) -> None:
    """So does the limit on access tokens, each of which is a row that is written."""
    limits, refused = Limits(clock_), 0
    for _ in range(10):
        try:
            with limits.under_way("lone tokens", Allowance(1, 4, chosen=True), company=False):
                pass
        except TooManyRequests:
            refused += 1
    assert refused == 6
