//! The document as JSON.

use std::fmt;

use super::document::Document;

pub(super) fn write(document: &Document, out: &mut String) -> fmt::Result {
    out.push_str(&serde_json::to_string_pretty(document).map_err(|_| fmt::Error)?);
    out.push('\n');
    Ok(())
}
