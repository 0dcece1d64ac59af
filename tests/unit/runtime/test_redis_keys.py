"""Keys in Redis keep tenants apart."""

import pytest

from services._runtime.redis_client import shared_key, tenant_key


def test_a_key_begins_with_its_tenant() -> None:
    assert tenant_key("acme", "thread", "mail:1") == "aftercare:acme:thread:mail:1"


@pytest.mark.parametrize("tenant", ["", "acme:other"])
def test_a_tenant_that_would_reach_another_ones_keys_is_refused(tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        tenant_key(tenant, "thread")


def test_a_shared_key_is_no_tenants_key() -> None:
    assert shared_key("positions") == "aftercare::positions"
