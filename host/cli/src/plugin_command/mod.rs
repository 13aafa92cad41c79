//! `lezai plugin`: signs a plugin's release, publishes it at a running gateway, moves it on, looks at
//! what it does, takes it back.

mod at;
mod author;
mod look;
mod moves;
mod publish;
mod sign;

use std::process::ExitCode;

use crate::outcome;

pub use at::At;
pub use author::AuthorCommand;

/// Commands on a merchant's plugin.
#[derive(Debug, clap::Subcommand)]
pub enum PluginCommand {
    /// Sign a component as a release: writes FILE.release.json.
    Sign(sign::SignArgs),
    /// Publish a component, signed here, or a release that was signed before.
    Publish(publish::PublishArgs),
    /// Let a release go on: to the next share of orders, or as far as --to says.
    Promote(moves::PromoteArgs),
    /// Let a release that is on its way rest; promote lets it go on.
    Pause(moves::MoveArgs),
    /// Take a release back: the one before decides again.
    Rollback(moves::MoveArgs),
    /// List a merchant's releases, newest first.
    List(look::ListArgs),
    /// Show the orders that a release decides otherwise.
    Diff(look::DiffArgs),
    /// Take the plugin away: the standard plugin decides again.
    Remove(look::OfMerchant),
    /// Show which release decides the merchant's orders.
    Show(look::OfMerchant),
    /// Commands of an author, on their own machine.
    #[command(flatten)]
    Author(AuthorCommand),
}

/// Does it. The exit code is 1 if the gateway refuses, and 2 if it could not be asked.
pub async fn run(command: PluginCommand) -> ExitCode {
    outcome::finish(match command {
        PluginCommand::Author(command) => return author::run(command),
        PluginCommand::Sign(args) => sign::run(&args),
        PluginCommand::Publish(args) => publish::run(args).await,
        PluginCommand::Promote(args) => moves::promote(args).await,
        PluginCommand::Pause(args) => moves::act(args, "pause").await,
        PluginCommand::Rollback(args) => moves::act(args, "rollback").await,
        PluginCommand::List(args) => look::list(args).await,
        PluginCommand::Diff(args) => look::diff(args).await,
        PluginCommand::Remove(args) => look::remove(args).await,
        PluginCommand::Show(args) => look::show(args).await,
    })
}
