//! One finding.

use serde::Serialize;

use super::{Cause, CauseKind, Location, Remedy, ReportedEstimate, Severity};

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Declared, but not in the database.
    Missing,
    /// In the database, but not declared.
    Unexpected,
    /// In both, and not the same.
    Different,
}

impl Change {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::Different => "different",
        }
    }
}

/// One attribute that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttributeFinding {
    /// The attribute's name.
    pub name: String,
    /// The value that is declared; `None` when none is.
    pub declared: Option<String>,
    /// The value in the database; `None` when it has none.
    pub actual: Option<String>,
    /// Why it differs, where that is not the finding's cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// The two sides of a difference, in a few words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// What the database has.
    pub database: String,
    /// What is declared; empty where nothing is.
    pub declared: String,
}

impl Sides {
    /// What the database has, and what is declared.
    pub fn new(database: impl Into<String>, declared: impl Into<String>) -> Self {
        Self { database: database.into(), declared: declared.into() }
    }
}

/// What `schema/` lacks: an object, or an attribute of one, that an applied migration makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undeclared {
    /// The text that declares it; `None` where it is longer than a line.
    pub text: Option<String>,
    /// The relation that it belongs to, qualified and quoted, where it is a part of one.
    pub relation: Option<String>,
    /// What to do where it is not wanted: the migration to write.
    pub unwanted: String,
}

impl Undeclared {
    /// What to do: first the line to add to `file`, then the migration that takes it away. `made_at` is where a migration
    /// makes it.
    pub fn advice(&self, file: &str, made_at: Option<&Location>) -> String {
        let declare = match (&self.text, made_at) {
            (Some(text), _) => format!("add to {file}: {text}"),
            (None, Some(Location { file: from, line, .. })) => {
                format!("declare it in {file}, as {from}:{line} makes it")
            }
            (None, None) => format!("declare it in {file}"),
        };
        format!("{declare}; or {}", self.unwanted)
    }
}

/// One difference or fault: object, severity, cause, remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `column.missing`, `column.nullability`, `history.edited`: stable, an API.
    pub code: String,
    /// How severe it is.
    pub severity: Severity,
    /// What the object is: `table`, `migration`, `data_check`.
    pub kind: &'static str,
    /// Its name, qualified and quoted.
    pub object: String,
    /// What kind of difference.
    pub change: Change,
    /// All attributes that differ.
    pub attributes: Vec<AttributeFinding>,
    /// Why it differs; `None` where a cause makes no sense, as for rows that a data check finds.
    pub cause: Option<Cause>,
    /// What to do about it.
    pub remedy: Remedy,
    /// What comes only as a consequence of this finding, and is therefore no finding of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<String>,
    /// The place in the project's files that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// How long others wait for it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<ReportedEstimate>,
    /// The two sides in a few words, where no attribute says them.
    #[serde(skip)]
    pub sides: Option<Sides>,
    /// What `schema/` lacks, where that is the cause: the advice is completed when its file is known.
    #[serde(skip)]
    pub undeclared: Option<Undeclared>,
}

impl Finding {
    /// A finding with neither attributes, cause, remedy nor location yet.
    pub fn new(
        code: impl Into<String>,
        severity: Severity,
        kind: &'static str,
        object: impl Into<String>,
        change: Change,
    ) -> Self {
        Self {
            code: code.into(),
            severity,
            kind,
            object: object.into(),
            change,
            attributes: Vec::new(),
            cause: None,
            remedy: Remedy::default(),
            consequences: Vec::new(),
            location: None,
            estimate: None,
            sides: None,
            undeclared: None,
        }
    }

    /// Sets the place in the project's files that it is about.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// Sets why it differs.
    #[must_use]
    pub fn cause(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Sets what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = remedy;
        self
    }

    /// Sets the two sides in a few words.
    #[must_use]
    pub fn sides(mut self, sides: Sides) -> Self {
        self.sides = Some(sides);
        self
    }

    /// The kind of its cause.
    pub fn cause_kind(&self) -> Option<CauseKind> {
        self.cause.as_ref().map(|cause| cause.kind)
    }

    /// Its cause, and those of its attributes that have one of their own.
    pub fn causes(&self) -> impl Iterator<Item = &Cause> {
        let of_attributes = self.attributes.iter().filter_map(|attribute| attribute.cause.as_ref());
        self.cause.iter().chain(of_attributes)
    }

    /// Whether a cause of it is of this kind.
    pub fn has_cause(&self, kind: CauseKind) -> bool {
        self.causes().any(|cause| cause.kind == kind)
    }

    /// The kind as people read it: `foreign key`.
    pub fn kind_label(&self) -> String {
        self.kind.replace('_', " ")
    }

    /// Its object on one line: a name may have line ends in it, and a report in lines must not be taken for more of them.
    pub fn object_in_line(&self) -> String {
        self.object.replace('\r', "\\r").replace('\n', "\\n").replace('\t', "\\t")
    }

    /// What is wrong and why in one sentence, for formats that have one line for it.
    pub fn sentence(&self) -> String {
        let difference = match (&self.sides, self.attributes.as_slice()) {
            (_, attributes @ [_, ..]) => {
                let shown = |value: &Option<String>| match value.as_deref() {
                    None => "none".to_owned(),
                    Some(value) if value.contains('\n') || value.chars().count() > 80 => {
                        "another text".to_owned()
                    }
                    Some(value) => value.to_owned(),
                };
                let one = |attribute: &AttributeFinding| {
                    let (actual, declared) = (shown(&attribute.actual), shown(&attribute.declared));
                    format!("{} is {actual}, declared {declared}", attribute.name)
                };
                attributes.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            (Some(Sides { database, declared }), []) if declared.is_empty() => database.clone(),
            (Some(Sides { database, declared }), []) => match self.change {
                Change::Missing => format!("missing ({declared})"),
                Change::Unexpected => format!("not declared ({database})"),
                Change::Different => format!("{database}, declared: {declared}"),
            },
            (None, []) => match self.change {
                Change::Missing => "missing".to_owned(),
                Change::Unexpected => "not declared".to_owned(),
                Change::Different => "differs".to_owned(),
            },
        };
        let cause = match &self.cause {
            Some(cause) if !cause.detail.is_empty() => format!(" ({}: {})", cause.kind.label(), cause.detail),
            Some(cause) => format!(" ({})", cause.kind.label()),
            None => String::new(),
        };
        format!("{} {}: {difference}{cause}", self.kind_label(), self.object_in_line())
    }
}
