//! The house rules that a machine can hold: imports run one way, files stay small, one list names the modules.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Rust files below a folder: path from the root, and text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// Lines that are neither comments nor tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[cfg(test)]")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|l| !l.trim_start().starts_with("//"))
}

#[test]
fn imports_run_one_way() {
    for (folder, never) in [
        ("protocol/src", &["rusqlite", "tokio", "std::net", "std::fs", "std::os"][..]),
        ("daemon/src/store", &["crate::rpc", "crate::transport", "crate::modules", "crate::app"]),
        ("daemon/src/rpc", &["crate::transport", "crate::modules"]),
        ("daemon/src/transport", &["crate::modules", "rusqlite"]),
        ("daemon/src/modules", &["crate::transport", "crate::app", "crate::instance", "crate::cli"]),
        ("client/src", &["rusqlite", "stinad::"]),
    ] {
        for (name, text) in sources(folder) {
            for line in code(&text) {
                for word in never {
                    assert!(!line.contains(word), "{name} must not use {word}: {line}");
                }
            }
        }
    }
}

#[test]
fn modules_compose_through_repositories_and_own_their_tables() {
    let modules: Vec<String> = std::fs::read_dir(root().join("daemon/src/modules"))
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    for module in &modules {
        for (name, text) in sources(&format!("daemon/src/modules/{module}")) {
            for other in modules.iter().filter(|m| *m != module) {
                for line in code(&text) {
                    assert!(
                        !line.contains(&format!(" {other}_")),
                        "{name} must not name tables of {other}: {line}"
                    );
                }
            }
        }
    }
}

#[test]
fn only_one_list_names_the_modules() {
    let names = [
        "\"chat\"",
        "\"todo\"",
        "\"memory\"",
        "\"kv\"",
        "modules::chat",
        "modules::todo",
        "modules::memory",
        "modules::kv",
    ];
    for folder in ["daemon/src/store", "daemon/src/rpc", "daemon/src/transport"] {
        for (file, text) in sources(folder) {
            for line in code(&text) {
                assert!(!names.iter().any(|n| line.contains(n)), "{file} names a module: {line}");
            }
        }
    }
}

#[test]
fn files_stay_small() {
    for folder in ["protocol/src", "daemon/src", "client/src", "tests/src", "tests/e2e"] {
        for (name, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 420, "{name} has {lines} lines");
        }
    }
}
