"""A headless Chromium for tests of pages: the distribution's, else the one that Selenium fetches.

`python -m tests.browser installed|fetched` tells by its exit status whether such a one starts; `make test` asks.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
PAGE_SECONDS: Final = 20
DESK: Final = (1440, 1000)
PHONE: Final = (390, 844)


def installed() -> tuple[str, str] | None:
    """The paths of a browser and of its driver on this machine."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser is not None and driver is not None else None


@contextmanager
def chromium(size: tuple[int, int] = DESK, *, fetch: bool = True, dark: bool = False) -> Iterator[webdriver.Chrome]:
    """A browser with nothing in it that ends with the block.

    Raises:
        WebDriverException: none starts. With `fetch` Selenium looks for one on the network when none is installed.
    """
    found = installed()
    if found is None and not fetch:
        raise WebDriverException("no Chromium with its driver is installed")
    options = Options()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={size[0]},{size[1]}")
    if dark:
        options.add_argument("--force-dark-mode")
    with tempfile.TemporaryDirectory(prefix="aftercare-browser-") as profile:
        options.add_argument(f"--user-data-dir={Path(profile) / 'profile'}")
        if found is not None:
            options.binary_location = found[0]
        driver = webdriver.Chrome(options=options, service=Service(found[1]) if found is not None else None)
        try:
            driver.set_page_load_timeout(PAGE_SECONDS)
            yield driver
        finally:
            driver.quit()


def main(arguments: list[str]) -> int:
    """Start one and look at nothing; the exit status."""
    try:
        with chromium(fetch=arguments == ["fetched"]) as browser:
            browser.get("about:blank")
    except (WebDriverException, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
