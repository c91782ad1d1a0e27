//! Metrics as plain data: what a report counts, for systems that collect numbers. Only the format `prometheus` knows how they
//! are written.

/// What tells the databases of one machine apart: labels of every sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricLabels {
    /// The database asked for.
    pub database: Option<String>,
    /// The environment asked for.
    pub environment: Option<String>,
    /// The project's name, if it has one.
    pub project: Option<String>,
}

impl MetricLabels {
    /// The names and values of the labels that are known.
    pub(super) fn known(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all =
            [("database", &self.database), ("environment", &self.environment), ("project", &self.project)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

/// What is read of a database, each on its own: the values of the label `probe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeName {
    /// The history of migrations: what `trueup ready` reads.
    Readiness,
    /// The schema: what `trueup check` compares.
    Schema,
    /// The rows: what `trueup verify` counts.
    Data,
    /// The backups in the store.
    Backup,
}

impl ProbeName {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Readiness => "readiness",
            Self::Schema => "schema",
            Self::Data => "data",
            Self::Backup => "backup",
        }
    }
}

/// The metrics of a report. A metric that is not known is not among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    pub(super) labels: MetricLabels,
    pub(super) families: Vec<MetricFamily>,
}

/// The samples of one metric. All metrics of trueup are gauges: what is true at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricFamily {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) samples: Vec<MetricSample>,
}

/// A value and the labels that it has beside those of all samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MetricSample {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: f64,
}

impl Metrics {
    /// No metrics yet, of the database with these labels.
    pub fn of(labels: MetricLabels) -> Self {
        Self { labels, families: Vec::new() }
    }

    /// Adds a metric, unless it has no samples.
    #[must_use]
    pub fn family(mut self, family: MetricFamily) -> Self {
        if !family.samples.is_empty() {
            self.families.push(family);
        }
        self
    }
}

impl MetricFamily {
    /// A metric without samples yet.
    pub fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: Vec::new() }
    }

    /// Adds a sample with these labels.
    #[must_use]
    pub fn sample(mut self, labels: &[(&'static str, &str)], value: f64) -> Self {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        self.samples.push(MetricSample { labels, value });
        self
    }

    /// Adds a sample without further labels, where its value is known.
    #[must_use]
    pub fn known(self, value: Option<f64>) -> Self {
        value.into_iter().fold(self, |family, value| family.sample(&[], value))
    }
}
