#![allow(missing_docs)]
// placeholder, EDGE replaces this file
#[derive(Debug, clap::Args)] pub struct CallArgs {} pub async fn run(_: CallArgs) -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
