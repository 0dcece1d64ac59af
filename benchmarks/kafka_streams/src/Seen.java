import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What is kept of a ticket, in a compact binary form: sequence, then the two texts, each behind its length. */
record Seen(int sequence, String technicianId, String lastId) {
    static final Serde<Seen> SERDE = Serdes.serdeFrom((topic, seen) -> write(seen), (topic, bytes) -> read(bytes));

    private static byte[] write(Seen seen) {
        if (seen == null) return null;
        byte[] technician = seen.technicianId.getBytes(StandardCharsets.UTF_8);
        byte[] last = seen.lastId.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + technician.length + last.length)
                .putInt(seen.sequence).putInt(technician.length).put(technician).put(last).array();
    }

    private static Seen read(byte[] bytes) {
        if (bytes == null) return null;
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        int sequence = buffer.getInt();
        int length = buffer.getInt();
        String technician = new String(bytes, 8, length, StandardCharsets.UTF_8);
        return new Seen(sequence, technician, new String(bytes, 8 + length, bytes.length - 8 - length, StandardCharsets.UTF_8));
    }
}
