"""Everything together: Kafka, Redis, mail, topics, directory, services, and who looks at them."""

import fcntl
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from deploy.local import ports, processes, register, services
from deploy.local.errors import StackError
from deploy.local.folders import BUILD, REPOSITORY, STACKS
from deploy.local.kafka import Kafka, Network, short_lived_options
from deploy.local.mail import Mail
from deploy.local.prometheus import Alertmanager, Prometheus
from deploy.local.redis import Redis
from deploy.local.services import Service, Surroundings
from deploy.local.waiting import Stopwatch
from services._runtime.clock import SystemClock
from services._runtime.web.tokens import issue_access

# Whom `endpoints.json` has a token for: a system that sends in requests, and a coordinator who may do anything.
TOKEN_ROLES = ("system", "coordinator")
TOKEN_LIFETIME = timedelta(days=1)
# Who there is in a stack that was not told otherwise; not loaded where the file is absent.
DIRECTORY = REPOSITORY / "deploy" / "local" / "demo" / "directory.yaml"


def one_of_each() -> dict[str, int]:
    """Return one instance of each service."""
    return dict.fromkeys(services.NAMES, 1)


@dataclass(frozen=True)
class Plan:
    """What to start.

    `instances` is the number of processes by service, none of a service that is not named; `partitions` those of every
    keyed topic; `fixed_ports` by "kafka", "redis", "smtp", "imap", "prometheus", "alertmanager" or process name, free
    ones otherwise; `settings` are further environment variables for the services; `kafka_network` is what lies in front
    of the brokers. A `detached` stack outlives its starter, any other dies with it. A `short_lived` one spares the
    processor the optimising that pays off only after minutes. With `watched` Prometheus and Alertmanager look at it,
    every `scrape_seconds` (None: as in production), and alerts go to the mail server, or to `alerts_to`, the address of
    a webhook.
    """

    name: str = "up"
    instances: Mapping[str, int] = field(default_factory=one_of_each)
    partitions: int = 8
    kafka_nodes: int = 1
    kafka_heap_megabytes: int = 640
    kafka_settings: Mapping[str, str] = field(default_factory=dict)
    kafka_network: Network | None = None
    fixed_ports: Mapping[str, int] = field(default_factory=dict)
    directory: Path = DIRECTORY
    settings: Mapping[str, str] = field(default_factory=dict)
    log_level: str = "info"
    detached: bool = False
    short_lived: bool = False
    watched: bool = False
    scrape_seconds: int | None = None
    alerts_to: str | None = None

    @property
    def folder(self) -> Path:
        """Return where the stack's data and logs lie."""
        return STACKS / self.name

    @property
    def endpoints(self) -> Path:
        """Return the file that says where the running stack is reached."""
        return BUILD / self.name / "endpoints.json"


