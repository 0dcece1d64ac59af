"""The AsyncAPI 3.0 document: every topic with its key, retention and types, for those who subscribe.

Payload schemas stay in the files beside it (`<type name>.json`) and are referenced, so there is one copy of each.
"""

from __future__ import annotations

from typing import Any, Final

from schemas.catalog import CATALOG
from schemas.contract import Contract
from schemas.envelope import Attributes, schema_uri
from schemas.json_schema import part_schema
from schemas.topic_settings import DEFAULT_REPLICATION, broker_settings, partitions_of
from schemas.topics import TOPICS, Topic

Document = dict[str, Any]

KAFKA_BINDING: Final = "0.5.0"
CONTENT_TYPE: Final = "application/cloudevents+json"
NUMERIC_SETTINGS: Final = frozenset({"retention.ms", "delete.retention.ms"})
DOCUMENTED_SETTINGS: Final = NUMERIC_SETTINGS | {"cleanup.policy"}

DESCRIPTION: Final = """\
Events are CloudEvents 1.0 in structured mode: one JSON object, `content-type: application/cloudevents+json` the only
header. `time` is when the fact occurred. Drop an `id` that you have seen, read committed, and ignore fields and types
that you do not know: then your effects are exactly-once and new versions do not disturb you. Keys are partitioned by
murmur2; each key's events are in order. Fields marked `x-personal-data` hold personal data."""


def document() -> Document:
    """The whole document; channels are the topics that carry typed events (state changelogs are nobody's business)."""
    channels = [topic for topic in TOPICS if topic.types]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Aftercare",
            "version": _version(),
            "description": DESCRIPTION.replace("\n", " "),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {topic.name: _channel(topic) for topic in channels},
        "operations": {f"publish.{topic.name}": _operation(topic) for topic in channels},
        "components": {
            "messages": {name: _message(contract) for name, contract in CATALOG.items()},
            "schemas": {"envelope": _envelope()},
        },
    }


def _version() -> str:
    """The newest version of the product that published a type: the document changes with it, not with each build."""
    return max((contract.since for contract in CATALOG.values()), key=lambda since: tuple(map(int, since.split("."))))


def _channel(topic: Topic) -> Document:
    settings = broker_settings(topic)
    configuration: Document = {name: settings[name] for name in sorted(DOCUMENTED_SETTINGS & settings.keys())}
    configuration["cleanup.policy"] = [configuration["cleanup.policy"]]
    configuration |= {name: int(configuration[name]) for name in NUMERIC_SETTINGS & configuration.keys()}
    return {
        "address": topic.name,
        "description": f"{topic.holds[0].upper()}{topic.holds[1:]}. Key: {topic.key}. Writer: {topic.writer}.",
        "messages": {
            contract.type_name: {"$ref": f"#/components/messages/{contract.type_name}"} for contract in topic.types
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": partitions_of(topic),
                "replicas": DEFAULT_REPLICATION,
                "topicConfiguration": configuration,
                "bindingVersion": KAFKA_BINDING,
            }
        },
        "x-key": topic.key,
        "x-writer": topic.writer,
    }


def _operation(topic: Topic) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"Written by: {topic.writer}.",
    }


def _message(contract: type[Contract]) -> Document:
    return {
        "name": contract.type_name,
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/envelope"},
                {
                    "type": "object",
                    "required": ["data"],
                    "properties": {
                        "type": {"const": contract.type_name},
                        "dataschema": {"const": schema_uri(contract.type_name)},
                        "data": {"$ref": f"./{contract.type_name}.json"},
                    },
                },
            ]
        },
        "bindings": {
            "kafka": {"key": {"type": "string", "description": _key(contract)}, "bindingVersion": KAFKA_BINDING}
        },
    }


def _key(contract: type[Contract]) -> str:
    (key,) = {topic.key for topic in TOPICS if contract in topic.types}
    return key


def _envelope() -> Document:
    schema = part_schema(Attributes)
    schema["title"] = "CloudEvent"
    return schema
