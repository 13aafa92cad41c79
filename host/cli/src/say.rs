//! Output of commands. A reader that has enough, as `head` does, closes the pipe; the command ends,
//! quietly, and as every program does whom the system ends for that.
//!
//! Text that only accompanies the work, such as a remark on standard error or `lezai dev`'s address,
//! is another thing: where it cannot be written, it is not written, and the work goes on.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write as _};

/// 128 and the number of SIGPIPE, as a shell tells it.
const PIPE_CLOSED: i32 = 141;

/// Prints one line, like `println!`.
macro_rules! say {
    ($($words:tt)*) => { $crate::say::line(format_args!($($words)*)) };
}

/// Shadows the standard macro, which panics where standard error cannot be written, as on a full
/// disk: in this crate nobody can use that one by mistake.
macro_rules! eprintln {
    ($($words:tt)*) => { $crate::say::remark(format_args!($($words)*)) };
}

/// Prints one line to standard output.
pub fn line(words: Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{words}").and_then(|()| stdout.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(PIPE_CLOSED),
        Err(error) => {
            remark(format_args!("lezai: standard output: {error}"));
            std::process::exit(2);
        }
    }
}

/// Prints one line to standard error, if it can be written.
pub fn remark(words: Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{words}");
}

/// Prints to standard output, if and when it can be written: a thread of its own waits for a pipe that
/// nobody reads.
pub fn announce(words: String) {
    let thread = std::thread::Builder::new().name("announce".to_owned());
    let _ = thread.spawn(move || {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(words.as_bytes()).and_then(|()| stdout.flush());
    });
}
