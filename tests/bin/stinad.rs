//! `stinad`, for the tests of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    stinad::cli::main(stinad::modules::ALL)
}
