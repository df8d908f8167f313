import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** Binds mongo-java-server to HOST PORT, over "memory" or the file named by the third argument. */
public final class MongoServerMain {
    /** The library reports a version that today's drivers refuse. */
    private static final MongoVersion VERSION = new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(7, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 21;
        }
    };

    public static void main(String[] arguments) {
        String storage = arguments[2];
        MongoBackend backend = storage.equals("memory") ? new MemoryBackend() : new H2Backend(storage);
        MongoServer server = new MongoServer(backend.version(VERSION));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind(arguments[0], Integer.parseInt(arguments[1]));
    }
}
