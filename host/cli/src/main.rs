//! The command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use lezai::{
    backup, bill_command, call, channel_command, contract_command, dev, difference_command, doctor,
    fees_command, fx_command, keys, ledger, listen, merchant_command, migrate, order_command,
    page_check, payout_command, plugin_command, reconcile_command, review_command, secrets_command,
    serve, settlement_command, statement_command, trigger,
};
use lezai_gateway::plugins::compiler;

/// Memory for a request is allocated on one thread and freed on another, many times over: in that,
/// glibc's allocator took a tenth of the processor under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The last lines of the log have this long to be taken.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Lezai (乐在), a payment gateway for merchants.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// How the log is written to standard error. RUST_LOG chooses what.
    #[arg(long, global = true, value_enum, default_value_t = Log::Text)]
    log: Log,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine: gateway, sandbox channel, demo shop.
    Dev(dev::DevArgs),
    /// Run the gateway in production.
    Serve(serve::ServeArgs),
    /// Print the configuration in force, without secrets.
    Config(serve::ConfigCommand),
    /// Send a signed request and print the answer.
    Call(call::CallArgs),
    /// Receive callbacks, verify and print them.
    Listen(listen::ListenArgs),
    /// Print the description of the HTTP API (OpenAPI 3.1), as the gateway serves it.
    Openapi,
    /// Make an event happen for real, in the sandbox.
    Trigger(trigger::TriggerArgs),
    /// Make the tables of a database of PostgreSQL's, or bring them up to this program's version.
    Migrate(migrate::MigrateArgs),
    /// Copy a data folder, beside a gateway that may be running.
    Backup(backup::BackupArgs),
    /// Make a data folder from a copy.
    Restore(backup::RestoreArgs),
    /// Look at all that a gateway stands on, and say what to do.
    Doctor(doctor::DoctorArgs),
    /// Look after the ledger.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Look after the root keys that secrets are sealed under.
    #[command(subcommand)]
    Secrets(secrets_command::SecretsCommand),
    /// Change the key that the gateway signs with.
    #[command(subcommand)]
    Key(keys::KeyCommand),
    /// Look after merchants' plugins.
    #[command(subcommand)]
    Plugin(plugin_command::PluginCommand),
    /// Try payment channels: check credentials, make calls, run simulators.
    #[command(subcommand)]
    Channel(channel_command::ChannelCommand),
    /// Look after merchants' own accounts at payment channels.
    #[command(subcommand)]
    Merchant(merchant_command::MerchantCommand),
    /// Look at an order, and at why its payments went to their channels.
    #[command(subcommand)]
    Order(order_command::OrderCommand),
    /// Look at the orders that risk control holds, and decide on them.
    #[command(subcommand)]
    Review(review_command::ReviewCommand),
    /// Look after channels' bills.
    #[command(subcommand)]
    Bill(bill_command::BillCommand),
    /// Show merchants' contracts, and agree on the next.
    #[command(subcommand)]
    Contract(contract_command::ContractCommand),
    /// Look at differences between bills and books, and resolve them.
    #[command(subcommand)]
    Difference(difference_command::DifferenceCommand),
    /// Try out what a contract's fees come to.
    #[command(subcommand)]
    Fees(fees_command::FeesCommand),
    /// Put rates of the market, and look at them.
    #[command(subcommand)]
    Fx(fx_command::FxCommand),
    /// Pay out what is available, and decide on payouts.
    #[command(subcommand)]
    Payout(payout_command::PayoutCommand),
    /// Close the settlement batches that a cut-off has left open.
    Settle(settlement_command::SettleArgs),
    /// Look at settlement batches.
    #[command(subcommand)]
    Settlement(settlement_command::SettlementCommand),
    /// Compare bills with what was expected, or a statement with a merchant's own books.
    Reconcile(reconcile_command::ReconcileArgs),
    /// Write a merchant's statement from the ledger: the same request gives the same bytes.
    Statement(statement_command::StatementArgs),
    /// Look after payment pages.
    #[command(subcommand)]
    Page(page_check::PageCommand),
    /// Print a script that completes these commands in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages, one for each command.
    Man {
        /// A folder that is there.
        folder: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    Text,
    Json,
}

/// The text of `lezai` for somebody who has just got it.
const FIRST_STEPS: &str = "\
Lezai (乐在), a payment gateway for merchants.

