//! The source files of `src/`, parsed: which modules they are, and which paths they name.
//!
//! A path is resolved as the compiler would resolve it: `use` trees with groups and globs, `super::` and `self::`, and
//! names that a `use` brought into the file. What stands in a macro's arguments is read token by token.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::visit::{self, Visit};
use syn::{Ident, Token, UseTree, token};

/// The names of a path, outermost first.
pub(crate) type Names = Vec<String>;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Into this crate; the names are those after `crate::`.
    Crate(Names),
    /// Into another crate or the prelude.
    Elsewhere(Names),
}

/// One file of `src/`.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// Its path from `src/`, for messages.
    pub(crate) name: String,
    pub(crate) text: String,
    /// The module that it is, `["changes", "plan"]`.
    pub(crate) module: Names,
    /// Where the paths lead that it names.
    pub(crate) uses: Vec<Place>,
    /// The macros that it calls, by their last name.
    pub(crate) macros: Vec<String>,
}

/// All files, parsed once for all tests.
pub(crate) fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let src = directory();
        let mut paths = Vec::new();
        files(&src, &mut paths);
        paths.sort();
        let read: Vec<(PathBuf, String)> = paths
            .into_iter()
            .map(|path| (path.clone(), fs::read_to_string(&path).expect("a file in UTF-8")))
            .collect();
        let parsed: Vec<syn::File> = read
            .iter()
            .map(|(path, text)| {
                syn::parse_file(text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
            })
            .collect();
        let modules: Vec<Names> = read.iter().map(|(path, _)| module_of(&src, path)).collect();
        let named = named_in(modules.iter().cloned().zip(&parsed));
        let files = read.into_iter().zip(modules).zip(named);
        files
            .map(|(((path, text), module), Named { uses, macros })| {
                let name = path.strip_prefix(&src).expect("below src").display().to_string();
                Source { path, name, text, module, uses, macros }
            })
            .collect()
    });
    &SOURCES
}

/// What a file names.
pub(crate) struct Named {
    pub(crate) uses: Vec<Place>,
    pub(crate) macros: Vec<String>,
}

/// What each of these files names, all of them together being the crate.
pub(crate) fn named_in<'f>(files: impl Iterator<Item = (Names, &'f syn::File)> + Clone) -> Vec<Named> {
    let mut scopes = Scopes::default();
    for (module, file) in files.clone() {
        Declarations { scopes: &mut scopes, module }.visit_file(file);
    }
    files
        .map(|(module, file)| {
            let mut reader = Reader { scopes: &scopes, module, uses: Vec::new(), macros: Vec::new() };
            reader.visit_file(file);
            Named { uses: reader.uses, macros: reader.macros }
        })
        .collect()
}

/// Whether a module is compiled for tests only.
pub(crate) fn is_test_module(module: &syn::ItemMod) -> bool {
    module.attrs.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
    })
}

