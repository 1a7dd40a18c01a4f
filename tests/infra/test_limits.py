"""Limits that the template sets beside those of the code."""

import pytest

from scim.host import BODY_LIMIT
from scim.protocol.sizes import MANY
from tests.infra.template import SNAPSHOTS, app_settings


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_host_takes_a_few_times_what_the_service_takes(name: str) -> None:
    """It reads a body whole before the service can refuse it, and its own refusal is an empty 500."""
    assert int(app_settings(name)["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"]) == 4 * MANY.length == BODY_LIMIT
