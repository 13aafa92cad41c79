#![allow(missing_docs)]
// placeholder, EDGE replaces this file
#[derive(Debug, clap::Subcommand)] pub enum PluginCommand { Show } pub async fn run(_: PluginCommand) -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
