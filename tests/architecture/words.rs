//! The words that no message uses any more: operators stumbled over them.
//!
//! Every string literal of `src/` outside of its tests is read, and of the arguments of commands the documentation, too,
//! because clap prints it.

use syn::visit::{self, Visit};

use crate::source::{is_test_module, sources};

/// Phrases of earlier messages; each has a plainer one now. A space at the beginning or end stands for a word's border.
const PHRASES: &[&str] = &[
    "stops before",
    "code of before",
    "not true to the model",
    "are as declared",
    "the model says so",
    "the model does not say",
    "none on what is there",
    "ake the reference rows",
    "other values of",
    "none longer than",
    "are left: no fix",
    "a plan of",
    "a plan, nothing was changed",
    "nothing is applied",
    "was said",
    "first the whole database",
    "in the place of database",
    "sessions that are ended",
    "changed since, and kept",
    "what is begun",
    "it goes on",
    "and goes on",
    "goes on where",
    "nothing of {",
    "stumbles",
    "is at it",
    "terminal did not answer",
    "the check found",
    "closest to",
    "is what it builds",
    "is taken to be done",
    "is here, too",
    "has been here",
    "writes it down",
    "could not be had in time",
    "nobody listens",
    "what answers there",
    "is no URL of",
    "left out on purpose",
    "cannot tell all",
    "a remark begins",
    "Tell where",
    " mend ",
    " mends ",
    "anew",
    "heeds",
    " of ours",
];

struct Literals {
    with_documentation: bool,
    texts: Vec<String>,
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test_module(module) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if self.with_documentation || !attribute.path().is_ident("doc") {
            visit::visit_attribute(self, attribute);
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.texts.push(literal.value());
    }

    // What stands in a macro's arguments, such as those of `format!`, is no syntax tree.
    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.tokens(called.tokens.clone());
    }
}

impl Literals {
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) => self.tokens(group.stream()),
                proc_macro2::TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        self.texts.push(text.value());
                    }
                }
                _ => {}
            }
        }
    }
}

#[test]
fn no_message_uses_words_that_people_stumbled_over() {
    let mut found = Vec::new();
    for source in sources() {
        let with_documentation = source.name.ends_with("args.rs");
        let mut literals = Literals { with_documentation, texts: Vec::new() };
        let file = syn::parse_file(&source.text).expect("parsed before");
        literals.visit_file(&file);
        for text in literals.texts {
            let padded = format!(" {text} ").replace(['\n', ',', ';', ':', '.', '`', '('], " ");
            for phrase in PHRASES {
                let hit = text.contains(phrase) || padded.contains(phrase);
                if hit {
                    found.push(format!("{}: {phrase:?} in {text:?}", source.name));
                }
            }
        }
    }
    assert!(found.is_empty(), "say it in plainer words:\n{}", found.join("\n"));
}

#[test]
fn no_page_uses_words_that_people_stumbled_over() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].iter().map(|page| root.join(page)).collect();
    pages
        .extend(std::fs::read_dir(root.join("docs")).expect("docs").map(|page| page.expect("a page").path()));
    let examples = std::fs::read_dir(root.join("examples")).expect("examples");
    let readmes = examples.map(|example| example.expect("an example").path().join("README.md"));
    pages.extend(readmes.filter(|readme| readme.is_file()));
    let mut found = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).expect("a page");
        for (number, line) in text.lines().enumerate() {
            for phrase in PHRASES.iter().filter(|phrase| line.contains(**phrase)) {
                found.push(format!("{}:{}: {phrase:?} in {line:?}", page.display(), number + 1));
            }
        }
    }
    assert!(found.is_empty(), "say it in plainer words:\n{}", found.join("\n"));
}
