"""The Kafka half of a Faust app, kept apart so that it may fail and start again.

Faust 0.15 ends the worker when no broker answers at start, and again when its consumer crashes. So the application's
agents, declared on it as usual, are run by a twin: a second `faust.App` with the same agents, made anew for each
attempt and kept by `supervision.Supervised`. A twin that fails is thrown away whole; nothing of Faust's is reset.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import faust
from faust.app.base import BootStrategy

from services._runtime.clock import Clock
from services._runtime.settings import RuntimeSettings

METADATA_SECONDS: Final = 15.0
SESSION_SECONDS: Final = 20.0


class _KafkaOnly(BootStrategy):
    """No web server, and no producer: agents here only read."""

    enable_web = False
    enable_kafka_producer = False


class ControlApp(faust.App):
    """Runs agents, and nothing else of an app."""

    BootStrategy = _KafkaOnly
    mundane_level = "debug"
    logger = logging.getLogger("faust.control")


def faust_options(settings: RuntimeSettings, *, folder: Path) -> dict[str, Any]:
    """The Faust settings that application and twin share."""
    return {
        "broker": [f"kafka://{address.strip()}" for address in settings.kafka_bootstrap.split(",")],
        "store": "memory://",
        "datadir": str(folder),
        "web_enabled": False,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": int(METADATA_SECONDS * 1_000),
        "broker_session_timeout": SESSION_SECONDS,
        "stream_wait_empty": False,
        "worker_redirect_stdouts": False,
    }


def control_of(app: faust.App, *, settings: RuntimeSettings, folder: Path, clock: Clock) -> Callable[[], ControlApp]:
    """A factory of twins of `app`, for `Supervised`.

    Args:
        app: declares the agents; read at each attempt, so agents may be declared after this call.
        settings: from the environment.
        folder: scratch folder for Faust.
        clock: tells attempts apart.
    """

    def create() -> ControlApp:
        # A group for each attempt. Every instance reads every record, so no group is shared; and a new one need not
        # wait until the session of a predecessor that was killed has run out. It commits nothing, and a group without
        # members and offsets is forgotten by the broker.
        began = clock.now().strftime("%Y%m%dT%H%M%S.%f")
        group = f"{app.conf.id}-control-{settings.instance}-{began}"
        twin = ControlApp(group, **faust_options(settings, folder=folder))
        for agent in app.agents.values():
            twin.agent(_topic_on(twin, agent.channel), name=agent.name, concurrency=agent.concurrency)(agent.fun)
        return twin

    return create


def _topic_on(twin: faust.App, topic: Any) -> Any:
    return twin.topic(
        *topic.topics,
        acks=topic.acks,
        allow_empty=topic.allow_empty,
        key_type=topic.key_type,
        value_type=topic.value_type,
        key_serializer=topic.key_serializer,
        value_serializer=topic.value_serializer,
    )
