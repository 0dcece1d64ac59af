"""A board in a browser: signing in, waiting for what it shows, and what the console says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.served import WAIT_SECONDS, access_token


class BoardSite:
    """A served board, and a browser that looks at it."""

    def __init__(self, browser: Chrome, address: str) -> None:
        self.browser = browser
        self.address = address

    def sign_in(self, *roles: str, lang: str = "en") -> None:
        self.browser.get(f"{self.address}/board?lang={lang}")
        self.browser.find_element(By.ID, "token").send_keys(access_token(*roles))
        self.browser.find_element(By.CSS_SELECTOR, ".sign-in button").click()
        answered = "return document.readyState === 'complete' && !!document.querySelector('.pulse, .refused')"
        self.wait_for(lambda: self.script(answered), "the door has answered")

    def wait_until_live(self) -> None:
        """The stream is open and has brought its first lanes: what is found from now on is not replaced for nothing."""
        live = "return !!document.querySelector('.pulse.live') && !!document.querySelector('main').dataset.shown"
        self.wait_for(lambda: self.script(live), "the stream is open and has told what there is")

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        WebDriverWait(self.browser, WAIT_SECONDS, poll_frequency=0.1).until(lambda _: condition(), what)

    def complaints(self) -> list[str]:
        """What the console holds since the last look, but for the icon that browsers ask for and the door's 401."""
        entries: list[dict[str, Any]] = self.browser.execute("getLog", {"type": "browser"})["value"]
        messages = (str(entry["message"]) for entry in entries)
        return [message for message in messages if "favicon" not in message and "401" not in message]

    def script(self, code: str, *arguments: Any) -> Any:
        return self.browser.execute_script(code, *arguments)
