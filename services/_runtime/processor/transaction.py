"""One Kafka transaction: outputs, changelog and input offsets, together or not at all.

It is begun before its records are decided, since their offsets are known by then: the brokers are told of the offsets
and take the first outputs in while the rest is being decided, instead of one after the other at the end.

What the client says of a failure decides what follows. *Retriable*: the same call again. *Abortable*: the transaction
is aborted and `TransactionAborted` tells the caller to decide the same records again. *Fatal, fenced, or the outcome of
the commit unknown*: `WriterLost` tells it to throw away producer, state and positions and to start from what is stored.
"""

from __future__ import annotations

import contextlib
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
HEADERS: Final[list[tuple[str, str | bytes | None]]] = [CONTENT_TYPE_HEADER]
BY_KEY: Final = -1
"""The client's word for a partition that the partitioner chooses."""
COMMIT_SECONDS: Final = 30.0
OFFSETS_SECONDS: Final = 2.0
"""After so long without an answer to the offsets, which mostly takes milliseconds, the cluster is looked at: a broker
may have died, or all of them are slow."""
LOOK_SECONDS: Final = 1.0
HANG_SECONDS: Final = 9.0
"""How long the cluster is looked at, with a second between; then it has taken too long in any case."""
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
    """The transaction was aborted and nothing of it is visible. `record_fault`: one of its records is to blame.

    `outage`: a broker that has its part in every transaction is away, so that it is worth to try for longer.
    """

    def __init__(self, error: KafkaError, *, outage: bool = False) -> None:
        super().__init__(str(error))
        self.kind = error.name()
        self.record_fault = error.code() in RECORD_FAULTS
        self.outage = outage


class WriterLost(Exception):  # noqa: N818 - says what happened to it
    """The producer can't go on, or nobody knows whether the commit happened: start again from what is stored."""


