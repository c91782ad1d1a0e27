//! One name means one thing: no two types that other modules can use have the same name.

use std::collections::{BTreeMap, BTreeSet};

use syn::Visibility;
use syn::visit::{self, Visit};

use crate::lines;
use crate::source::{is_test_module, sources};

/// Collects the names of types that are visible outside of their module.
#[derive(Default)]
struct Types {
    names: Vec<String>,
}

impl Types {
    fn take(&mut self, visibility: &Visibility, name: &syn::Ident) {
        if !matches!(visibility, Visibility::Inherited) {
            self.names.push(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Types {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test_module(module) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.take(&item.vis, &item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.take(&item.vis, &item.ident);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.take(&item.vis, &item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.take(&item.vis, &item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.take(&item.vis, &item.ident);
    }
}

/// The names that more than one of these files gives to a type, each with the files.
fn shared<'f>(files: impl Iterator<Item = (&'f str, &'f str)>) -> BTreeSet<String> {
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, text) in files {
        let mut types = Types::default();
        types.visit_file(&syn::parse_file(text).expect("a source file"));
        for type_name in types.names {
            known.entry(type_name).or_default().push(name);
        }
    }
    let several = known.into_iter().filter(|(_, files)| files.len() > 1);
    several.map(|(type_name, files)| format!("{type_name}: {}", files.join(", "))).collect()
}

#[test]
fn no_two_public_types_have_one_name() {
    let shared = shared(sources().iter().map(|source| (source.name.as_str(), source.text.as_str())));
    assert!(shared.is_empty(), "a name that says which of these it is:\n{}", lines(shared));
}

#[test]
fn a_type_of_the_same_name_is_seen_however_it_is_written() {
    for (written, seen) in [
        ("pub enum Limits {}", true),
        ("pub(crate) trait Limits {}", true),
        ("pub(super) type Limits = u8;", true),
        ("pub(in crate::a) union Limits { a: u8 }", true),
        ("mod inner { pub struct Limits; }", true),
        ("struct Limits;", false),
        ("#[cfg(test)] mod tests { pub struct Limits; }", false),
        ("pub fn limits() {} pub struct Other { pub limits: u8 }", false),
    ] {
        let files = [("a.rs", "pub struct Limits { pub rows: u64 }"), ("b.rs", written)];
        assert_eq!(!shared(files.into_iter()).is_empty(), seen, "{written}");
    }
}