class Stack:
    """A stack by its plan; use it as a context manager, or `start` and `stop` it. Not safe between threads.

    Start it from the main thread: its processes die with the thread that started them, unless detached.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.secret = secrets.token_urlsafe(32)
        self.mailbox_password = secrets.token_urlsafe(16)
        fixed, tied = plan.fixed_ports, not plan.detached
        self.kafka = Kafka(
            plan.folder / "kafka",
            nodes=plan.kafka_nodes,
            heap_megabytes=plan.kafka_heap_megabytes,
            port=fixed.get("kafka"),
            tied=tied,
            extra=plan.kafka_settings,
            java_options=short_lived_options() if plan.short_lived else None,
            network=plan.kafka_network,
            started=self._started,
        )
        self.redis = Redis(plan.folder / "redis", port=fixed.get("redis"), tied=tied, started=self._started)
        self.mail = Mail(
            plan.folder / "mail",
            smtp_port=fixed.get("smtp"),
            imap_port=fixed.get("imap"),
            tied=tied,
            started=self._started,
        )
        self.alertmanager = Alertmanager(
            plan.folder / "alertmanager",
            smtp_port=self.mail.smtp_port,
            webhook=plan.alerts_to,
            port=fixed.get("alertmanager"),
            tied=tied,
            started=self._started,
        )
        self.prometheus = Prometheus(
            plan.folder / "prometheus",
            alertmanager_port=self.alertmanager.port,
            scrape_seconds=plan.scrape_seconds,
            port=fixed.get("prometheus"),
            tied=tied,
            started=self._started,
        )
        self.services: dict[str, Service] = {}
        for service, count in plan.instances.items():
            for instance in range(count):
                self._plan_service(service, instance)
        self._register: register.Register | None = None

    def __enter__(self) -> Self:
        """Start the stack."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the stack."""
        self.stop()

    # ------------------------------------------------------------ life

    def start(self) -> float:
        """Start everything and wait until it is ready; return the seconds it took.

        Raises:
            StackError: a part did not start; what had been started is stopped again.
        """
        watch = Stopwatch()
        with _only_one(self.plan.name):
            self._register = register.claim(self.plan.folder, detached=self.plan.detached)
            try:
                self._start_servers()
                self._prepare()
                self._start_watching()
                self._start_services()
                self._wait_watching()
                register.write_json(self.plan.endpoints, self.endpoints(), readable_by_others=False)
            except BaseException:
                self.stop()
                raise
            self._register.complete()
        return watch.seconds()

    def stop(self) -> None:
        """Stop everything, services first; logs stay. Raises StackError when a process can't be ended."""
        self.plan.endpoints.unlink(missing_ok=True)
        with ExitStack() as last_to_first:  # each is tried, even when one before it fails
            for server in (self.kafka, self.mail, self.redis, self.alertmanager, self.prometheus):
                last_to_first.callback(server.stop)
            processes.stop([each.running for each in self.services.values() if each.running is not None])

    def _start_servers(self) -> None:
        self.redis.start()
        self.mail.start()
        self.kafka.start()
        self.redis.wait_ready()
        self.mail.wait_ready()
        self.kafka.wait_ready()

    def _prepare(self) -> None:
        """Make the topics and load the directory, where services are to run."""
        if not self.services:
            return
        settings, log = self.settings(), self.plan.folder / "prepare.log"
        services.run_once(services.TOPICS_COMMAND, settings, log=log)
        if self.plan.directory.is_file():
            services.run_once([*services.DIRECTORY_COMMAND, str(self.plan.directory)], settings, log=log)

    def _start_watching(self) -> None:
        if self.plan.watched:
            self.alertmanager.start()
            self.prometheus.start(self._scraped())

    def _wait_watching(self) -> None:
        if self.plan.watched:
            self.alertmanager.wait_ready()
            self.prometheus.wait_ready()

    def _scraped(self) -> dict[str, list[str]]:
        """Return where each service's `/metrics` are."""
        scraped: dict[str, list[str]] = {}
        for each in self.services.values():
            scraped.setdefault(each.service, []).append(f"{ports.HOST}:{each.port}")
        return scraped

    def _start_services(self) -> None:
        for service in self.services.values():
            service.start(self.settings(service))
        services.wait_ready(list(self.services.values()))

    # ------------------------------------------------------------ parts

    def add_service(self, service: str) -> Service:
        """Start one more instance of a service, without waiting for it; `services.wait_ready` waits."""
        instance = sum(each.service == service for each in self.services.values())
        added = self._plan_service(service, instance)
        added.start(self.settings(added))
        if self.plan.watched:
            self.prometheus.scrape(self._scraped())
        return added

    def restart_service(self, name: str) -> Service:
        """Start an ended process ("router", "router-1") again under its own settings, without waiting for it."""
        service = self.services[name]
        service.start(self.settings(service))
        return service

    def settings(self, service: Service | None = None) -> dict[str, str]:
        """Return the AFTERCARE_ settings of one process, or those for a command of the product."""
        surroundings = Surroundings(
            kafka_bootstrap=self.kafka.bootstrap,
            redis_url=self.redis.url,
            smtp_port=self.mail.smtp_port,
            imap_port=self.mail.imap_port,
            secret=self.secret,
            mailbox_password=self.mailbox_password,
            partitions=self.plan.partitions,
            replication=min(self.plan.kafka_nodes, 3),
            log_level=self.plan.log_level,
            extra=self.plan.settings,
        )
        return surroundings.environment(
            http_port=0 if service is None else service.port,
            instance=0 if service is None else service.instance,
            urls={each.name: each.url for each in self.services.values()},
        )

    def endpoints(self) -> dict[str, object]:
        """Return where everything is reached, who may call, and which process it is, as in `endpoints.json`."""
        nodes = self.kafka.nodes.values()
        watching = [self.prometheus.running, self.alertmanager.running]
        servers = [self.redis.running, self.mail.running, *(each.running for each in nodes), *watching]
        pages = {"prometheus": self.prometheus.url, "alertmanager": self.alertmanager.url}
        running = [*(each.running for each in self.services.values()), *servers]
        return {
            "kafka_bootstrap": self.kafka.bootstrap,
            "redis_url": self.redis.url,
            "http": {each.name: each.url for each in self.services.values()},
            "smtp": f"{ports.HOST}:{self.mail.smtp_port}",
            "imap": f"{ports.HOST}:{self.mail.imap_port}",
            **(pages if self.plan.watched else {}),
            "tokens": {role: self._token(role) for role in TOKEN_ROLES},
            "pids": {each.name: each.pid for each in running if each is not None},
        }

    def _token(self, role: str) -> str:
        """Return a bearer token for the stack's APIs, as long as the stack lives, for a day at most."""
        now = SystemClock().now()
        return issue_access(
            SecretStr(self.secret),
            tenant=services.TENANT,
            subject=f"local-{role}",
            roles={role},
            now=now,
            expires_at=now + TOKEN_LIFETIME,
        )

    def _plan_service(self, service: str, instance: int) -> Service:
        if service not in services.NAMES:
            raise StackError(f"no service is called {service}; there are {', '.join(services.NAMES)}")
        planned = Service(
            service,
            instance=instance,
            port=ports.free_port(),
            log=self.plan.folder / "services" / f"{service}-{instance}.log",
            tied=not self.plan.detached,
            started=self._started,
        )
        if (fixed := self.plan.fixed_ports.get(planned.name)) is not None:
            planned.port = ports.configured_or_free(fixed)
        self.services[planned.name] = planned
        return planned

    def _started(self, running: processes.Running) -> None:
        if self._register is not None:
            self._register.add(running)


@contextmanager
def _only_one(name: str) -> Iterator[None]:
    """Hold the right to start the stack of this name; raises StackError when another process holds it."""
    STACKS.mkdir(parents=True, exist_ok=True)
    with (STACKS / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(f"the stack {name} is being started by another process") from error
        yield


def down(plan: Plan) -> int:
    """Stop the stack of this plan's name, whoever started it; return how many processes were ended.

    Raises:
        StackError: one can't be ended.
    """
    ended = register.Found(plan.folder).stop()
    plan.endpoints.unlink(missing_ok=True)
    return ended