/// `src/`.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file below a directory whose name ends with `.rs`.
fn files(under: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `src/changes/plan/mod.rs` is the module `changes::plan`; `lib.rs` and `main.rs` are crates.
fn module_of(src: &Path, path: &Path) -> Names {
    let inside = path.strip_prefix(src).expect("below src").with_extension("");
    let names = inside.iter().map(|name| name.to_str().expect("a name in UTF-8").to_owned());
    let mut names: Names = names.collect();
    if matches!(names.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        names.pop();
    }
    names
}

/// What names mean in a module.
#[derive(Default)]
struct Scope {
    modules: BTreeSet<String>,
    imports: BTreeMap<String, Place>,
    globs: Vec<Place>,
}

/// The scopes of all modules, inline modules among them.
#[derive(Default)]
struct Scopes(BTreeMap<Names, Scope>);

impl Scopes {
    /// Where a path leads that is written in a module.
    fn resolve(&self, module: &Names, names: &Names, leading_colon: bool) -> Place {
        let place = match absolute(module, names, leading_colon) {
            Place::Elsewhere(names) if !leading_colon => {
                let first = self.look_up(module, &names[0], &mut BTreeSet::new());
                first.map_or_else(|| Place::Elsewhere(names.clone()), |place| extend(place, &names[1..]))
            }
            place => place,
        };
        match place {
            Place::Crate(names) => Place::Crate(self.without_aliases(names)),
            place => place,
        }
    }

    /// The path without modules that another module has under a name of its own. What is no module is the module's
    /// that offers it, wherever it was declared.
    fn without_aliases(&self, names: Names) -> Names {
        let mut module = Names::new();
        for (position, name) in names.iter().enumerate() {
            let place = self.look_up(&module, name, &mut BTreeSet::new());
            match place {
                Some(Place::Crate(inside)) if self.0.contains_key(&inside) => module = inside,
                _ => return [&module[..], &names[position..]].concat(),
            }
        }
        module
    }

    /// What a single name means in a module, where the module or one of its globs knows it.
    fn look_up(&self, module: &Names, name: &str, seen: &mut BTreeSet<(Names, String)>) -> Option<Place> {
        // An import may lead back to itself: `use compile::compile` beside `mod compile`.
        if !seen.insert((module.clone(), name.to_owned())) {
            return None;
        }
        let scope = self.0.get(module)?;
        if scope.modules.contains(name) {
            return Some(Place::Crate([&module[..], &[name.to_owned()]].concat()));
        }
        if let Some(place) = scope.imports.get(name) {
            return Some(self.follow(module, place, seen));
        }
        scope.globs.iter().find_map(|glob| match self.follow(module, glob, seen) {
            Place::Crate(inside) => self.look_up(&inside, name, seen),
            Place::Elsewhere(_) => None,
        })
    }

    /// The place of an import whose first name is one that the module knows.
    fn follow(&self, module: &Names, place: &Place, seen: &mut BTreeSet<(Names, String)>) -> Place {
        match place {
            Place::Elsewhere(names) => match self.look_up(module, &names[0], seen) {
                Some(first) => extend(first, &names[1..]),
                None => place.clone(),
            },
            Place::Crate(_) => place.clone(),
        }
    }
}

/// Takes in what a file declares and imports, in its functions, too.
struct Declarations<'s> {
    scopes: &'s mut Scopes,
    module: Names,
}

impl<'ast> Visit<'ast> for Declarations<'_> {
    fn visit_file(&mut self, file: &'ast syn::File) {
        self.scopes.0.entry(self.module.clone()).or_default();
        visit::visit_file(self, file);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let scope = self.scopes.0.entry(self.module.clone()).or_default();
        scope.modules.insert(item.ident.to_string());
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for leaf in leaves(&item.tree) {
            let place = absolute(&self.module, &leaf.names, item.leading_colon.is_some());
            let scope = self.scopes.0.entry(self.module.clone()).or_default();
            match leaf.bound {
                Some(name) => drop(scope.imports.insert(name, place)),
                None => scope.globs.push(place),
            }
        }
    }
}

/// A path as it is written, from the crate's root; one that begins with a name is left as it is.
fn absolute(module: &Names, names: &Names, leading_colon: bool) -> Place {
    let mut base = module.clone();
    let mut rest = &names[..];
    match rest.first().map(String::as_str) {
        Some("crate") if !leading_colon => return Place::Crate(rest[1..].to_vec()),
        Some("self") => rest = &rest[1..],
        Some("super") => {}
        _ => return Place::Elsewhere(names.clone()),
    }
    while rest.first().is_some_and(|name| name == "super") {
        base.pop();
        rest = &rest[1..];
    }
    base.extend_from_slice(rest);
    Place::Crate(base)
}

fn extend(place: Place, rest: &[String]) -> Place {
    match place {
        Place::Crate(names) => Place::Crate([&names, rest].concat()),
        Place::Elsewhere(names) => Place::Elsewhere([&names, rest].concat()),
    }
}

