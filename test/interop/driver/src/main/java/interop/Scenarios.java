package interop;

import java.util.LinkedHashMap;
import java.util.Map;

/** Every scenario by the name under which the host runs it. */
final class Scenarios {
    static final Map<String, Scenario> byName = new LinkedHashMap<>();

    static {
        Sends.register(byName);
        Pushes.register(byName);
        Retries.register(byName);
        Filters.register(byName);
        Pulls.register(byName);
        LitePulls.register(byName);
        Offsets.register(byName);
        Administered.register(byName);
        Queries.register(byName);
        Namespaces.register(byName);
        Requests.register(byName);
        Transactions.register(byName);
        Rebalances.register(byName);
        Shares.register(byName);
        Refusals.register(byName);
        Outages.register(byName);
        StoreVisits.register(byName);
    }

    private Scenarios() {
    }
}
