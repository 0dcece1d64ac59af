import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.Stores;

/** Counts replies exactly once until SIGTERM: BOOTSTRAP INPUT OUTPUT APPLICATION STATE_FOLDER COMMIT_INTERVAL_MS. */
final class Main {
    private Main() {}

    public static void main(String[] arguments) throws InterruptedException {
        var streams = new KafkaStreams(topology(arguments[1], arguments[2]), settings(arguments));
        var ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.NOT_RUNNING || now == KafkaStreams.State.ERROR) ended.countDown();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
    }

    private static Topology topology(String input, String output) {
        // No cache: each key is changed at most once between two commits, so a cache would only cost.
        var store = Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(CountReplies.STORE), Serdes.String(), Seen.SERDE)
                .withCachingDisabled()
                .withLoggingEnabled(Map.of());
        return new Topology()
                .addSource("commands", Serdes.String().deserializer(), Json.COMMAND, input)
                .addProcessor("count", CountReplies::new, "commands")
                .addStateStore(store, "count")
                .addSink("events", output, Serdes.String().serializer(), Json.EVENT, "count");
    }

    private static Properties settings(String[] arguments) {
        var settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[3]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[4]);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, arguments[5]);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // As our own clients: compressed with lz4, and batches of up to 4,000 records.
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 4_000);
        return settings;
    }
}
