"""docker-compose.yml and the local launcher start the same things, with the same commands and settings."""

import re
import subprocess
import sys
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
RUN_ONCE = {"topics", "directory"}
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
    assert len(published) == 12
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_variable_of_compose_stands_in_the_example() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    example = (REPOSITORY / ".env.example").read_text()
    assert used == set(re.findall(r"^(\w+)=", example, re.MULTILINE))


def test_compose_is_what_its_specification_calls_a_compose_file() -> None:
    """By the schema of the specification, which check-jsonschema brings along."""
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*check, "docker-compose.yml"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    broken = subprocess.run(
        [*check, "-"], input="services: {a: {imagee: b}}", capture_output=True, text=True, check=False
    )
    assert broken.returncode == 1


each_part = pytest.mark.parametrize("part", sorted(COMPOSE))


@each_part
def test_nothing_runs_as_root_or_may_become_it(part: str) -> None:
    settings = COMPOSE[part]
    assert int(settings["user"].partition(":")[0]) > 0
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings.get("read_only", False) or part == "kafka"
    assert "privileged" not in settings


@each_part
def test_everything_has_limits(part: str) -> None:
    assert COMPOSE[part]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


@each_part
def test_whatever_stays_running_comes_back_and_says_whether_it_is_well(part: str) -> None:
    if part in RUN_ONCE:
        assert "restart" not in COMPOSE[part]
    else:
        assert COMPOSE[part]["restart"] == "unless-stopped"
        assert COMPOSE[part]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@each_part
def test_what_is_waited_for_is_waited_for_until_it_is_well(part: str) -> None:
    for other, wait in COMPOSE[part].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in RUN_ONCE else "service_healthy"
        assert wait == {"condition": expected}


@each_part
def test_images_are_pinned_to_a_whole_version(part: str) -> None:
    assert re.fullmatch(r"aftercare:local|[a-z]+(/[a-z]+)?:v?\d+\.\d+\.\d+(-alpine)?", COMPOSE[part]["image"])


def test_the_product_is_built_in_stages_on_a_pinned_image_and_does_not_run_as_root() -> None:
    lines = (REPOSITORY / "deploy" / "docker" / "Dockerfile").read_text().splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base) for base in bases)
    (user,) = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert COMPOSE["intake"]["user"] == f"{user}:{user}"
    assert any("--require-hashes -r requirements.lock" in line for line in lines)


@pytest.mark.parametrize("part", ["kafka", "redis", "prometheus", "alertmanager", "grafana"])
def test_what_has_to_be_kept_is_on_a_volume(part: str) -> None:
    kept = [each.partition(":")[0] for each in COMPOSE[part]["volumes"] if not each.startswith("./")]
    assert kept == [part]
    assert part in yaml.safe_load(COMPOSE_TEXT)["volumes"]


def test_redis_keeps_what_no_topic_could_give_back() -> None:
    command = COMPOSE["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_whatever_is_mounted_from_here_is_there_and_can_not_be_changed() -> None:
    mounts = [each for part in COMPOSE.values() for each in part.get("volumes", []) if each.startswith("./")]
    assert len(mounts) == 5
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert (REPOSITORY / source).exists()
        assert mode == "ro"


def test_grafana_is_the_one_that_the_dashboards_are_written_for() -> None:
    lock = (REPOSITORY / "requirements-dev.lock").read_text()
    (version,) = re.findall(r"^grafana-foundation-sdk==\d+!([\d.]+)", lock, re.MULTILINE)
    assert COMPOSE["grafana"]["image"] == f"grafana/grafana:{version}"


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
