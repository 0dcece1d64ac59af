"""Which customer an e-mail address belongs to, by the directory's domains."""

from __future__ import annotations

from schemas.directory import CustomerDefined
from services._runtime.directory.directory import Directory


class Profiles:
    """Asks the directory; keeps the domains until it has read on."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._version = -1
        self._by_domain: dict[str, CustomerDefined] = {}

    def customer_of(self, email: str | None) -> CustomerDefined | None:
        """The customer whose domain, or a parent of it, the address is in; None for strangers."""
        if email is None or "@" not in email:
            return None
        self._keep_up()
        labels = email.rpartition("@")[2].strip().casefold().split(".")
        # `mail.example.com` belongs to whoever has `example.com`; a top level belongs to nobody.
        names = (".".join(labels[first:]) for first in range(max(1, len(labels) - 1)))
        return next((self._by_domain[name] for name in names if name in self._by_domain), None)

    def _keep_up(self) -> None:
        version = self._directory.version
        if version != self._version:
            customers = self._directory.all(CustomerDefined)
            self._by_domain = {
                domain.casefold(): customer for customer in customers for domain in customer.email_domains
            }
            self._version = version
