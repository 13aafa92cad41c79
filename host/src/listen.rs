#![allow(missing_docs)]
// placeholder, EDGE replaces this file
#[derive(Debug, clap::Args)] pub struct ListenArgs {} pub async fn run(_: ListenArgs) -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
