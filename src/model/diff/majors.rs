//! What another major of PostgreSQL says of one and the same database.
//!
//! The live catalog is read from one server, the lock file's states from another. Where a text of the live one is
//! what the other server would have said, it is replaced by the other's: the prints of views (16), the privileges
//! that `GRANT ALL` gives (17 has MAINTAIN), what everybody may do in the schema `public` from the start (15).
//! Everything else that trueup reads is the same on 14 to 18; the version matrix holds it to that.

use std::collections::HashMap;
use std::sync::Arc;

use smol_str::SmolStr;

use super::views::{bare_view, crosses_view_printing_change};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::connection::ServerVersion;

/// The first major whose schema `public` lets only its owner create objects (release notes of 15).
const PUBLIC_CLOSED_SINCE: u32 = 15;
/// The first major with the privilege MAINTAIN (release notes of 17).
const MAINTAIN_SINCE: u32 = 17;
/// What `GRANT ALL ON TABLE` gives before and since, as the reader lists it.
const ALL: [&str; 2] = [
    "DELETE, INSERT, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE",
    "DELETE, INSERT, MAINTAIN, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE",
];
/// What PUBLIC may do in the schema `public` of a new database, before and since.
const PUBLIC: [&str; 2] = ["CREATE, USAGE", "USAGE"];

/// The live catalog in the words of the server that `references` are from; `None` when nothing changes.
pub fn align_majors<'r>(
    live: &Catalog,
    own: ServerVersion,
    theirs: ServerVersion,
    references: impl IntoIterator<Item = &'r Arc<Object>>,
) -> Option<Catalog> {
    // What this server says, and what the other one does, where that is not the same.
    let differing = |texts: [&'static str; 2], since: u32| {
        let said = [own, theirs].map(|server| texts[usize::from(server.major() >= since)]);
        (said[0] != said[1]).then_some(said)
    };
    let views = crosses_view_printing_change(own, theirs);
    let (all, public) = (differing(ALL, MAINTAIN_SINCE), differing(PUBLIC, PUBLIC_CLOSED_SINCE));
    if !views && all.is_none() && public.is_none() {
        return None;
    }
    let mut said = Said::default();
    references.into_iter().for_each(|object| said.add(object, views));
    let mut changed = false;
    let objects = live.objects.iter().map(|object| {
        let theirs = match object.id.kind {
            Kind::View | Kind::MaterializedView => said.view(object),
            Kind::Privilege => {
                let texts = if is_public_to_all(&object.id) { public } else { all };
                texts.and_then(|texts| said.privileges(object, texts))
            }
            _ => None,
        };
        changed |= theirs.is_some();
        theirs.unwrap_or_else(|| Arc::clone(object))
    });
    let objects = objects.collect();
    changed.then(|| Catalog::new(objects, live.unmodeled.clone()))
}

/// What the other server says.
#[derive(Default)]
struct Said<'r> {
    /// Prints of views, by what both servers agree on.
    views: HashMap<String, &'r str>,
    /// Privileges, the states' values in order.
    privileges: HashMap<&'r ObjectId, Vec<&'r Arc<Object>>>,
}

impl<'r> Said<'r> {
    fn add(&mut self, object: &'r Arc<Object>, views: bool) {
        match object.id.kind {
            Kind::View | Kind::MaterializedView if views => {
                if let Some(text) = object.get(Attribute::Definition) {
                    self.views.insert(bare_view(text), text);
                }
            }
            Kind::Privilege => self.privileges.entry(&object.id).or_default().push(object),
            _ => {}
        }
    }

    fn view(&self, live: &Object) -> Option<Arc<Object>> {
        if self.views.is_empty() {
            return None;
        }
        let text = *self.views.get(&bare_view(live.get(Attribute::Definition)?))?;
        let attributes = live.attributes.with(Attribute::Definition, Some(text.into()));
        Some(Arc::new(Object { id: live.id.clone(), attributes }))
    }

    /// What the live database has is what the other server gives instead, and a state has that.
    fn privileges(&self, live: &Object, [own, theirs]: [&str; 2]) -> Option<Arc<Object>> {
        let states = self.privileges.get(&live.id)?;
        let says = |attribute, text| states.iter().any(|state| state.is(attribute, text));
        let mut attributes = live.attributes.clone();
        for attribute in [Attribute::Privileges, Attribute::Grantable] {
            if live.is(attribute, own) && says(attribute, theirs) && !says(attribute, own) {
                attributes = attributes.with(attribute, Some(SmolStr::from(theirs)));
            }
        }
        (attributes != live.attributes).then(|| Arc::new(Object { id: live.id.clone(), attributes }))
    }
}

/// `public TO PUBLIC`: what every role may do in that schema.
fn is_public_to_all(id: &ObjectId) -> bool {
    id.schema.is_none() && id.name == "public" && id.suffix.as_deref() == Some(" TO PUBLIC")
}
