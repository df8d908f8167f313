import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import de.bwaldvogel.mongo.wire.message.MongoQuery;
import io.netty.channel.Channel;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.h2.mvstore.MVStore;

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

    /**
     * Saves between commands, once a second. The library's own saving takes one table after the other while commands
     * change them, so that a killed server could keep a later write and forget an earlier one, which MongoDB's journal
     * never does.
     */
    private static final class Journaled extends H2Backend {
        private final ReadWriteLock lock = new ReentrantReadWriteLock(true);
        private final ScheduledExecutorService saving = Executors.newSingleThreadScheduledExecutor();

        Journaled(String file) {
            super(new MVStore.Builder().fileName(file).autoCommitDisabled().autoCommitBufferSize(0).open());
            saving.scheduleWithFixedDelay(this::save, 1, 1, TimeUnit.SECONDS);
        }

        private void save() {
            try {
                within(lock.writeLock(), () -> getMvStore().commit());
            } catch (RuntimeException error) { // nothing would be saved from now on
                error.printStackTrace();
                Runtime.getRuntime().halt(1);
            }
        }

        private static <T> T within(Lock lock, Supplier<T> action) {
            lock.lock();
            try {
                return action.get();
            } finally {
                lock.unlock();
            }
        }

        @Override
        public Document handleCommand(Channel channel, String database, String command, Document query) {
            return within(lock.readLock(), () -> super.handleCommand(channel, database, command, query));
        }

        @Override
        public QueryResult handleQuery(MongoQuery query) {
            return within(lock.readLock(), () -> super.handleQuery(query));
        }

        @Override
        public Document handleMessage(MongoMessage message) {
            return within(lock.readLock(), () -> super.handleMessage(message));
        }

        @Override
        public void close() {
            saving.shutdown();
            within(lock.writeLock(), () -> {
                super.close();
                return null;
            });
        }
    }

    public static void main(String[] arguments) {
        String storage = arguments[2];
        MongoBackend backend = storage.equals("memory") ? new MemoryBackend() : new Journaled(storage);
        MongoServer server = new MongoServer(backend.version(VERSION));
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
        server.bind(arguments[0], Integer.parseInt(arguments[1]));
    }
}
