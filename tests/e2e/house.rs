//! The house rules that a machine can hold: imports run one way, files stay small, one list names the modules.

mod imports;

use imports::{Imports, Target};
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

/// A crate's imports, from its sources.
fn imports(name: &str, folder: &str) -> Imports {
    let sources = sources(folder);
    let below = |file: &str| file.strip_prefix(&format!("{folder}/")).unwrap().to_owned();
    let files: Vec<(String, &str)> =
        sources.iter().map(|(file, text)| (below(file), text.as_str())).collect();
    Imports::of(name, files.iter().map(|(file, text)| (file.as_str(), *text)))
}

/// The room of a file: the folder, or the file, directly below `src`.
fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

/// The rooms that each room of the daemon may import: the table "Rooms" of `docs/architecture.md`.
const ROOMS: &[(&str, &[&str])] = &[
    ("main", &["cli", "modules"]),
    ("cli", &["app", "config", "instance", "rpc", "store"]),
    ("app", &["config", "instance", "transport", "rpc", "stop", "store"]),
    ("instance", &["config", "store"]),
    ("config", &["store", "clock", "limits"]),
    ("transport", &["rpc", "stop", "store", "limits"]),
    ("modules", &["rpc", "store", "limits"]),
    ("rpc", &["stop", "store", "limits"]),
    ("store", &["clock", "limits"]),
    ("stop", &[]),
    ("clock", &[]),
    ("limits", &[]),
    ("lib", &[]),
];

/// Imports that leave a room for one that it may not import.
fn astray(imports: &Imports, rooms: &[(&str, &[&str])]) -> Vec<String> {
    let mut astray = Vec::new();
    for (file, targets) in imports.targets() {
        let Some((_, may)) = rooms.iter().find(|(name, _)| *name == room(file)) else {
            astray.push(format!("{file} is in no room"));
            continue;
        };
        for target in targets {
            if let Target::File(other) = target
                && room(&other) != room(file)
                && !may.contains(&room(&other))
            {
                astray.push(format!("{file} imports {other}"));
            }
        }
    }
    astray
}

/// Imports of what is outside the crate and begins with one of these paths.
fn imports_of(imports: &Imports, room_name: &str, never: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (file, targets) in imports.targets() {
        for target in targets {
            if let Target::Outside(path) = target
                && (room_name.is_empty() || room(file) == room_name)
                && never.iter().any(|n| path == *n || path.starts_with(&format!("{n}::")))
            {
                found.push(format!("{file} imports {path}"));
            }
        }
    }
    found
}

#[test]
fn imports_run_one_way() {
    let daemon = imports("stinad", "daemon/src");
    assert_eq!(astray(&daemon, ROOMS), [""; 0], "see the picture in docs/architecture.md");
    for (name, imports, room, never) in [
        (
            "protocol",
            &imports("stina_protocol", "protocol/src"),
            "",
            &["rusqlite", "tokio", "std::net", "std::fs", "std::os"][..],
        ),
        ("daemon", &daemon, "transport", &["rusqlite"]),
        ("client", &imports("stina_client", "client/src"), "", &["rusqlite", "stinad", "stinactl", "clap"]),
        ("stinactl", &imports("stinactl", "client/stinactl/src"), "", &["rusqlite", "stinad"]),
    ] {
        assert_eq!(imports_of(imports, room, never), [""; 0], "{name}");
    }
}

/// A module knows of another one what is its contract.
#[test]
fn the_inside_of_a_room_is_its_own() {
    let folder =
        |file: &str| file.strip_prefix("modules/").and_then(|f| f.split_once('/')).map(|(m, _)| m.to_owned());
    for (file, targets) in imports("stinad", "daemon/src").targets() {
        for target in targets {
            let Target::File(other) = target else { continue };
            if let (Some(from), Some(to)) = (folder(file), folder(&other))
                && from != to
            {
                let is_contract = other == format!("modules/{to}/mod.rs")
                    || other.starts_with(&format!("modules/{to}/repository"));
                assert!(is_contract, "{file} imports {other}");
            }
        }
    }
}

#[test]
fn no_two_files_import_each_other() {
    let mut found = Vec::new();
    for (name, folder) in [
        ("stinad", "daemon/src"),
        ("stina_client", "client/src"),
        ("stinactl", "client/stinactl/src"),
        ("stina_protocol", "protocol/src"),
    ] {
        found.extend(imports(name, folder).circles().into_iter().map(|(a, b)| (name, a, b)));
    }
    assert_eq!(found, []);
}

#[test]
fn a_forbidden_import_is_found() {
    let rooms: &[(&str, &[&str])] = &[("high", &["low"]), ("low", &[]), ("lib", &[])];
    let made = |low: &str| {
        let high = "use crate::low::{L, deep::D}; pub struct H;";
        let files = [
            ("lib.rs", "mod high; mod low;"),
            ("high/mod.rs", high),
            ("low/mod.rs", low),
            ("low/deep.rs", ""),
        ];
        astray(&Imports::of("made", files), rooms)
    };
    assert_eq!(made("pub mod deep; pub struct L;"), [""; 0]);
    for low in [
        "use crate::high::H;",
        "use crate::{high::H as Other};",
        "use super::high;",
        "fn f(h: &crate::high::H) {}",
        "mod within { use super::super::high::H; }",
    ] {
        assert_eq!(made(low), ["low/mod.rs imports high/mod.rs"], "{low}");
    }
    let files =
        [("lib.rs", "mod a;"), ("a.rs", "use std::{fs::File, io}; fn f() -> rusqlite::Result<()> {}")];
    let imports = Imports::of("made", files);
    assert_eq!(imports_of(&imports, "a", &["std::fs"]), ["a.rs imports std::fs::File"]);
    assert_eq!(imports_of(&imports, "", &["rusqlite", "tokio"]), ["a.rs imports rusqlite::Result"]);
    assert_eq!(astray(&imports, &[("lib", &[])]), ["a.rs is in no room"]);
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
    let names = ["\"chat\"", "\"todo\"", "\"memory\"", "\"kv\""];
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
    for folder in
        ["protocol/src", "daemon/src", "client/src", "client/stinactl/src", "tests/src", "tests/e2e"]
    {
        for (name, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 420, "{name} has {lines} lines");
        }
    }
}
