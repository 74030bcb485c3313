"""Fixtures of the page's tests: a browser, and a server for its requests."""

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.serving import stand_in
from tests.serving.page.browser import Page, headless
from tests.serving.page.rest_server import RestServer


@pytest.fixture
def server() -> Iterator[RestServer]:
    server = RestServer(stand_in.train())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with headless(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def page(browser: webdriver.Chrome, server: RestServer) -> Page:
    return Page(browser, server.url)
