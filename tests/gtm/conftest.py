import pytest

from tests.gtm.loopback import Server


@pytest.fixture
def server(settings):
    made = Server()
    settings.LOOPBACK_ALLOWED = frozenset({made.place})
    yield made
    made.close()
