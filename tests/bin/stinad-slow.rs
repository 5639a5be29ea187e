//! `stinad` with a module whose methods take hours.

use std::process::ExitCode;
use stinad::modules::kv;
use stinad::rpc::Module;

const MODULES: &[Module] = &[kv::MODULE, stina_tests::slow::MODULE];

fn main() -> ExitCode {
    stinad::cli::main(MODULES)
}
