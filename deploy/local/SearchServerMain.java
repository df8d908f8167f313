import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.opensearch.common.settings.Settings;

/** One OpenSearch node in DIRECTORY with its HTTP-PORT and TRANSPORT-PORT, until SIGTERM. */
public final class SearchServerMain {
    public static void main(String[] arguments) throws InterruptedException {
        OpenSearchRunner runner = new OpenSearchRunner();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(runner)));
        runner.onBuild((number, settings) -> settings
            // Without it a node looks for others for three seconds before it elects itself.
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", arguments[1])
            .put("transport.port", arguments[2])
            // A developer's full disk must not make every index read-only.
            .put("cluster.routing.allocation.disk.threshold_enabled", false));
        runner.build(OpenSearchRunner.newConfigs()
            .basePath(arguments[0]).numOfNode(1).clusterName("caas").disableESLogger());
        // There is no second node to hold a replica. As a node's own setting it would be ignored.
        runner.admin().cluster().prepareUpdateSettings()
            .setPersistentSettings(Settings.builder().put("cluster.default_number_of_replicas", 0))
            .get();
        new CountDownLatch(1).await();
    }

    private static void close(OpenSearchRunner runner) {
        try {
            runner.close();
        } catch (IOException failure) {
            failure.printStackTrace();
        }
    }
}
