//! How one object is not as it should be, in words.

use std::sync::Arc;

use crate::postgres::catalog::{Attribute, Object, ObjectId};

/// What is wrong with an object, as far as the attributes that count go; `None` when nothing is.
pub fn deviation(
    id: &ObjectId,
    is: Option<&Arc<Object>>,
    wanted: Option<&Arc<Object>>,
    counts: impl Fn(Attribute) -> bool,
) -> Option<String> {
    let shown = format!("{} {id}", id.kind.word());
    match (is, wanted) {
        (None, None) => None,
        (Some(_), None) => Some(format!("{shown} is there")),
        (None, Some(_)) => Some(format!("{shown} is not there")),
        (Some(is), Some(wanted)) => {
            let mut differing = is.attributes.differing(&wanted.attributes);
            differing.retain(|attribute| counts(*attribute));
            let value = |object: &Object, attribute| object.get(attribute).unwrap_or("not set").to_owned();
            let words = differing.into_iter().map(|attribute| {
                let (is, wanted) = (value(is, attribute), value(wanted, attribute));
                format!("{} is {is}, not {wanted}", attribute.word())
            });
            let words: Vec<String> = words.collect();
            (!words.is_empty()).then(|| format!("{shown}: {}", words.join("; ")))
        }
    }
}