Begin here:
  lezai dev                   start a gateway, a simulated wallet and a demo shop on this machine
  lezai dev --lan             the same, for a phone in the local network too
Then, in another terminal, in the same folder:
  lezai trigger order.paid    make an order, pay it, and see its callback delivered
  lezai call GET /v1/orders   send a signed request

http://127.0.0.1:8080/ then says what runs and what to do next.

In production:
  lezai config --template     print a configuration to begin with
  lezai serve --check         say everything that is wrong with it
  lezai serve                 run the gateway
  lezai doctor                look at all that it stands on
`lezai help` lists all commands.";

fn main() -> ExitCode {
    if let Some(limits) = compiler::ChildLimits::of_this_process() {
        // Before there are threads: it sets limits on its own process.
        return compiler::run(limits);
    }
    let cli = Cli::parse();
    let Some(command) = cli.command else {
        lezai::say::line(format_args!("{FIRST_STEPS}"));
        return ExitCode::SUCCESS;
    };
    if let Command::Config(command) = &command {
        return serve::show(command);
    }
    let prepared = match &command {
        Command::Serve(args) => match serve::prepare(args) {
            Ok(prepared) => Some(prepared),
            Err(code) => return code,
        },
        _ => None,
    };
    let log = match lezai::log::Log::to_stderr() {
        Ok(log) => log,
        Err(error) => return fail(&error),
    };
    let json = prepared.as_ref().map_or(matches!(cli.log, Log::Json), serve::Prepared::log_is_json);
    let filter = prepared.as_ref().map_or("info", serve::Prepared::log_filter);
    lezai::log::start(json, filter, log.clone());
    name_panics();
    // TLS for callbacks and `lezai call`; an error says that it was chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let code = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let code = runtime.block_on(run(command, prepared));
            // A task that still runs was waited for, or is not worth waiting for.
            runtime.shutdown_background();
            code
        }
        Err(error) => fail(&error),
    };
    log.flush(LAST_LINES);
    code
}

async fn run(command: Command, prepared: Option<serve::Prepared>) -> ExitCode {
    if let Some(prepared) = prepared {
        return match serve::run(prepared).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        };
    }
    match command {
        // Prepared, or said already.
        Command::Serve(_) => ExitCode::from(2),
        Command::Config(command) => serve::show(&command),
        Command::Dev(args) => match dev::run(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        },
        Command::Call(args) => call::run(args).await,
        Command::Listen(args) => listen::run(args).await,
        Command::Openapi => {
            lezai::say::line(format_args!("{}", lezai_http::description()));
            ExitCode::SUCCESS
        }
        Command::Trigger(args) => trigger::run(args).await,
        Command::Migrate(args) => migrate::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Ledger(command) => ledger::run(&command),
        Command::Secrets(command) => secrets_command::run(&command),
        Command::Key(command) => keys::run(&command),
        Command::Plugin(command) => plugin_command::run(command).await,
        Command::Channel(command) => channel_command::run(command).await,
        Command::Merchant(command) => merchant_command::run(command).await,
        Command::Order(command) => order_command::run(command).await,
        Command::Review(command) => review_command::run(command).await,
        Command::Bill(command) => bill_command::run(command).await,
        Command::Contract(command) => contract_command::run(command).await,
        Command::Difference(command) => difference_command::run(command).await,
        Command::Fees(command) => fees_command::run(command).await,
        Command::Fx(command) => fx_command::run(command).await,
        Command::Payout(command) => payout_command::run(command).await,
        Command::Settle(args) => settlement_command::settle(args).await,
        Command::Settlement(command) => settlement_command::run(command).await,
        Command::Reconcile(args) => reconcile_command::run(args).await,
        Command::Statement(args) => statement_command::run(args).await,
        Command::Page(command) => page_check::run(command).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "lezai", &mut script);
            lezai::say::line(format_args!("{}", String::from_utf8_lossy(&script).trim_end()));
            ExitCode::SUCCESS
        }
        Command::Man { folder } => manual(&folder),
    }
}

fn manual(folder: &Path) -> ExitCode {
    match clap_mangen::generate_to(Cli::command(), folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "lezai: cannot write to {}: {error}; make the folder first",
                folder.display()
            );
            ExitCode::from(2)
        }
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    lezai::say::remark(format_args!("lezai: {error}"));
    ExitCode::from(2)
}

/// A panic's message goes where all others go, and waits for nobody either.
fn name_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("of an unknown kind");
        tracing::error!(at, message, "panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }
}
