//! Which file of a crate imports which: read from its `use` items and its `crate::…` and `super::…` paths.
//!
//! A name that a module re-exports counts as an import of the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Meta, UseTree, Visibility};

/// A crate's files, and what each imports.
pub(super) struct Imports {
    name: String,
    modules: BTreeMap<Vec<String>, Module>,
}

#[derive(Default)]
struct Module {
    file: String,
    /// Names that `use` brings into this module, each with the path that it stands for.
    names: BTreeMap<String, Vec<String>>,
    /// Paths of `use …::*`.
    globs: Vec<Vec<String>>,
    /// Every path that this module imports, by `use` or from `crate` or `super` on.
    paths: BTreeSet<Vec<String>>,
    /// Other paths: of other crates, or of what is in scope here.
    others: BTreeSet<Vec<String>>,
}

/// The target of a path.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A file of the same crate.
    File(String),
    /// Something outside, as it is written.
    Outside(String),
}

impl Imports {
    /// Reads a crate from its files: paths below `src`, and texts. Tests within them don't count.
    pub(super) fn of<'t>(name: &str, files: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let mut imports = Self { name: name.to_owned(), modules: BTreeMap::new() };
        for (file, text) in files {
            let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            imports.add(file, module_of(file), &syntax.items);
        }
        imports
    }

    fn add(&mut self, file: &str, path: Vec<String>, items: &[Item]) {
        let mut reader =
            Reader { module: Module { file: file.to_owned(), ..Module::default() }, inline: vec![] };
        items.iter().for_each(|item| reader.visit_item(item));
        let Reader { module, inline } = reader;
        for (name, items) in inline {
            self.add(file, [path.clone(), vec![name]].concat(), &items);
        }
        self.modules.insert(path, module);
    }

    /// The imports of each file.
    pub(super) fn targets(&self) -> BTreeMap<&str, BTreeSet<Target>> {
        let mut targets: BTreeMap<&str, BTreeSet<Target>> = BTreeMap::new();
        for (path, module) in &self.modules {
            let found = targets.entry(&module.file).or_default();
            for used in module.paths.iter().chain(&module.globs) {
                match self.resolve(path, used, 0) {
                    Some(file) if *file == module.file => {}
                    Some(file) => _ = found.insert(Target::File(file.to_owned())),
                    None => _ = found.insert(Target::Outside(used.join("::"))),
                }
            }
            let outside = module.others.iter().filter(|other| self.resolve(path, other, 0).is_none());
            found.extend(outside.map(|other| Target::Outside(other.join("::"))));
        }
        targets
    }

    /// Pairs of files that import each other.
    pub(super) fn circles(&self) -> BTreeSet<(String, String)> {
        let targets = self.targets();
        let imports = |from: &str, to: &str| {
            targets.get(from).is_some_and(|all| all.contains(&Target::File(to.to_owned())))
        };
        let files = targets.keys().flat_map(|a| targets.keys().map(move |b| (*a, *b)));
        let circles = files.filter(|(a, b)| a < b && imports(a, b) && imports(b, a));
        circles.map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }

    /// The file in which the thing that `path` names, as written in `module`, is defined; `None` outside the crate.
    fn resolve(&self, module: &[String], path: &[String], depth: usize) -> Option<&str> {
        assert!(depth < 32, "{path:?} in {module:?} stands for itself");
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => vec![],
            name if name == self.name => vec![],
            "self" => module.to_vec(),
            "super" => parent(module),
            name => {
                let here = self.modules.get(module);
                // `use rusqlite;` stands for another crate, not for itself.
                let is_named = here.and_then(|m| m.names.get(name)).is_some_and(|path| path[0] != name);
                if !is_named && !self.modules.contains_key(&child(module, name)) {
                    return None;
                }
                rest = path;
                module.to_vec()
            }
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                at = parent(&at);
            } else if name != "self" && self.modules.contains_key(&child(&at, name)) {
                at.push(name.clone());
            } else if name != "self" {
                return self.named(&at, name, depth);
            }
            rest = after;
        }
        self.modules.get(&at).map(|m| m.file.as_str())
    }

    /// The file that defines what `module` calls `name`.
    fn named(&self, module: &[String], name: &str, depth: usize) -> Option<&str> {
        let found = self.modules.get(module)?;
        if let Some(path) = found.names.get(name) {
            return self.resolve(module, path, depth + 1);
        }
        Some(&found.file)
    }
}

/// The path of the module that a file holds.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    match path {
        "lib" => vec![],
        path => path.split('/').map(ToOwned::to_owned).collect(),
    }
}

fn child(module: &[String], name: &str) -> Vec<String> {
    [module, &[name.to_owned()]].concat()
}

fn parent(module: &[String]) -> Vec<String> {
    module[..module.len().saturating_sub(1)].to_vec()
}

struct Reader {
    module: Module,
    /// Modules written within this one.
    inline: Vec<(String, Vec<Item>)>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

impl Reader {
    fn use_tree(&mut self, before: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.use_tree(&child(before, &path.ident.to_string()), &path.tree),
            UseTree::Name(name) => self.name(before, &name.ident.to_string(), &name.ident.to_string()),
            UseTree::Rename(rename) => {
                self.name(before, &rename.ident.to_string(), &rename.rename.to_string());
            }
            UseTree::Glob(_) => self.module.globs.push(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(before, tree)),
        }
    }

