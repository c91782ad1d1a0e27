//! Prometheus' text format, version 0.0.4 (prometheus.io, "Exposition formats"): for a scrape, and for files that
//! node_exporter's textfile collector reads.

use std::fmt::Write as _;

use crate::output::escape::escape;
use crate::output::metrics::{MetricFamily, MetricSample, Metrics};

/// The metrics as text; none where a report has none.
pub(in crate::output) fn render(metrics: &Metrics) -> String {
    let mut text = String::new();
    for MetricFamily { name, help, samples } in &metrics.families {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"));
        let _ = writeln!(text, "# TYPE {name} gauge");
        for MetricSample { labels, value } in samples {
            let own = labels.iter().map(|(name, value)| (*name, value.as_str()));
            let labels: Vec<String> =
                metrics.labels.known().chain(own).map(|(name, value)| label(name, value)).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    }
    text
}

/// A label. A name in a database may hold what a terminal or a log would take for something else.
fn label(name: &str, value: &str) -> String {
    let value = escape(value).replace('\\', "\\\\").replace('"', "\\\"");
    format!("{name}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::metrics::MetricLabels;

    #[test]
    fn every_label_is_escaped_and_every_metric_explained() {
        let labels = MetricLabels { database: Some("a\"b\\c\nd".to_owned()), ..MetricLabels::default() };
        let rows = MetricFamily::new("trueup_check_rows", "Rows,\nby \\ check")
            .sample(&[("check", "one"), ("severity", "error")], 3.0)
            .sample(&[("check", "\u{1b}[2J")], 0.5);
        let metrics = Metrics::of(labels)
            .family(rows)
            .family(MetricFamily::new("trueup_unknown", "Nothing").known(None));
        let expected = "# HELP trueup_check_rows Rows,\\nby \\\\ check\n# TYPE trueup_check_rows gauge\n\
            trueup_check_rows{database=\"a\\\"b\\\\c\\\\nd\",check=\"one\",severity=\"error\"} 3\n\
            trueup_check_rows{database=\"a\\\"b\\\\c\\\\nd\",check=\"\\\\x1b[2J\"} 0.5\n";
        assert_eq!(render(&metrics), expected);
        assert_eq!(
            render(&Metrics::default().family(MetricFamily::new("x", "y").known(Some(1.7e9)))),
            "# HELP x y\n# TYPE x gauge\nx 1700000000\n"
        );
    }
}
