//! Types that users make: collations, enums, domains, composite and range types.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::{identifier, literal};

use super::super::names::{qualified_id, subject};
use super::super::text::{split_lines, split_list, split_name};

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    let name = qualified_id(&object.id);
    let statement = match object.id.kind {
        Kind::Collation => format!("CREATE COLLATION {name} ({});", collation(object).join(", ")),
        Kind::Enum => {
            format!("CREATE TYPE {name} AS ENUM ({});", object.get(Attribute::Labels).unwrap_or_default())
        }
        Kind::Domain => domain(object, &name),
        Kind::CompositeType => {
            format!("CREATE TYPE {name} AS ({});", object.get(Attribute::Fields).unwrap_or_default())
        }
        _ => format!("CREATE TYPE {name} AS RANGE ({});", range(object).join(", ")),
    };
    let unchecked = checks(object).into_iter().filter(|check| is_not_valid(check));
    let unchecked = unchecked.map(|check| format!("ALTER DOMAIN {name} ADD CONSTRAINT {check};"));
    [statement].into_iter().chain(unchecked).collect()
}

fn collation(object: &Object) -> Vec<String> {
    let provider = object.get(Attribute::Provider).unwrap_or("libc");
    let mut parameters = vec![format!("provider = {provider}")];
    let locale = object.get(Attribute::Locale).unwrap_or_default();
    match locale.split_once('/') {
        Some((collate, ctype)) => {
            parameters.push(format!("lc_collate = {}", literal(collate)));
            parameters.push(format!("lc_ctype = {}", literal(ctype)));
        }
        None => parameters.push(format!("locale = {}", literal(locale))),
    }
    if object.is(Attribute::Deterministic, "false") {
        parameters.push("deterministic = false".into());
    }
    if let Some(rules) = object.get(Attribute::CollationRules) {
        parameters.push(format!("rules = {}", literal(rules)));
    }
    parameters
}

fn domain(object: &Object, name: &str) -> String {
    let mut sql = format!("CREATE DOMAIN {name} AS {}", object.get(Attribute::Type).unwrap_or_default());
    if let Some(collation) = object.get(Attribute::Collation) {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    if let Some(default) = object.get(Attribute::Default) {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if object.is(Attribute::Nullable, "false") {
        sql.push_str(" NOT NULL");
    }
    // CREATE DOMAIN cannot say NOT VALID.
    for check in checks(object).into_iter().filter(|check| !is_not_valid(check)) {
        sql.push_str(&format!(" CONSTRAINT {check}"));
    }
    sql + ";"
}

fn is_not_valid(check: &str) -> bool {
    check.ends_with(" NOT VALID")
}

fn checks(object: &Object) -> Vec<&str> {
    split_lines(object.get(Attribute::Checks).unwrap_or_default())
}

fn range(object: &Object) -> Vec<String> {
    let parameters = [
        ("SUBTYPE", Attribute::Subtype),
        ("SUBTYPE_OPCLASS", Attribute::SubtypeOpclass),
        ("COLLATION", Attribute::Collation),
        ("CANONICAL", Attribute::Canonical),
        ("SUBTYPE_DIFF", Attribute::SubtypeDiff),
        ("MULTIRANGE_TYPE_NAME", Attribute::Multirange),
    ];
    let stated = parameters.iter().filter_map(|(word, attribute)| Some((word, object.get(*attribute)?)));
    stated.map(|(word, value)| format!("{word} = {value}")).collect()
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    let subject = subject(&actual.id);
    match attribute {
        Attribute::Labels => Some(each(&subject, new_labels(declared, actual)?)),
        Attribute::Fields => Some(format!("ALTER {subject} {};", changed_fields(declared, actual)?)),
        Attribute::Nullable if declared.is(attribute, "false") => {
            Some(format!("ALTER {subject} SET NOT NULL;"))
        }
        Attribute::Nullable => Some(format!("ALTER {subject} DROP NOT NULL;")),
        Attribute::Default => Some(match declared.get(attribute) {
            Some(default) => format!("ALTER {subject} SET DEFAULT {default};"),
            None => format!("ALTER {subject} DROP DEFAULT;"),
        }),
        Attribute::Checks => {
            let actions = changed_checks(declared, actual)?;
            let is_one = actions.len() == 1;
            let statements = each(&subject, actions);
            // A check that rows break leaves the old one in its place.
            Some(if is_one { statements } else { format!("BEGIN;\n{statements}\nCOMMIT;") })
        }
        _ => None,
    }
}

/// One statement for each action.
fn each(subject: &str, actions: Vec<String>) -> String {
    let statements: Vec<String> = actions.iter().map(|action| format!("ALTER {subject} {action};")).collect();
    statements.join("\n")
}

/// The live label of an enum and the declared one in its place, as SQL prints them, where nothing else differs: RENAME VALUE
/// is the only statement that takes a label away.
pub fn renamed_label<'o>(declared: &'o Object, actual: &'o Object) -> Option<(&'o str, &'o str)> {
    let declared = split_list(declared.get(Attribute::Labels)?);
    let actual = split_list(actual.get(Attribute::Labels)?);
    let mut differing = declared.iter().zip(&actual).filter(|(wanted, found)| wanted != found);
    let (to, from) = differing.next()?;
    let is_rename = declared.len() == actual.len()
        && differing.next().is_none()
        && !declared.contains(from)
        && !actual.contains(to);
    is_rename.then_some((*from, *to))
}

/// The labels that one enum has and the other lacks, as SQL literals.
pub fn labels_without<'o>(labels: &'o Object, others: &Object) -> Vec<&'o str> {
    let others = split_list(others.get(Attribute::Labels).unwrap_or_default());
    let own = split_list(labels.get(Attribute::Labels).unwrap_or_default());
    own.into_iter().filter(|label| !others.contains(label)).collect()
}

