"""What the app's tests share."""

import pytest

from tests.services.alerts.app.fakes import World


@pytest.fixture
def world() -> World:
    return World()
