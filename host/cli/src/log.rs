//! The log on standard error. It accompanies the work and never holds it up: a line is put into a
//! bounded queue, and a thread of its own writes it. Where a line cannot be written, because the
//! disk is full, the pipe is closed or nobody reads it, the line is lost and counted, and nothing else
//! happens.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that wait to be written: a second's worth at the busiest, some 2 MB.
const QUEUE: usize = 16_384;
/// As many lines as are written at once.
const BATCH: usize = 256;
/// Lines that come within this time are written together: to wake the thread for each would cost a request more
/// than the line itself.
const TOGETHER: Duration = Duration::from_millis(2);

static LOST: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Changes the filter of the log that was started.
type SetFilter = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();
/// The filter in force, as it was written.
static FILTER: Mutex<String> = Mutex::new(String::new());

/// Starts the log of this process, once. What `RUST_LOG` says wins over `filter`.
pub fn start(json: bool, filter: &str, log: Log) {
    let chosen = std::env::var(EnvFilter::DEFAULT_ENV).ok();
    let chosen = chosen.filter(|it| it.parse::<EnvFilter>().is_ok());
    let filter = chosen.as_deref().unwrap_or(filter);
    let parsed = filter.parse::<EnvFilter>().unwrap_or_else(|_| EnvFilter::new("info"));
    filter.clone_into(&mut FILTER.lock().unwrap_or_else(PoisonError::into_inner));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(log)
        // It would complain on standard error, which it takes to be writable.
        .log_internal_errors(false)
        .with_target(false);
    let set: SetFilter = if json {
        let subscriber = subscriber.json().with_filter_reloading();
        let handle = subscriber.reload_handle();
        subscriber.init();
        Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
    } else {
        let ansi = io::IsTerminal::is_terminal(&io::stderr());
        let subscriber = subscriber.with_ansi(ansi).with_filter_reloading();
        let handle = subscriber.reload_handle();
        subscriber.init();
        Box::new(move |filter| handle.reload(filter).map_err(|error| error.to_string()))
    };
    // It is set once.
    let _ = SET_FILTER.set(set);
}

/// Changes what is logged from now on, such as `info,lezai=debug`.
///
/// # Errors
///
/// The error in the filter, in words.
pub fn set_filter(filter: &str) -> Result<(), String> {
    let parsed = filter.parse::<EnvFilter>().map_err(|error| error.to_string())?;
    let set = SET_FILTER.get().ok_or("there is no log")?;
    set(parsed)?;
    filter.clone_into(&mut FILTER.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(())
}

/// The filter of the log now.
pub fn filter() -> String {
    FILTER.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Lines that could not be written.
pub fn lost() -> &'static Counter {
    &LOST
}

/// The log's end at which lines are put in.
#[derive(Clone)]
pub struct Log {
    lines: SyncSender<Vec<u8>>,
    progress: Arc<Progress>,
}

/// How many lines went in, and how many came out, written or lost.
#[derive(Default)]
struct Progress {
    taken: AtomicU64,
    ended: Mutex<u64>,
    changed: Condvar,
}

impl Log {
    /// A log to standard error.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn to_stderr() -> io::Result<Self> {
        // The file itself: a thread that waits for a reader must not hold the lock of `io::stderr`.
        let stderr = io::stderr().as_fd().try_clone_to_owned().map(File::from);
        match stderr {
            Ok(file) => Self::to(file),
            Err(_) => Self::to(io::sink()),
        }
    }

    /// A log to wherever.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn to(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queue) = sync_channel(QUEUE);
        let progress = Arc::new(Progress::default());
        let beside = Arc::clone(&progress);
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || write_all(out, &queue, &beside))?;
        Ok(Self { lines, progress })
    }

    /// Waits until every line put in so far is written or lost, but no longer than `patience`: where
    /// nobody reads the pipe there is no end to it.
    pub fn flush(&self, patience: Duration) {
        let taken = self.progress.taken.load(Ordering::Acquire);
        let ended = self.progress.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |ended: &mut u64| *ended < taken;
        drop(self.progress.changed.wait_timeout_while(ended, patience, waiting));
    }
}

/// The subscriber hands over one whole line at a time.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(line.to_vec()).is_ok() {
            self.progress.taken.fetch_add(1, Ordering::Release);
        } else {
            LOST.inc();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Log {
    type Writer = &'l Log;

    fn make_writer(&'l self) -> &'l Log {
        self
    }
}

fn write_all(mut out: impl Write, queue: &Receiver<Vec<u8>>, progress: &Progress) {
    let mut torn = false;
    while let Ok(first) = queue.recv() {
        let lines: Vec<Vec<u8>> =
            std::iter::once(first).chain(queue.try_iter()).take(BATCH).collect();
        let (lost, now_torn) = write_lines(&mut out, &lines, torn);
        torn = now_torn;
        LOST.inc_by(lost);
        let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        *progress.ended.lock().unwrap_or_else(PoisonError::into_inner) += count;
        progress.changed.notify_all();
        std::thread::sleep(TOGETHER);
    }
}

/// Writes lines as far as they can be, and gives how many were lost, and whether the last byte that
/// was written is in the midst of a line: then the next line begins below it.
fn write_lines(out: &mut impl Write, lines: &[Vec<u8>], torn: bool) -> (u64, bool) {
    let mut bytes = if torn { vec![b'\n'] } else { Vec::new() };
    let ends: Vec<usize> = lines
        .iter()
        .map(|line| {
            bytes.extend_from_slice(line);
            bytes.len()
        })
        .collect();
    let mut written = 0;
    while written < bytes.len() {
        match out.write(&bytes[written..]) {
            Ok(0) => break,
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let lost = ends.iter().filter(|end| **end > written).count();
    let torn = match written {
        0 => torn,
        _ => bytes.get(written - 1) != Some(&b'\n'),
    };
    (u64::try_from(lost).unwrap_or(u64::MAX), torn)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// A file with room for so many bytes.
    struct Disk {
        written: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            self.written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_and_the_next_one_stands_alone() {
        let lines = ["one\n", "two\n", "three\n"].map(|line| line.as_bytes().to_vec());
        for (room, lost, torn, written) in [
            (14, 0, false, "one\ntwo\nthree\n"),
            (13, 1, true, "one\ntwo\nthree"),
            (8, 1, false, "one\ntwo\n"),
            (5, 2, true, "one\nt"),
            (0, 3, false, ""),
        ] {
            let mut disk = Disk { written: Vec::new(), room };
            assert_eq!(write_lines(&mut disk, &lines, false), (lost, torn), "{room}");
            assert_eq!(disk.written, written.as_bytes(), "{room}");
            // Somebody makes room.
            disk.room = 100;
            assert_eq!(write_lines(&mut disk, &lines[..1], torn), (0, false), "{room}");
            let expected = format!("{written}{}one\n", if torn { "\n" } else { "" });
            assert_eq!(disk.written, expected.as_bytes(), "{room}");
        }
    }

    #[test]
    fn a_reader_that_stops_reading_holds_nobody_up() {
        /// Blocks for as long as the other end of the channel lives.
        struct Stalled(Receiver<()>);
        impl Write for Stalled {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (reader, stalled) = channel();
        let log = Log::to(Stalled(stalled)).unwrap();
        let before = lost().get();
        for _ in 0..QUEUE + BATCH + 10 {
            (&log).write_all(b"line\n").unwrap();
        }
        assert!(lost().get() >= before + 10, "the queue is bounded");
        log.flush(Duration::ZERO);
        drop(reader);
        log.flush(Duration::from_secs(600));
        assert!(lost().get() >= before + QUEUE as u64, "all are lost by now");
    }
}
