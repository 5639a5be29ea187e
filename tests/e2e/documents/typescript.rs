//! `docs/stina.d.ts` is fresh, compiles, and types the programs of `docs/clients.md`.

use super::docs;
use super::samples::{Program, Samples, output};
use crate::daemon;
use serde_json::json;
use std::process::Command;
use stina_tests::typescript;

/// The compiler, where there is one: the one beside the packages in `NODE_PATH`, or the system's.
fn tsc(samples: &Samples) -> Option<String> {
    let beside = samples.path("node_modules/.bin/tsc");
    let program = if beside.exists() { beside.display().to_string() } else { "tsc".to_owned() };
    samples.can_run(&program, &["--version"]).then_some(program)
}

fn checked_in() -> String {
    std::fs::read_to_string(docs().join("stina.d.ts")).unwrap_or_default()
}

fn compile(samples: &Samples, tsc: &str, args: &[&str]) -> Command {
    let options = ["--noEmit", "--strict", "--target", "es2024", "--module", "nodenext"];
    samples.command(tsc, &[&options, args].concat())
}

#[test]
fn the_typescript_types_are_fresh() {
    let document = daemon().peer().call("rpc.discover", json!({}));
    let types = typescript::types(&document);
    if std::env::var_os("STINA_UPDATE").is_some() {
        std::fs::write(docs().join("stina.d.ts"), &types).unwrap();
    }
    assert!(
        checked_in() == types,
        "docs/stina.d.ts is stale: STINA_UPDATE=1 cargo test -p stina-tests typescript"
    );
}

/// Names of all types that the file exports.
fn names() -> Vec<String> {
    let text = checked_in();
    let exports =
        text.lines().filter_map(|l| l.strip_prefix("export type ").or(l.strip_prefix("export interface ")));
    exports.map(|rest| rest.split(['<', ' ']).next().unwrap().to_owned()).collect()
}

#[test]
fn no_typescript_type_is_numbered() {
    let names = names();
    assert!(names.len() > 30, "{names:?}");
    let numbered: Vec<&String> = names.iter().filter(|n| n.ends_with(|c: char| c.is_ascii_digit())).collect();
    assert!(numbered.is_empty(), "a schema needs a name of its own: {numbered:?}");
}

#[test]
fn the_typescript_types_compile_and_have_names_that_no_browser_has() {
    let samples = Samples::of("js");
    let Some(tsc) = tsc(&samples) else { return };
    output(&mut compile(&samples, &tsc, &["stina.d.ts"]));
    // Without an import each of them is unknown.
    let names = names();
    let uses: String = names.iter().map(|name| format!("export type Uses{name} = {name};\n")).collect();
    samples.write("names.ts", &uses);
    let mut program = Program::start(&mut compile(&samples, &tsc, &["--typeRoots", "no-types", "names.ts"]));
    program.end_of_input();
    let (_, errors) = program.ends();
    for name in names {
        let unknown = [format!("Cannot find name '{name}'"), format!("Generic type '{name}'")];
        assert!(errors.contains(&unknown[0]), "{name} is a type of browsers or JavaScript: {errors}");
    }
}

#[test]
fn the_entity_of_a_change_narrows_its_value() {
    let samples = Samples::of("js");
    let Some(tsc) = tsc(&samples) else { return };
    let program = |member: &str| {
        format!(
            "import type {{ Change }} from './stina.d.ts';
             export function title(change: Change): string | undefined {{
                 if (change.op !== 'put') return undefined;
                 switch (change.entity) {{
                     case 'todo': return change.value.{member};
                     case 'kv': return change.value.key;
                     default: return undefined;
                 }}
             }}"
        )
    };
    samples.write("narrow.ts", &program("title"));
    output(&mut compile(&samples, &tsc, &["--allowImportingTsExtensions", "narrow.ts"]));
    samples.write("narrow.ts", &program("tags"));
    let mut wrong =
        Program::start(&mut compile(&samples, &tsc, &["--allowImportingTsExtensions", "narrow.ts"]));
    wrong.end_of_input();
    let (status, errors) = wrong.ends();
    assert!(!status.success() && errors.contains("'tags' does not exist"), "{errors}");
}

#[test]
fn the_node_programs_are_typed() {
    let samples = Samples::of("js");
    let Some(tsc) = tsc(&samples) else { return };
    for package in ["node", "ws"] {
        if !samples.path("node_modules/@types").join(package).exists() {
            return stina_tests::skip(&format!("@types/{package} is not installed"));
        }
    }
    let programs = ["watch.mjs", "chat.mjs", "websocket.mjs"];
    let args = [&["--checkJs", "--types", "node"][..], &programs].concat();
    output(&mut compile(&samples, &tsc, &args));
    // A wrong param is an error, so the types do reach the calls.
    let text = std::fs::read_to_string(samples.path("stream.mjs")).unwrap();
    assert!(text.contains("deltas: false"));
    samples.write("stream.mjs", &text.replace("deltas: false", "deltas: 3"));
    let mut program = Program::start(&mut compile(&samples, &tsc, &args));
    program.end_of_input();
    let (status, errors) = program.ends();
    assert!(!status.success() && errors.contains("TS2322"), "{errors}");
}
