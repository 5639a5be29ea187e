//! `stinactl`: Stina's store from the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    stinactl::main()
}
