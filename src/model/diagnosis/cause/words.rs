//! Values in words: what a cause says of them.

use crate::postgres::catalog::{Attribute, Object};

/// A value that a sentence can name: an attribute's, or whether the object exists.
pub(in crate::model::diagnosis) trait Value: PartialEq + Copy {
    /// The value in words.
    fn in_words(self, attribute: Option<Attribute>) -> String;

    /// Whether there is anything: an object that exists, an attribute that is set.
    fn is_present(self) -> bool;

    /// Whether an object, or its absence, has this value.
    fn is_of(self, object: Option<&Object>, attribute: Option<Attribute>) -> bool;
}

impl Value for Option<&str> {
    fn in_words(self, attribute: Option<Attribute>) -> String {
        match (attribute, self) {
            (Some(Attribute::Nullable), Some("true")) => "nullable".into(),
            (Some(Attribute::Nullable), Some(_)) => "NOT NULL".into(),
            (_, None) => "nothing".into(),
            (Some(attribute), Some(_)) if attribute.is_text() => "another text".into(),
            (_, Some(value)) if value.contains('\n') || value.chars().count() > 60 => "another value".into(),
            (_, Some(value)) => value.into(),
        }
    }

    fn is_present(self) -> bool {
        self.is_some()
    }

    fn is_of(self, object: Option<&Object>, attribute: Option<Attribute>) -> bool {
        object.zip(attribute).and_then(|(object, attribute)| object.attributes.meaning(attribute)) == self
    }
}

impl Value for bool {
    fn in_words(self, _: Option<Attribute>) -> String {
        if self { "exist".into() } else { "not exist".into() }
    }

    fn is_present(self) -> bool {
        self
    }

    fn is_of(self, object: Option<&Object>, _: Option<Attribute>) -> bool {
        object.is_some() == self
    }
}

/// What a pending migration does: "adds it", "makes it nullable".
pub(super) fn does<T: Value>(attribute: Option<Attribute>, to: T, from: T) -> String {
    let (new, old) = (to.in_words(attribute), from.in_words(attribute));
    match attribute {
        None if to.is_present() => "adds it".into(),
        None => "drops it".into(),
        Some(Attribute::Nullable) => format!("makes it {new}"),
        Some(_) if !to.is_present() => "removes it".into(),
        Some(attribute) if attribute.is_text() => "changes it".into(),
        Some(_) if !from.is_present() => format!("sets it to {new}"),
        Some(_) => format!("changes it from {old} to {new}"),
    }
}

/// What an applied migration had done: "created it", "left it nullable".
pub(super) fn left<T: Value>(attribute: Option<Attribute>, value: T) -> String {
    match attribute {
        None if value.is_present() => "created it".into(),
        None => "dropped it".into(),
        Some(_) if !value.is_present() => "left it unset".into(),
        Some(attribute) if attribute.is_text() => "wrote it".into(),
        Some(_) => format!("left it {}", value.in_words(attribute)),
    }
}
