//! A test that can't run here says so; where nothing may be missing, it fails.

use std::process::Command;

/// Set for the test below when it runs itself.
const SKIPS: &str = "STINA_TEST_SKIPS";

#[test]
fn a_skipped_test_says_so_and_fails_in_ci() {
    if std::env::var_os(SKIPS).is_some() {
        return stina_tests::skip("there is no such program");
    }
    let name = std::thread::current().name().unwrap().to_owned();
    for (ci, passes) in [("", true), ("true", false)] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let run = command.args(["--exact", &name]).env(SKIPS, "1").env("CI", ci).output().unwrap();
        assert_eq!(run.status.success(), passes, "{run:?}");
        // A test that fails is reported on standard output.
        let said = if passes { run.stderr } else { run.stdout };
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains(&format!("skipped: {name}: there is no such program")), "{said}");
    }
}
