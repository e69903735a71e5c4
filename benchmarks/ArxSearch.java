import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.deidentifier.arx.ARXAnonymizer;
import org.deidentifier.arx.ARXConfiguration;
import org.deidentifier.arx.ARXLattice.ARXNode;
import org.deidentifier.arx.AttributeType.Hierarchy;
import org.deidentifier.arx.Data;
import org.deidentifier.arx.criteria.KAnonymity;
import org.deidentifier.arx.metric.Metric;

/**
 * ARX's exact search, timed when told: for each line "k suppression" on standard input one line "seconds level level ..."
 * with the CPU seconds of the searching thread and the optimum's levels in the order of the columns.
 *
 * <p>java -cp ARX.jar ArxSearch.java FOLDER, where FOLDER has table.tsv with a header and NAME.tsv for each column, whose
 * rows are a value and its ever coarser words.
 */
public final class ArxSearch {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        List<String[]> rows = read(folder.resolve("table.tsv"));
        String[] columns = rows.get(0);
        Data table = Data.create(rows);
        for (String name : columns) {
            String[][] words = read(folder.resolve(name + ".tsv")).toArray(new String[0][]);
            table.getDefinition().setAttributeType(name, Hierarchy.create(words));
        }
        System.out.println("ready");
        BufferedReader asked = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = asked.readLine(); line != null; line = asked.readLine()) {
            String[] words = line.split(" ");
            System.out.println(search(table, columns, Integer.parseInt(words[0]), Double.parseDouble(words[1])));
        }
    }

    private static String search(Data table, String[] columns, int k, double suppression) throws Exception {
        ARXConfiguration configuration = ARXConfiguration.create();
        configuration.addPrivacyModel(new KAnonymity(k));
        configuration.setSuppressionLimit(suppression);
        configuration.setQualityModel(Metric.createLossMetric());
        table.getHandle().release();
        long begun = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
        ARXNode best = new ARXAnonymizer().anonymize(table, configuration).getGlobalOptimum();
        long taken = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begun;
        StringBuilder found = new StringBuilder(Double.toString(taken / 1e9));
        for (String name : columns) {
            found.append(' ').append(best.getGeneralization(name));
        }
        return found.toString();
    }

    private static List<String[]> read(Path path) throws Exception {
        return Files.readAllLines(path).stream().map(line -> line.split("\t", -1)).collect(Collectors.toList());
    }
}
