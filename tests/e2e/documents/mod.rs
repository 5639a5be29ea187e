//! The documents are true: their programs run, generated files are fresh.

mod node;
mod python;
mod rust;
mod samples;
mod shell;
mod typescript;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn docs() -> PathBuf {
    root().join("docs")
}

/// Names and texts of a document's code blocks in a language: the name follows the language, `` ```python stina.py ``.
fn blocks(document: &str, language: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let named = |block: &str| {
        let (name, rest) = block.split_once('\n')?;
        let (code, _) = rest.split_once("\n```")?;
        let name = match name.strip_prefix(' ') {
            Some(name) => name,
            None if name.is_empty() => "",
            None => return None,
        };
        Some((name.to_owned(), format!("{code}\n")))
    };
    text.split(&format!("```{language}")).skip(1).filter_map(named).collect()
}

/// All sources of this package's tests.
fn tests_text(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => tests_text(&path),
            false => std::fs::read_to_string(path).unwrap(),
        })
        .collect()
}

#[test]
fn every_test_and_script_that_holds_a_guarantee_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = tests_text(&root.join("e2e")) + &tests_text(&root.join("../client"));
    let guarantees = std::fs::read_to_string(docs().join("guarantees.md")).unwrap();
    let quoted: Vec<&str> = guarantees.split('`').skip(1).step_by(2).collect();
    let named: Vec<&&str> = quoted.iter().filter(|name| name.matches('_').count() > 2).collect();
    assert!(named.len() > 20);
    for name in named {
        assert!(tests.contains(&format!("fn {name}(")), "{name} is no test");
    }
    for script in quoted.iter().filter_map(|q| q.split(' ').next()?.strip_prefix("tests/")) {
        assert!(root.join(script).exists(), "{script} is no script");
    }
}

#[test]
fn the_first_screen_has_the_two_commands_where_ci_finds_them() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["cargo run --release ", "cargo test --workspace "] {
        assert!(text.lines().take(30).any(|line| line.starts_with(command)), "{command}");
    }
}

#[test]
fn every_line_for_nc_ends_by_itself() {
    for document in ["README.md".to_owned(), "daemon/src/cli.rs".to_owned()].into_iter().chain(documents()) {
        let text = std::fs::read_to_string(root().join(&document)).unwrap();
        assert!(!text.contains("nc -U"), "{document}: nc needs -N");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in ["README.md".to_owned()].into_iter().chain(documents()) {
        let text = std::fs::read_to_string(root().join(&document)).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            if file.contains(':') {
                continue;
            }
            let folder = Path::new(&document).parent().unwrap();
            let path = if file.is_empty() { document.clone().into() } else { folder.join(file) };
            let linked = std::fs::read_to_string(root().join(path));
            let linked = linked.unwrap_or_else(|error| panic!("{document}: {target}: {error}"));
            assert!(
                heading.is_empty() || anchors(&linked).any(|a| a == heading),
                "{document}: {target}: no such heading"
            );
        }
    }
}

fn documents() -> impl Iterator<Item = String> {
    let files = std::fs::read_dir(docs()).unwrap().map(|entry| entry.unwrap().file_name());
    files
        .map(|name| format!("docs/{}", name.into_string().unwrap()))
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "md"))
}

/// The anchors of headings, as GitHub makes them.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    })
}
