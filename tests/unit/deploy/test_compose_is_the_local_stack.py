"""docker-compose.yml and the local launcher start the same things, with the same commands and settings."""

import re
import tomllib
from typing import Any

import pytest
import yaml

from deploy.local import jars, kafka, services
from deploy.local.folders import REPOSITORY
from deploy.local.services import Surroundings
from deploy.local.stack import DIRECTORY

COMPOSE_TEXT = (REPOSITORY / "docker-compose.yml").read_text()
COMPOSE: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_TEXT)["services"]
PRODUCT = {name: part for name, part in COMPOSE.items() if part.get("image") == "aftercare:local"}

# What a broker in a container has otherwise: one listener more, for clients outside the containers.
ONLY_IN_CONTAINERS = {"listener.security.protocol.map"}


def _local_settings() -> dict[str, str]:
    surroundings = Surroundings(
        kafka_bootstrap="",
        redis_url="",
        smtp_port=1,
        imap_port=2,
        secret="x",
        mailbox_password="x",
        partitions=48,
        replication=1,
    )
    return surroundings.environment(http_port=3, instance=0, urls={})


def _pom_version(artifact: str) -> str:
    return str(re.findall(rf"<{artifact}\.version>(.+?)<", jars.STACK.pom.read_text())[0])


def test_the_product_in_compose_is_the_five_services_and_two_commands_before_them() -> None:
    assert set(PRODUCT) == {*services.NAMES, "topics", "directory"}


@pytest.mark.parametrize("service", services.NAMES)
def test_a_service_starts_by_the_same_command(service: str) -> None:
    assert COMPOSE[service]["command"] == services.command(service)


def test_topics_and_directory_are_made_by_the_same_commands() -> None:
    assert COMPOSE["topics"]["command"] == services.TOPICS_COMMAND
    directory = str(DIRECTORY.relative_to(REPOSITORY))
    assert COMPOSE["directory"]["command"] == [*services.DIRECTORY_COMMAND, directory]


@pytest.mark.parametrize("part", sorted(PRODUCT))
def test_every_process_is_given_the_same_settings(part: str) -> None:
    assert set(PRODUCT[part]["environment"]) == set(_local_settings())


@pytest.mark.parametrize("name", ["IMAP_USER", "MAIL_FROM", "INSTANCE", "REPLICATION"])
def test_settings_that_do_not_depend_on_the_place_are_equal(name: str) -> None:
    settings = COMPOSE["intake"]["environment"]
    assert settings[f"AFTERCARE_{name}"] == _local_settings()[f"AFTERCARE_{name}"]


def test_the_broker_is_set_up_alike() -> None:
    environment = COMPOSE["kafka"]["environment"]
    wanted = {name: value for name, value in kafka.settings(nodes=1).items() if name not in ONLY_IN_CONTAINERS}
    assert {name: environment.get("KAFKA_" + name.replace(".", "_").upper()) for name in wanted} == wanted


def test_kafka_and_mail_have_the_versions_of_the_pom() -> None:
    assert COMPOSE["kafka"]["image"] == f"apache/kafka:{_pom_version('kafka')}"
    assert COMPOSE["mail"]["image"] == f"greenmail/standalone:{_pom_version('greenmail')}"


def test_ports_are_published_on_the_loopback_alone() -> None:
    published = [port for part in COMPOSE.values() for port in part.get("ports", [])]
    assert len(published) == 9
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_variable_of_compose_stands_in_the_example() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    example = (REPOSITORY / ".env.example").read_text()
    assert used == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-java.lock"])
def test_a_lock_names_no_host_and_no_path(lock: str) -> None:
    text = (REPOSITORY / lock).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*(-[a-z-]+|--(?!hash)\S*)\s", text, re.MULTILINE)
    assert not re.search(r"(^|\s)[/~]", text)


def test_the_lock_holds_every_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    locked = set(re.findall(r"^([\w.-]+)==", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE))
    wanted = {re.split(r"[\[<>=]", each)[0] for each in project["dependencies"]}
    assert wanted <= locked
