import java.time.Instant;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.state.KeyValueStore;

/** The work that all engines do: a ticket's reply is counted, stated as an event, and kept as state. */
final class CountReplies implements Processor<String, Contracts.CommandEvent, String, Contracts.TicketEvent> {
    static final String STORE = "seen";

    private ProcessorContext<String, Contracts.TicketEvent> context;
    private KeyValueStore<String, Seen> store;

    @Override
    public void init(ProcessorContext<String, Contracts.TicketEvent> context) {
        this.context = context;
        this.store = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, Contracts.CommandEvent> record) {
        Contracts.CommandEvent command = record.value();
        if (!Contracts.REPLY_TO_CUSTOMER.equals(command.type())) return;
        String key = record.key();
        Seen old = store.get(key);
        int sequence = old == null ? 1 : old.sequence() + 1;
        store.put(key, new Seen(sequence, command.data().actor().actorId(), command.id()));
        context.forward(record.withValue(replied(key, sequence, command)));
    }

    private Contracts.TicketEvent replied(String key, int sequence, Contracts.CommandEvent command) {
        RecordMetadata place = context.recordMetadata().orElseThrow();
        String position = place.topic() + "/" + place.partition() + "/" + place.offset();
        var data = new Contracts.AgentReplied(
                key, sequence, "in_progress", command.id(), Instant.now(), position,
                command.data().actor().actorId(), command.data().body());
        return new Contracts.TicketEvent(
                "1.0", key + ":" + sequence, "/aftercare/bench", Contracts.AGENT_REPLIED, command.time(),
                command.subject(), "urn:aftercare:schema:" + Contracts.AGENT_REPLIED, command.tenant(),
                command.traceparent(), data);
    }
}