    /// `use before::ident as name`.
    fn name(&mut self, before: &[String], ident: &str, name: &str) {
        let (path, name) = match (ident, before.last()) {
            ("self", Some(last)) if name == "self" => (before.to_vec(), last.clone()),
            ("self", _) => (before.to_vec(), name.to_owned()),
            _ => (child(before, ident), name.to_owned()),
        };
        self.module.paths.insert(path.clone());
        self.module.names.insert(name, path);
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Mod(module) if is_test(&module.attrs) => {}
            Item::Mod(module) => {
                let items = module.content.as_ref().map(|(_, items)| items.clone());
                self.inline.extend(items.map(|items| (module.ident.to_string(), items)));
            }
            Item::Fn(function) if is_test(&function.attrs) => {}
            Item::Use(used) if is_test(&used.attrs) => {}
            item => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, used: &'ast ItemUse) {
        self.use_tree(&[], &used.tree);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {
        // `pub(super)` is no import.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        let is_module = segments[0].starts_with(|c: char| c.is_ascii_lowercase());
        match segments[0].as_str() {
            "crate" | "super" => _ = self.module.paths.insert(segments),
            _ if segments.len() > 1 && is_module => _ = self.module.others.insert(segments),
            _ => {}
        }
        visit::visit_path(self, path);
    }
}

fn circles(files: &[(&str, &str)]) -> Vec<(String, String)> {
    Imports::of("made", files.iter().copied()).circles().into_iter().collect()
}

fn targets(files: &[(&str, &str)], of: &str) -> Vec<String> {
    let imports = Imports::of("made", files.iter().copied());
    let targets = imports.targets();
    let shown = targets[of].iter().map(|target| match target {
        Target::File(file) => file.clone(),
        Target::Outside(path) => format!("::{path}"),
    });
    shown.collect()
}

#[test]
fn a_circle_of_two_files_is_found_however_it_is_written() {
    let pair = |a, b| vec![(String::from(a), String::from(b))];
    for (a, b) in [
        ("use crate::b::B; pub struct A;", "use crate::a::A; pub struct B;"),
        ("use super::b; pub struct A;", "use made::a::{A as Other}; pub struct B;"),
        ("use crate::{a::A as Me, b::{self, B}}; pub struct A;", "fn f() { use crate::a::*; } pub struct B;"),
        ("pub struct A(super::b::B);", "impl B { fn f() -> crate::a::A { loop {} } } pub struct B;"),
        ("pub struct A; mod within { use super::super::b::B; }", "use crate::Short; pub struct B;"),
    ] {
        let files = [("lib.rs", "mod a; mod b; pub use a::A as Short;"), ("a.rs", a), ("b.rs", b)];
        assert_eq!(circles(&files), pair("a.rs", "b.rs"), "{a} {b}");
    }
    let one_way = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "pub struct B;")];
    assert_eq!(circles(&one_way), []);
    let tests = "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }";
    assert_eq!(circles(&[("lib.rs", ""), ("a.rs", "use crate::b::B;"), ("b.rs", tests)]), []);
    // A parent that re-exports what its child makes of the parent's own items.
    let family = [
        ("lib.rs", "mod p;"),
        ("p/mod.rs", "mod c; pub use c::C; pub struct P;"),
        ("p/c.rs", "use super::P;"),
    ];
    assert_eq!(circles(&family), pair("p/c.rs", "p/mod.rs"));
}

#[test]
fn a_path_leads_to_the_file_that_defines_the_thing() {
    let files = |text| {
        [
            ("lib.rs", "mod store; mod user;"),
            (
                "store/mod.rs",
                "mod tx; mod inner; pub use tx::{Tx, Row as Line}; pub use inner::deep; pub struct Own;",
            ),
            ("store/tx.rs", "pub struct Tx; pub struct Row;"),
            ("store/inner/mod.rs", "pub mod deep;"),
            ("store/inner/deep.rs", "pub fn dig() {}"),
            ("user.rs", text),
        ]
    };
    for (text, expected) in [
        ("use crate::store::Tx;", &["store/tx.rs"][..]),
        (
            "use crate::store::{Line, Own, deep::dig};",
            &["store/inner/deep.rs", "store/mod.rs", "store/tx.rs"],
        ),
        ("use crate::store::{self, deep};", &["store/inner/deep.rs", "store/mod.rs"]),
        ("use super::store::deep as d;", &["store/inner/deep.rs"]),
        (
            "use rusqlite::Row; use tokio::{net::UnixStream, sync};",
            &["::rusqlite::Row", "::tokio::net::UnixStream", "::tokio::sync"],
        ),
        (
            "fn f() -> rusqlite::Result<crate::store::Tx> { std::fs::read(1) }",
            &["store/tx.rs", "::rusqlite::Result", "::std::fs::read"],
        ),
        ("#[cfg(test)] use crate::store::Tx; pub(super) struct X;", &[]),
    ] {
        assert_eq!(targets(&files(text), "user.rs"), expected, "{text}");
    }
}
