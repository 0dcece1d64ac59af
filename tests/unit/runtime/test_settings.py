"""What the environment must and may say."""

import pytest
from pydantic import ValidationError

from services._runtime.settings import RuntimeSettings

SECRET = "s" * 32


def test_the_environment_is_read_by_prefixed_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", SECRET)
    monkeypatch.setenv("AFTERCARE_KAFKA_BOOTSTRAP", "broker:9092")
    monkeypatch.setenv("AFTERCARE_REPLICATION", "1")
    settings = RuntimeSettings()
    assert (settings.kafka_bootstrap, settings.replication, settings.partitions) == ("broker:9092", 1, 48)


def test_a_service_does_not_start_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERCARE_SECRET", raising=False)
    with pytest.raises(ValidationError, match="secret"):
        RuntimeSettings()


def test_a_secret_shorter_than_the_digest_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", "short")
    with pytest.raises(ValidationError, match="32"):
        RuntimeSettings()


def test_the_secret_is_not_shown_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", SECRET)
    assert SECRET not in repr(RuntimeSettings())


def test_an_instance_slot_that_could_not_be_a_transactional_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCARE_SECRET", SECRET)
    monkeypatch.setenv("AFTERCARE_INSTANCE", "a b")
    with pytest.raises(ValidationError, match="instance"):
        RuntimeSettings()


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in RuntimeSettings.model_fields.items() if not field.description] == []
