import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Instant;

/** The same events, with the same bounds, as `schemas.envelope`, `schemas.ticket_commands` and `schemas.ticket_events`. */
final class Contracts {
    static final String REPLY_TO_CUSTOMER = "aftercare.command.reply_to_customer.v1";
    static final String AGENT_REPLIED = "aftercare.ticket.agent_replied.v1";

    private Contracts() {}

    /** A CloudEvent in structured mode around a command. */
    record CommandEvent(
            String specversion, String id, String source, String type, Instant time, String subject,
            String dataschema, String tenant, String traceparent, ReplyToCustomer data) {
        CommandEvent {
            if (!"1.0".equals(specversion)) throw new IllegalArgumentException("specversion is not 1.0");
            bounded("id", id, 1, 1024);
            bounded("source", source, 1, 1024);
            bounded("type", type, 1, 1024);
            required("time", time);
            if (subject != null) bounded("subject", subject, 1, 1024);
            bounded("dataschema", dataschema, 1, 1024);
            bounded("tenant", tenant, 1, 1024);
            if (traceparent != null) bounded("traceparent", traceparent, 0, 128);
            required("data", data);
        }
    }

    record ReplyToCustomer(@JsonProperty("ticket_id") String ticketId, Actor actor, String body) {
        ReplyToCustomer {
            bounded("ticket_id", ticketId, 3, 64);
            required("actor", actor);
            bounded("body", body, 0, 100_000);
        }
    }

    enum ActorKind {
        REQUESTER("requester"), TECHNICIAN("technician"), COORDINATOR("coordinator"), SYSTEM("system");

        private final String word;

        ActorKind(String word) { this.word = word; }

        @JsonValue
        String word() { return word; }
    }

    record Actor(ActorKind kind, @JsonProperty("actor_id") String actorId) {
        Actor {
            required("kind", kind);
            bounded("actor_id", actorId, 1, 128);
        }
    }

    /** A CloudEvent in structured mode around a ticket event; what is absent is not written. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record TicketEvent(
            String specversion, String id, String source, String type, Instant time, String subject,
            String dataschema, String tenant, String traceparent, AgentReplied data) {}

    record AgentReplied(
            @JsonProperty("ticket_id") String ticketId, int sequence, String status, String cause,
            @JsonProperty("decided_at") Instant decidedAt, String position,
            @JsonProperty("technician_id") String technicianId, String body) {}

    private static void bounded(String name, String value, int least, int most) {
        required(name, value);
        // Ours count code points. Only a text near a bound can tell the two apart.
        if (value.length() < least || value.length() > most) throw new IllegalArgumentException(name + " is out of bounds");
    }

    private static void required(String name, Object value) {
        if (value == null) throw new IllegalArgumentException(name + " is missing");
    }
}