class _Call:
    """A call in a thread of its own, since the client may never come back from it."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="send offsets", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            self._failure = error

    def returned(self, timeout_seconds: float) -> bool:
        """Wait for its end for a bounded time; tell whether it came. Raises what the call raised."""
        self._thread.join(timeout_seconds)
        if self._thread.is_alive():
            return False
        if self._failure is not None:
            raise self._failure
        return True


class Writer:
    """The transactional producer of one processor in one slot: `begin`, `write` …, then `commit` or `abort`.

    When the group's coordinator dies, the client that asked it hangs: it asks for the new one only when some broker
    comes or goes (librdkafka's issues 5456 and 5511, open). Once `a_broker_is_away` says that one has died, such a
    client is left behind, and a new one takes over its id, which aborts the transaction. Membership, assignment and
    state stay as they are.
    """

    def __init__(self, config: dict[str, Any], clock: Clock, a_broker_is_away: Callable[[], bool]) -> None:
        self._config = config
        self._clock = clock
        self._a_broker_is_away = a_broker_is_away
        self._producer = Producer(config, logger=CLIENT_LOG)
        self._changelog_ends: dict[int, int] = {}
        self._offsets: list[TopicPartition] = []
        self._group_metadata: Any = None
        self._sending: _Call | None = None
        self._open = False
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
            # It raises when it learns of that only now, and warns when it knew.
            log.info("writer_closed_unclean", error=str(error))

    def begin(self, offsets: list[TopicPartition], group_metadata: Any) -> None:
        """Open a transaction and begin to send the input offsets that it moves.

        Raises:
            WriterLost: this writer is done for.
        """
        self._changelog_ends = {}
        self._offsets, self._group_metadata = offsets, group_metadata
        self._call(self._producer.begin_transaction)
        self._open = True
        self._sending = self._send_offsets()

    def write(self, outputs: Iterable[Output]) -> None:
        """Hand outputs to the client. By position: twice an event, keywords and a wrapper would cost a µs each.

        Raises:
            TransactionAborted, WriterLost: as `commit`.
        """
        produce = self._producer.produce
        for each in outputs:
            try:
                produce(each.topic, each.value, each.key, BY_KEY, headers=HEADERS)
            except (BufferError, KafkaException) as error:
                self._produce_after(error, each, BY_KEY, headers=HEADERS)

    def commit(self, changelog: Sequence[Output]) -> dict[int, int]:
        """Write the changelog, commit, and return, for each partition, the changelog's position after it.

        Raises:
            TransactionAborted: the transaction must be aborted; the same records may be decided again.
            WriterLost: this writer is done for, or the outcome is unknown.
        """
        self._write_changelog(changelog)
        self._call(self._await_offsets)
        self._call(lambda: self._producer.commit_transaction(REQUEST_SECONDS))
        self._open = False
        return self._changelog_ends

    def abort(self) -> None:
        """Make sure that nothing of an open transaction becomes visible.

        Raises:
            WriterLost: this writer is done for; whoever takes over its id aborts what it left open.
        """
        if not self._open:
            return
        self._await_sending()
        if self._open:  # not where the client was replaced meanwhile
            self._call(lambda: self._producer.abort_transaction(REQUEST_SECONDS))
            self._open = False

    # ── offsets ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _send_offsets(self) -> _Call:
        """Send the offsets in a thread, since there is something else to do meanwhile, and since it may hang."""
        producer, offsets, group = self._producer, self._offsets, self._group_metadata
        return _Call(lambda: producer.send_offsets_to_transaction(offsets, group, REQUEST_SECONDS))

    def _await_offsets(self) -> None:
        """Wait until the offsets are sent; called again after a retriable failure, it sends them again."""
        sending, self._sending = self._sending or self._send_offsets(), None
        if sending.returned(OFFSETS_SECONDS):
            return
        deadline = self._clock.monotonic_seconds() + HANG_SECONDS
        while self._clock.monotonic_seconds() < deadline:
            if self._a_broker_is_away():
                self._replace_client()
                unanswered = "a broker died, and the client does not find the group's next coordinator"
                raise TransactionAborted(KafkaError(KafkaError._TIMED_OUT, unanswered), outage=True)  # noqa: SLF001
            if sending.returned(LOOK_SECONDS):
                return
        self._abandoned = True
        raise WriterLost("the group's coordinator did not answer, and the client does not come back")

    def _replace_client(self) -> None:
        """Leave the client behind with the call that hangs: its successor takes over the id, and so ends what is open.

        Raises:
            WriterLost: no broker could be asked within the time-out.
        """
        producer = self._producer = Producer(self._config, logger=CLIENT_LOG)
        self._open = False
        # Who has lost one broker has often lost the coordinator of transactions as well: it is worth to wait for.
        self._call(lambda: producer.init_transactions(REQUEST_SECONDS))

    def _await_sending(self) -> None:
        """Let a call that is under way come to its end, whatever it is: the client takes one at a time."""
        if self._sending is not None:
            with contextlib.suppress(KafkaException, TransactionAborted):
                self._await_offsets()

    # ── records ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _write_changelog(self, changelog: Sequence[Output]) -> None:
        """One delivery report a partition tells how far the changelog goes; one a record would cost a call each."""
        produce = self._producer.produce
        last = {each.partition: each for each in changelog}
        for each in changelog:
            partition = BY_KEY if each.partition is None else each.partition
            try:
                if last[each.partition] is each:
                    produce(each.topic, each.value, each.key, partition, on_delivery=self._on_changelog_end)
                else:
                    produce(each.topic, each.value, each.key, partition)
            except (BufferError, KafkaException) as error:
                self._produce_after(error, each, partition, on_delivery=self._on_changelog_end)

    def _produce_after(self, error: Exception, output: Output, partition: int, **how: Any) -> None:
        """Wait, for a bounded time, for room in the client's queue; any other error is judged."""
        deadline = self._clock.monotonic_seconds() + COMMIT_SECONDS
        while isinstance(error, BufferError):
            if self._clock.monotonic_seconds() > deadline:
                raise WriterLost("the producer's queue stayed full") from None
            self._producer.poll(FULL_QUEUE_WAIT_SECONDS)
            try:
                self._producer.produce(output.topic, output.value, output.key, partition, **how)
            except (BufferError, KafkaException) as again:
                error = again
            else:
                return
        if isinstance(error, KafkaException):
            if error.args[0].code() == KafkaError._STATE:  # noqa: SLF001 - the client's public name for it
                self._raise_what_failed()
            raise _judged(error) from error

    def _raise_what_failed(self) -> None:
        """Raise by what an open transaction has failed, whose client takes no more records and does not say why.

        Any call of the protocol says it, and sending the offsets changes nothing. They may have been sent before.
        """
        for _ in range(2):
            self._call(self._await_offsets)

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