/// One end of a `use` tree.
struct Leaf {
    names: Names,
    /// The name that it gets in the module; `None` for a glob.
    bound: Option<String>,
}

fn leaves(tree: &UseTree) -> Vec<Leaf> {
    fn walk(tree: &UseTree, above: &Names, found: &mut Vec<Leaf>) {
        let with = |ident: &Ident| {
            let mut names = above.clone();
            names.push(ident.unraw().to_string());
            names
        };
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(&path.ident), found),
            // `a::{self}` is `a`.
            UseTree::Name(name) if name.ident == "self" && !above.is_empty() => {
                found.push(Leaf { bound: above.last().cloned(), names: above.clone() });
            }
            UseTree::Name(name) => {
                found.push(Leaf { bound: Some(name.ident.unraw().to_string()), names: with(&name.ident) });
            }
            UseTree::Rename(rename) => {
                let names = if rename.ident == "self" { above.clone() } else { with(&rename.ident) };
                found.push(Leaf { bound: Some(rename.rename.unraw().to_string()), names });
            }
            UseTree::Glob(_) => found.push(Leaf { names: above.clone(), bound: None }),
            UseTree::Group(group) => group.items.iter().for_each(|item| walk(item, above, found)),
        }
    }
    let mut found = Vec::new();
    walk(tree, &Vec::new(), &mut found);
    found
}

/// Collects the paths and macros of a file.
struct Reader<'s> {
    scopes: &'s Scopes,
    module: Names,
    uses: Vec<Place>,
    macros: Vec<String>,
}

impl Reader<'_> {
    fn found(&mut self, names: Names, leading_colon: bool) {
        if !names.is_empty() {
            self.uses.push(self.scopes.resolve(&self.module, &names, leading_colon));
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for leaf in leaves(&item.tree) {
            self.found(leaf.names, item.leading_colon.is_some());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
        self.found(names, path.leading_colon.is_some());
        visit::visit_path(self, path);
    }

    // `pub(in crate::a)` names who may use it, and is no use.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.macros.extend(call.path.segments.last().map(|segment| segment.ident.to_string()));
        let inside = Cell::new(Vec::new());
        let read = |input: ParseStream<'_>| {
            let mut paths = Vec::new();
            let outcome = paths_in_tokens(input, &mut paths);
            inside.set(paths);
            outcome
        };
        read.parse2(call.tokens.clone()).expect("any tokens can be walked through");
        for names in inside.into_inner() {
            self.found(names, false);
        }
        visit::visit_macro(self, call);
    }
}

/// Every `a::b` in tokens that need not be an expression.
fn paths_in_tokens(input: ParseStream<'_>, found: &mut Vec<Names>) -> syn::Result<()> {
    while !input.is_empty() {
        let content;
        if input.peek(token::Paren) {
            syn::parenthesized!(content in input);
            paths_in_tokens(&content, found)?;
        } else if input.peek(token::Brace) {
            syn::braced!(content in input);
            paths_in_tokens(&content, found)?;
        } else if input.peek(token::Bracket) {
            syn::bracketed!(content in input);
            paths_in_tokens(&content, found)?;
        } else if input.peek(Ident::peek_any) && input.peek2(Token![::]) {
            let mut names = vec![input.call(Ident::parse_any)?.unraw().to_string()];
            // `::` is two tokens.
            while input.peek(Token![::]) && input.peek3(Ident::peek_any) {
                input.parse::<Token![::]>()?;
                names.push(input.call(Ident::parse_any)?.unraw().to_string());
            }
            found.push(names);
        } else {
            input.step(|cursor| match cursor.token_tree() {
                Some((_, rest)) => Ok(((), rest)),
                None => Err(cursor.error("a token")),
            })?;
        }
    }
    Ok(())
}
