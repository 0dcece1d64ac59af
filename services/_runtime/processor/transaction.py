"""One Kafka transaction: outputs, changelog and input offsets, together or not at all.

What the client says of a failure decides what follows. *Retriable*: the same call again. *Abortable*: the transaction
is aborted and `TransactionAborted` tells the caller to decide the same records again. *Fatal, fenced, or the outcome of
the commit unknown*: `WriterLost` tells it to throw away producer, state and positions and to start from what is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from schemas.envelope import CONTENT_TYPE_HEADER
from services._runtime.clock import Clock
from services._runtime.engine.records import Output
from services._runtime.kafka.clients import CLIENT_LOG, REQUEST_SECONDS
from services._runtime.logs import get_logger

log = get_logger(__name__)
HEADERS: Final = [CONTENT_TYPE_HEADER]
COMMIT_SECONDS: Final = 30.0
HANG_SECONDS: Final = 1.0
FULL_QUEUE_WAIT_SECONDS: Final = 0.05
RECORD_FAULTS: Final = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
    }
)


class TransactionAborted(Exception):  # noqa: N818 - says what happened to it
    """The transaction was aborted and nothing of it is visible. `record_fault`: one of its records is to blame."""

    def __init__(self, error: KafkaError) -> None:
        super().__init__(str(error))
        self.kind = error.name()
        self.record_fault = error.code() in RECORD_FAULTS


class WriterLost(Exception):  # noqa: N818 - says what happened to it
    """The producer can't go on, or nobody knows whether the commit happened: start again from what is stored."""


class Writer:
    """The transactional producer of one processor in one instance slot."""

    def __init__(self, config: dict[str, Any], clock: Clock) -> None:
        self._clock = clock
        self._producer = Producer(config, logger=CLIENT_LOG)
        self._changelog_ends: dict[int, int] = {}
        self._abandoned = False

    def start(self) -> None:
        """Take over the id: fences an earlier process of this slot and ends what it left open.

        Raises:
            WriterLost: no broker could be asked within the time-out.
        """
        try:
            self._producer.init_transactions(REQUEST_SECONDS)
        except KafkaException as error:
            raise WriterLost(str(error)) from error

    def close(self) -> None:
        """Release the client; what was not committed is aborted by whoever takes over the id. Raises nothing."""
        if self._abandoned:
            return
        try:
            self._producer.close()
        except KafkaException as error:
            # The client aborts what is open first, which a fenced one may not: whoever fenced it has done that already.
            log.info("writer_closed_unclean", error=str(error))

    def commit(
        self,
        outputs: Iterable[Output],
        changelog: Sequence[Output],
        offsets: list[TopicPartition],
        group_metadata: Any,
    ) -> dict[int, int]:
        """Write everything in one transaction and return, for each partition, the changelog's position after it.

        Raises:
            TransactionAborted: nothing was written; the same records may be decided again.
            WriterLost: this writer is done for, or the outcome is unknown.
        """
        self._changelog_ends = {}
        try:
            self._call(self._producer.begin_transaction)
            self._produce_all(outputs, changelog)
            self._call(lambda: self._send_offsets(offsets, group_metadata))
            self._call(lambda: self._producer.commit_transaction(REQUEST_SECONDS))
        except TransactionAborted:
            self._call(lambda: self._producer.abort_transaction(REQUEST_SECONDS))
            raise
        return self._changelog_ends

    def _send_offsets(self, offsets: list[TopicPartition], group_metadata: Any) -> None:
        """Send the offsets, and wait for a bounded time.

        librdkafka ignores the time-out of this call while the group's coordinator is away (its issue 5456, open), and
        may never come back from it. So a thread makes the call; if it hangs, this writer is given up with the thread,
        and the next one fences it by taking over the id.
        """
        failures: list[BaseException] = []

        def call() -> None:
            try:
                self._producer.send_offsets_to_transaction(offsets, group_metadata, REQUEST_SECONDS)
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                failures.append(error)

        thread = threading.Thread(target=call, name="send offsets", daemon=True)
        thread.start()
        thread.join(REQUEST_SECONDS + HANG_SECONDS)
        if thread.is_alive():
            self._abandoned = True
            raise WriterLost("the group's coordinator did not answer, and the client does not come back")
        if failures:
            raise failures[0]

    def _produce_all(self, outputs: Iterable[Output], changelog: Sequence[Output]) -> None:
        for output in outputs:
            self._produce(output.topic, key=output.key, value=output.value, headers=HEADERS)
        last_of_partition = {output.partition: number for number, output in enumerate(changelog)}
        for number, output in enumerate(changelog):
            if number == last_of_partition[output.partition]:
                # One delivery report a partition tells how far the changelog goes; one a record would cost a call each.
                self._produce(
                    output.topic,
                    key=output.key,
                    value=output.value,
                    partition=output.partition,
                    on_delivery=self._on_changelog_end,
                )
            else:
                self._produce(output.topic, key=output.key, value=output.value, partition=output.partition)

    def _produce(self, topic: str, **record: Any) -> None:
        deadline = self._clock.monotonic_seconds() + COMMIT_SECONDS
        while True:
            try:
                self._producer.produce(topic, **record)
            except BufferError:
                if self._clock.monotonic_seconds() > deadline:
                    raise WriterLost("the producer's queue stayed full") from None
                self._producer.poll(FULL_QUEUE_WAIT_SECONDS)
            except KafkaException as error:
                raise _judged(error) from error
            else:
                return

    def _on_changelog_end(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            self._changelog_ends[message.partition()] = message.offset() + 1

    def _call(self, call: Callable[[], Any]) -> None:
        """Make a call of the transaction protocol, the same one again while it is retriable, for a bounded time."""
        deadline = self._clock.monotonic_seconds() + COMMIT_SECONDS
        while True:
            try:
                call()
            except KafkaException as error:
                if not error.args[0].retriable() or self._clock.monotonic_seconds() > deadline:
                    raise _judged(error) from error
                self._producer.poll(FULL_QUEUE_WAIT_SECONDS)
            else:
                return


def _judged(error: KafkaException) -> TransactionAborted | WriterLost:
    reason: KafkaError = error.args[0]
    if not reason.fatal() and (reason.txn_requires_abort() or reason.code() in RECORD_FAULTS):
        return TransactionAborted(reason)
    return WriterLost(str(reason))
