//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use lezai::plugins::compiler;
use lezai::{call, dev, keys, ledger, listen, page_check, plugin_command, review_command, trigger};
use tracing_subscriber::EnvFilter;

/// Lezai (乐在), a payment gateway for merchants.
#[derive(Parser)]
#[command(version, disable_help_subcommand = true)]
struct Cli {
    /// How the log is written to standard error. RUST_LOG chooses what.
    #[arg(long, global = true, value_enum, default_value_t = Log::Text)]
    log: Log,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine: gateway, sandbox channel, demo shop.
    Dev(dev::DevArgs),
    /// Send a signed request and print the answer.
    Call(call::CallArgs),
    /// Receive callbacks, verify and print them.
    Listen(listen::ListenArgs),
    /// Print the description of the HTTP API (OpenAPI 3.1), as the gateway serves it.
    Openapi,
    /// Make an event happen for real, in the sandbox.
    Trigger(trigger::TriggerArgs),
    /// Look after the ledger.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Change the key that the gateway signs with.
    #[command(subcommand)]
    Key(keys::KeyCommand),
    /// Look after merchants' plugins.
    #[command(subcommand)]
    Plugin(plugin_command::PluginCommand),
    /// Look at the orders that risk control holds, and decide on them.
    #[command(subcommand)]
    Review(review_command::ReviewCommand),
    /// Look after payment pages.
    #[command(subcommand)]
    Page(page_check::PageCommand),
    /// Compile a component from standard input: the gateway's own child.
    #[command(name = compiler::VERB, hide = true)]
    CompilePlugin(compiler::ChildLimits),
}

#[derive(Clone, Copy, ValueEnum)]
enum Log {
    Text,
    Json,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::CompilePlugin(limits) = cli.command {
        // Before there are threads: it sets limits on its own process.
        return compiler::run(limits);
    }
    start_log(cli.log);
    // TLS for callbacks and `lezai call`; an error says that it was chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run(cli.command)),
        Err(error) => fail(&error),
    }
}

async fn run(command: Command) -> ExitCode {
    match command {
        Command::Dev(args) => match dev::run(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        },
        Command::Call(args) => call::run(args).await,
        Command::Listen(args) => listen::run(args).await,
        Command::Openapi => {
            lezai::say::line(format_args!("{}", lezai::http::description()));
            ExitCode::SUCCESS
        }
        Command::Trigger(args) => trigger::run(args).await,
        Command::Ledger(command) => ledger::run(&command),
        Command::Key(command) => keys::run(&command),
        Command::Plugin(command) => plugin_command::run(command).await,
        Command::Review(command) => review_command::run(command).await,
        Command::Page(command) => page_check::run(command).await,
        Command::CompilePlugin(limits) => compiler::run(limits),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("lezai: {error}");
    ExitCode::from(2)
}

fn start_log(log: Log) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    match log {
        Log::Text => {
            subscriber.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init()
        }
        Log::Json => subscriber.json().init(),
    }
}
