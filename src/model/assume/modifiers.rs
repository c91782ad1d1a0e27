//! Type modifiers that are not one number: `geometry(Point, 4326)`.
//!
//! What reads a type's modifiers is a function in C, and of those that every server has none takes words. So each
//! list of modifiers that the DDL writes gets a number, which is what the server is sent; when the catalog has been
//! read, the numbers become the lists again, spelled as the extension prints them.

use std::fmt::Write as _;
use std::ops::Range;

use crate::postgres::sql::{Part, Statement, identifier};

/// The number of the first list: higher than what anybody writes, lower than what the server refuses (10485760).
const FIRST: usize = 10_000_001;

/// How the numbers begin where they are printed.
const MARK: &str = "(100";

/// The types of PostGIS, whose modifiers are an optional kind of shape and a reference system.
const POSTGIS: [&str; 2] = ["geometry", "geography"];

/// The reference system that `geography` has where none is written.
const GEOGRAPHY_SYSTEM: &str = "4326";

/// Shapes as PostGIS prints them (liblwgeom, `lwtype_name`).
const SHAPES: [&str; 16] = [
    "Geometry",
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
    "CircularString",
    "CompoundCurve",
    "CurvePolygon",
    "MultiCurve",
    "MultiSurface",
    "PolyhedralSurface",
    "Triangle",
    "Tin",
];

/// The lists that were given numbers, in their order: the type's name, and what follows it in print.
#[derive(Debug, Clone, Default)]
pub(super) struct Modifiers(Vec<(String, String)>);

impl Modifiers {
    /// The statement with numbers for the lists after names of these types; `None` when it has no such list.
    pub(super) fn numbered(&mut self, statement: &Statement<'_>, types: &[&str]) -> Option<String> {
        let parts: Vec<_> = statement.placed_parts().collect();
        let mut text = String::new();
        let mut copied = 0;
        for (index, (_, part)) in parts.iter().enumerate() {
            let Some(name) = part.name().filter(|name| types.contains(name)) else { continue };
            let Some(items) = list(&parts[index + 1..]) else { continue };
            let Some(printed) = spelled(name, &items) else { continue };
            let (open, close) = (index + 1, index + 1 + items.len() * 2);
            text.push_str(&statement.text[copied..parts[open].0.start]);
            let _ = write!(text, "({})", self.number(name, printed));
            copied = parts[close].0.end;
        }
        (copied > 0).then(|| text + &statement.text[copied..])
    }

    fn number(&mut self, name: &str, printed: String) -> usize {
        let entry = (name.to_owned(), printed);
        let found = self.0.iter().position(|known| *known == entry);
        let index = found.unwrap_or_else(|| {
            self.0.push(entry);
            self.0.len() - 1
        });
        FIRST + index
    }

    /// A text out of the catalog with the lists in place of their numbers; `None` when it has no number.
    pub(super) fn printed(&self, text: &str) -> Option<String> {
        if self.0.is_empty() || !text.contains(MARK) {
            return None;
        }
        let whole = self.0.iter().enumerate().fold(text.to_owned(), |text, (index, (name, printed))| {
            let name = identifier(name);
            text.replace(&format!("{name}({})", FIRST + index), &format!("{name}{printed}"))
        });
        Some(whole)
    }
}

/// The items of a parenthesised list of single tokens, folded as the server folds them.
fn list(parts: &[(Range<usize>, Part<'_>)]) -> Option<Vec<String>> {
    let mut parts = parts.iter().map(|(_, part)| part);
    if parts.next()? != &Part::Other("(") {
        return None;
    }
    let mut items = Vec::new();
    loop {
        items.push(match parts.next()? {
            Part::Word(text) | Part::Quoted(text) => text.clone(),
            Part::Literal(text) => (*text).to_owned(),
            Part::Other(text) => {
                text.starts_with(|sign: char| sign.is_ascii_digit()).then(|| (*text).to_owned())?
            }
        });
        match parts.next()? {
            Part::Other(",") => {}
            Part::Other(")") => return Some(items),
            _ => return None,
        }
    }
}

/// A list as `format_type` prints it after the type's name. `None` when the server can be sent what is written: one
/// number; or when it is no list of modifiers.
fn spelled(name: &str, items: &[String]) -> Option<String> {
    if POSTGIS.contains(&name) {
        return postgis(name, items);
    }
    match items {
        [one] if one.parse().is_ok_and(|number: usize| (1..FIRST).contains(&number)) => None,
        _ => Some(format!("({})", items.join(","))),
    }
}

/// As PostGIS prints it (`postgis_typmod_out`): the shape, and the reference system where there is one. What starts
/// with no shape is a call of the function that has the type's name.
fn postgis(name: &str, items: &[String]) -> Option<String> {
    let (shape, system) = match items {
        [shape] => (shape, "0"),
        [shape, system] => (shape, system.as_str()),
        _ => return None,
    };
    let shape = shape.to_ascii_lowercase().replace(' ', "");
    let shape = ["", "z", "m", "zm"].into_iter().find_map(|dimensions| {
        let word = shape.strip_suffix(dimensions)?;
        let known = SHAPES.iter().find(|known| known.eq_ignore_ascii_case(word))?;
        Some(format!("{known}{}", dimensions.to_ascii_uppercase()))
    })?;
    let system = if name == "geography" && system == "0" { GEOGRAPHY_SYSTEM } else { system };
    Some(match (shape.as_str(), system) {
        ("Geometry", "0") => String::new(),
        (shape, "0") => format!("({shape})"),
        (shape, system) => format!("({shape},{system})"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    #[test]
    fn lists_become_numbers_and_are_printed_again() {
        let types = ["geometry", "geography", "vec"];
        for (written, shown) in [
            ("geometry(Point, 4326)", Some("geometry(Point,4326)")),
            ("public.geometry ( point , 4326 )", Some("public.geometry(Point,4326)")),
            ("geometry('MULTIPOLYGON ZM', 0)[]", Some("geometry(MultiPolygonZM)[]")),
            ("geometry(GeometryZ)", Some("geometry(GeometryZ)")),
            ("geometry(geometry)", Some("geometry")),
            ("\"geography\"(LineString)", Some("geography(LineString,4326)")),
            ("vec(1, 2), geometry(point,1)", Some("vec(1,2), geometry(Point,1)")),
            ("vec(1536)", None),
            ("vec(a b, c d)", None),
            ("vec()", None),
            ("geometry(at)", None),
            ("geometry", None),
            ("other(a, b)", None),
            ("'geometry(Point, 4326)'", None),
        ] {
            let mut modifiers = Modifiers::default();
            let numbered = modifiers.numbered(&split(written).expect("splits")[0], &types);
            if let Some(numbered) = &numbered {
                assert!(numbered.contains(MARK), "{numbered}");
            }
            let printed =
                numbered.and_then(|text| modifiers.printed(&text.replace(" (", "(").replace('"', "")));
            assert_eq!(printed.as_deref(), shown, "{written}");
        }
    }

    #[test]
    fn one_list_has_one_number() {
        let mut modifiers = Modifiers::default();
        let text = "geometry(Point, 4326) geometry(POINT,4326) geometry(Point,1)";
        let numbered = modifiers.numbered(&split(text).expect("splits")[0], &["geometry"]);
        assert_eq!(numbered.as_deref(), Some("geometry(10000001) geometry(10000001) geometry(10000002)"));
        assert_eq!(modifiers.printed("geometry(10)"), None);
    }
}
