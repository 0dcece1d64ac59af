import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import com.fasterxml.jackson.module.blackbird.BlackbirdModule;
import java.io.IOException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/** Reader and writer of each event, made once. Unknown fields are passed over, as ours pass over them. */
final class Json {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .addModule(new JavaTimeModule())
            .addModule(new BlackbirdModule())
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .build();
    private static final ObjectReader READER = MAPPER.readerFor(Contracts.CommandEvent.class);
    private static final ObjectWriter WRITER = MAPPER.writerFor(Contracts.TicketEvent.class);

    static final Deserializer<Contracts.CommandEvent> COMMAND = (topic, bytes) -> read(bytes);
    static final Serializer<Contracts.TicketEvent> EVENT = (topic, event) -> write(event);

    private Json() {}

    private static Contracts.CommandEvent read(byte[] bytes) {
        try {
            return READER.readValue(bytes);
        } catch (IOException error) {
            throw new SerializationException("not a command", error);
        }
    }

    private static byte[] write(Contracts.TicketEvent event) {
        try {
            return WRITER.writeValueAsBytes(event);
        } catch (IOException error) {
            throw new SerializationException("not written", error);
        }
    }
}
