//! What a command prints. Who has read enough, as `head` does, closes the pipe; the command then ends,
//! quietly, and as every program does whom the system ends for that.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};

/// 128 and the number of SIGPIPE, as a shell tells it.
const PIPE_CLOSED: i32 = 141;

/// Prints one line, like `println!`.
macro_rules! say {
    ($($words:tt)*) => { $crate::say::line(format_args!($($words)*)) };
}

/// Prints one line to standard output.
pub fn line(words: Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{words}").and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(PIPE_CLOSED),
        Err(error) => {
            eprintln!("lezai: standard output: {error}");
            std::process::exit(2);
        }
    }
}