/// `ADD VALUE` for each label that is missing, where the declared labels have the live ones in their order.
fn new_labels(declared: &Object, actual: &Object) -> Option<Vec<String>> {
    if let Some((from, to)) = renamed_label(declared, actual) {
        return Some(vec![format!("RENAME VALUE {from} TO {to}")]);
    }
    let declared = split_list(declared.get(Attribute::Labels)?);
    let actual = split_list(actual.get(Attribute::Labels).unwrap_or_default());
    let mut rest = actual.iter().peekable();
    let mut actions = Vec::new();
    for (place, label) in declared.iter().enumerate() {
        if rest.next_if(|found| *found == label).is_some() {
            continue;
        }
        actions.push(match (rest.peek(), place.checked_sub(1)) {
            (Some(next), _) => format!("ADD VALUE {label} BEFORE {next}"),
            (None, Some(last)) => format!("ADD VALUE {label} AFTER {}", declared[last]),
            (None, None) => format!("ADD VALUE {label}"),
        });
    }
    rest.peek().is_none().then_some(actions)
}

/// The actions that make the live fields the declared ones, where ALTER TYPE can: it adds at the end only. None drops an
/// attribute, which would take what columns of the type hold in it.
fn changed_fields(declared: &Object, actual: &Object) -> Option<String> {
    let fields = |object: &Object| -> Option<Vec<(String, String)>> {
        let fields = split_list(object.get(Attribute::Fields).unwrap_or_default());
        fields
            .into_iter()
            .map(|field| split_name(field).map(|(name, rest)| (name.into(), rest.into())))
            .collect()
    };
    let (declared, actual) = (fields(declared)?, fields(actual)?);
    if let Some(rename) = renamed_field(&declared, &actual) {
        return Some(rename);
    }
    let mut actions = Vec::new();
    for (place, (name, wanted)) in declared.iter().enumerate() {
        match actual.get(place) {
            Some((other, _)) if other != name => return None,
            Some((_, found)) if found == wanted => {}
            Some(_) => actions.push(format!("ALTER ATTRIBUTE {name} TYPE {wanted}")),
            None => actions.push(format!("ADD ATTRIBUTE {name} {wanted}")),
        }
    }
    (actual.len() <= declared.len()).then(|| actions.join(", "))
}

/// `RENAME ATTRIBUTE` where one attribute, and nothing else, has another name in the same place.
fn renamed_field(declared: &[(String, String)], actual: &[(String, String)]) -> Option<String> {
    if declared.len() != actual.len() {
        return None;
    }
    let mut differing = declared.iter().zip(actual).filter(|(wanted, found)| wanted != found);
    let ((to, wanted), (from, found)) = differing.next()?;
    let other = |fields: &[(String, String)], name: &String| fields.iter().any(|(field, _)| field == name);
    let is_rename =
        differing.next().is_none() && wanted == found && !other(declared, from) && !other(actual, to);
    is_rename.then(|| format!("RENAME ATTRIBUTE {from} TO {to}"))
}

/// The actions that make the live checks of a domain the declared ones.
fn changed_checks(declared: &Object, actual: &Object) -> Option<Vec<String>> {
    let (declared, actual) = (checks(declared), checks(actual));
    let is_validated =
        |check: &str| declared.iter().any(|wanted| check.strip_suffix(" NOT VALID") == Some(*wanted));
    let old = actual.iter().filter(|check| !declared.contains(check));
    let mut actions: Vec<String> = Vec::new();
    for check in old {
        let (name, _) = split_name(check)?;
        let verb = if is_validated(check) { "VALIDATE" } else { "DROP" };
        actions.push(format!("{verb} CONSTRAINT {name}"));
    }
    let new = declared.iter().filter(|check| {
        !actual.contains(check)
            && !actual.iter().any(|found| found.strip_suffix(" NOT VALID") == Some(*check))
    });
    actions.extend(new.map(|check| format!("ADD CONSTRAINT {check}")));
    Some(actions)
}

/// `CREATE TYPE name;`: what a range type's canonical function needs before the type itself.
pub(in crate::postgres::ddl) fn shell(object: &Object) -> String {
    format!(
        "CREATE TYPE {}.{};",
        identifier(object.id.schema.as_deref().unwrap_or_default()),
        identifier(&object.id.name)
    )
}
