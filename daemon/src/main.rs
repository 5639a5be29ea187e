//! The `stinad` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    stinad::cli::main(stinad::modules::ALL)
}
