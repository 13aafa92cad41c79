//! `lezai plugin`, an author's half: make a plugin, build it, look at it, test it, measure it, and
//! decide a past order again. All of it on this machine, with the engine and the limits that the
//! gateway has: what these verbs say is what production will say.

mod advice;
mod bench;
mod build;
mod check;
mod encode;
mod golden;
mod new;
mod profile;
mod replay;
mod workbench;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use crate::secrets::RootArgs;
use crate::source::SourceArgs;

/// Commands for an author of a plugin.
#[derive(Debug, clap::Subcommand)]
pub enum AuthorCommand {
    /// Make a folder with a plugin that builds at once, its tests and its orders.
    New {
        /// The folder; its last part is the plugin's name, such as night_owls.
        folder: PathBuf,
    },
    /// Build the plugin in a folder: cargo's module, or another compiler's, made a component and checked.
    Build {
        /// The folder with Cargo.toml, or a core module.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Where the component goes; NAME.wasm in the folder if not said, or NAME.component.wasm
        /// beside the module.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Say whether a gateway would take a component, and how far it is from each limit.
    Check {
        /// A component, a core module (.wasm), or either as text (.wat).
        file: PathBuf,
    },
    /// Decide orders and compare with what is expected.
    Test {
        /// A component, a core module (.wasm), or either as text (.wat).
        file: PathBuf,
        /// The folder with the orders, each a JSON file.
        #[arg(default_value = "orders")]
        orders: PathBuf,
        /// Write down what was decided as what is expected.
        #[arg(long)]
        update: bool,
        /// How far fuel may be from what was written down, in percent. Another compiler's code for
        /// the same source can be off by some 25.
        #[arg(long, default_value_t = 25, value_name = "PERCENT")]
        fuel: u64,
    },
    /// Measure what a decision costs: processor time, fuel, memory.
    Bench {
        /// A component, a core module (.wasm), or either as text (.wat).
        file: PathBuf,
        /// The folder with the orders, each a JSON file.
        #[arg(default_value = "orders")]
        orders: PathBuf,
    },
    /// Decide an order of the past again, from a gateway's store, and compare bit for bit.
    Replay {
        /// The order, `ord_…`.
        order: String,
        /// Where the gateway's store is.
        #[command(flatten)]
        source: SourceArgs,
        /// The root keys, if what the store has is sealed.
        #[command(flatten)]
        root: RootArgs,
        /// The merchant's plugin by then, if the store no longer has it.
        #[arg(long, value_name = "FILE")]
        plugin: Option<PathBuf>,
        /// Its settings by then, if the store no longer has them.
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
    },
    /// Say where the fuel goes, function by function.
    Profile {
        /// A component, a core module (.wasm), or either as text (.wat).
        file: PathBuf,
        /// One order, a JSON file as for `test`.
        order: PathBuf,
    },
}

/// Why a verb did not succeed.
enum Failed {
    /// The plugin is not as it should be. The text says what, and what to do.
    Wanting(String),
    /// It was not looked at.
    NotDone(String),
}

/// Does it. The exit code is 1 if the plugin is not as it should be, and 2 if that could not be
/// found out.
pub(super) fn run(command: AuthorCommand) -> ExitCode {
    let done = match command {
        AuthorCommand::New { folder } => new::run(&folder),
        AuthorCommand::Build { folder, out } => build::run(&folder, out),
        AuthorCommand::Check { file } => check::run(&file),
        AuthorCommand::Test { file, orders, update, fuel } => {
            golden::run(&file, &orders, update, fuel)
        }
        AuthorCommand::Bench { file, orders } => bench::run(&file, &orders),
        AuthorCommand::Replay { order, source, root, plugin, settings } => {
            replay::run(&order, (&source, &root), plugin.as_deref(), settings.as_deref())
        }
        AuthorCommand::Profile { file, order } => profile::run(&file, &order),
    };
    match done {
        Ok(text) => {
            say!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(Failed::Wanting(text)) => {
            say!("{}", text.trim_end());
            ExitCode::from(1)
        }
        Err(Failed::NotDone(text)) => {
            eprintln!("lezai: {text}");
            ExitCode::from(2)
        }
    }
}

/// Microseconds with one place.
fn micros(time: Duration) -> String {
    let tenths = time.as_nanos() / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}
