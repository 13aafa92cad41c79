//! Compiles plugins in a child process: this very program with a verb that nobody else uses. What
//! a stranger made is read by the compiler under limits on time and memory that the system holds,
//! and takes nothing of the gateway with it, whatever it does.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use lezai_engine::{Compiler, Refused};
use rlimit::Resource;

/// The first argument of a child. It is no command for people, so no help and no completion has it.
const VERB: &str = "compile-plugin";

/// The limits of a child. Its parent tells them, and it takes them on before it reads a byte.
#[derive(Clone, Copy, Debug)]
pub struct ChildLimits {
    /// Processor time in seconds; the worst component that passes admission takes one, and ten on a slow
    /// machine: whether a plugin is taken must not be the machine's to say.
    pub cpu_secs: u64,
    /// Addresses in bytes; the same one takes 230 MB of memory.
    pub memory: u64,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self { cpu_secs: 60, memory: 1536 * 1024 * 1024 }
    }
}

impl ChildLimits {
    /// The limits that this process was started with as a child that compiles; `None` if it is none.
    pub fn of_this_process() -> Option<Self> {
        Self::of_arguments(std::env::args().skip(1))
    }

    fn of_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        if arguments.next()? != VERB {
            return None;
        }
        let mut number = || arguments.next()?.parse().ok();
        Some(Self { cpu_secs: number()?, memory: number()? })
    }
}

/// On the wall, for a machine that does something else too.
const WALL: Duration = Duration::from_secs(300);
/// The longest code that is taken; 1 MiB of wasm gives some 8 MiB.
const MAX_CODE: u64 = 32 * 1024 * 1024;
/// The longest complaint that is read.
const MAX_TEXT: u64 = 1024;
/// Longer than any component that passes admission.
const MAX_COMPONENT: u64 = 2 * 1024 * 1024;
const POLL: Duration = Duration::from_millis(2);

/// The exit code for a component that is none.
const REFUSED: u8 = 3;

/// A compiler in a child process.
#[derive(Clone, Debug)]
pub struct InChild {
    program: PathBuf,
    limits: ChildLimits,
    wall: Duration,
}

impl InChild {
    /// One that runs this program. On Linux that is the file that runs, even if another was put in
    /// its place meanwhile: what it compiles must fit this process.
    ///
    /// # Errors
    ///
    /// The system's, if it does not say which program this is.
    pub fn new() -> io::Result<Self> {
        let running = PathBuf::from("/proc/self/exe");
        let program = if running.exists() { running } else { std::env::current_exe()? };
        Ok(Self::of(program, ChildLimits::default()))
    }

    /// One that runs another program of ours, within other limits.
    pub fn of(program: PathBuf, limits: ChildLimits) -> Self {
        Self { program, limits, wall: WALL }
    }
}

impl Compiler for InChild {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused> {
        let gave_up = |why: String| Refused::Compiler(why);
        let ChildLimits { cpu_secs, memory } = self.limits;
        let child = Command::new(&self.program)
            .args([VERB, &cpu_secs.to_string(), &memory.to_string()])
            // Neither secrets nor switches.
            .env_clear()
            // Each thread reserves addresses, and a machine may have many processors.
            .envs([("RAYON_NUM_THREADS", "2"), ("MALLOC_ARENA_MAX", "2")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child =
            Killed(child.map_err(|error| gave_up(format!("it cannot be started: {error}")))?);
        let pipes = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(gave_up("it has no pipes".to_owned()));
        };
        let begun = Instant::now();
        let (status, code, text) = std::thread::scope(|scope| {
            // Each pipe by itself: neither side waits for the other, whatever it does.
            scope.spawn(move || {
                // A child that died early says so by its end.
                let _ = stdin.write_all(component);
            });
            let code = scope.spawn(move || whole(stdout, MAX_CODE));
            let text = scope.spawn(move || beginning(stderr, MAX_TEXT));
            let status = loop {
                match child.0.try_wait() {
                    Ok(None) if begun.elapsed() < self.wall => std::thread::sleep(POLL),
                    Ok(Some(status)) => break Some(status),
                    Ok(None) | Err(_) => {
                        child.end();
                        break None;
                    }
                }
            };
            let code = code.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            (status, code, text.join().unwrap_or_default())
        });
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        match status.map(|it| (it.success(), it.code())) {
            Some((true, _)) => {
                code.map_err(|error| gave_up(format!("its code cannot be read: {error}")))
            }
            Some((false, Some(code))) if code == i32::from(REFUSED) => Err(Refused::Invalid(text)),
            Some((false, Some(code))) => Err(gave_up(format!("it ended with {code}: {text}"))),
            // A signal: the system's answer to who wants more than there is.
            Some((false, None)) => Err(gave_up(format!(
                "it wanted more than {cpu_secs} s of processor time or {} MiB of memory",
                memory >> 20
            ))),
            None => Err(gave_up(format!("it took longer than {} s", self.wall.as_secs()))),
        }
    }
}

/// A child that does not outlive its parent's interest.
struct Killed(Child);

impl Killed {
    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.end();
    }
}

/// All that comes, or an error: half of a component is another one, and half of its code is none.
fn whole(mut pipe: impl io::Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = pipe.by_ref().take(most + 1).read_to_end(&mut bytes);
    // The rest is let go, so that the other side can end.
    let _ = io::copy(&mut pipe, &mut io::sink());
    read?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {most} bytes")));
    }
    Ok(bytes)
}

/// As much as is wanted of what somebody complains.
fn beginning(mut pipe: impl io::Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = pipe.by_ref().take(most).read_to_end(&mut bytes);
    let _ = io::copy(&mut pipe, &mut io::sink());
    bytes
}

/// The child's side: a component from standard input, its code to standard output. The limits come
/// first, before anything of the component is read.
pub fn run(limits: ChildLimits) -> ExitCode {
    let ChildLimits { cpu_secs, memory } = limits;
    let limited = Resource::CPU
        .set(cpu_secs, cpu_secs)
        .and_then(|()| Resource::AS.set(memory, memory))
        .and_then(|()| Resource::FSIZE.set(0, 0))
        .and_then(|()| Resource::CORE.set(0, 0));
    if let Err(error) = limited {
        eprintln!("limits cannot be set: {error}");
        return ExitCode::from(2);
    }
    let component = match whole(io::stdin().lock(), MAX_COMPONENT) {
        Ok(component) => component,
        Err(error) => {
            eprintln!("the component cannot be read: {error}");
            return ExitCode::from(2);
        }
    };
    match lezai_engine::compile(&component) {
        Ok(code) => match io::stdout().lock().write_all(&code) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(2),
        },
        Err(refused) => {
            let text = match refused {
                Refused::Invalid(text) => text,
                refused => refused.to_string(),
            };
            eprintln!("{text}");
            ExitCode::from(REFUSED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(program: &str, wall: Duration) -> Result<Vec<u8>, Refused> {
        let limits = ChildLimits::default();
        InChild { program: program.into(), limits, wall }.compile(b"\0asm\x0d\0\x01\0")
    }

    #[test]
    fn a_child_is_told_its_limits() {
        for (arguments, limits) in [
            (&[VERB, "7", "4096"][..], Some((7, 4096))),
            (&[VERB, "7"], None),
            (&[VERB, "much", "4096"], None),
            (&["dev", "7", "4096"], None),
            (&[], None),
        ] {
            let found = ChildLimits::of_arguments(arguments.iter().map(ToString::to_string));
            assert_eq!(found.map(|it| (it.cpu_secs, it.memory)), limits, "{arguments:?}");
        }
    }

    #[test]
    fn a_child_that_does_not_compile_is_given_up() {
        for (program, says) in
            [("/nowhere/lezai", "cannot be started"), ("/bin/false", "it ended with 1")]
        {
            let refused = by(program, WALL).unwrap_err();
            assert!(refused.to_string().contains(says), "{program}: {refused}");
        }
    }

    /// A pipe that breaks, as one does when there is no memory for what it brings.
    struct Breaks(usize);

    impl io::Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let more = self.0.min(buffer.len());
            self.0 -= more;
            if more == 0 { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(more) }
        }
    }

    #[test]
    fn what_is_read_is_read_whole() {
        assert_eq!(whole(&b"12345678"[..], 8).unwrap(), b"12345678");
        assert!(whole(&b"123456789"[..], 8).is_err());
        assert!(whole(Breaks(4), 8).is_err());
        assert_eq!(beginning(&b"123456789"[..], 8), b"12345678");
        assert_eq!(beginning(Breaks(4), 8).len(), 4);
    }

    #[test]
    fn a_child_that_takes_too_long_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("slow");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 60\n").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&program, mode).unwrap();
        let begun = Instant::now();
        let refused = by(&program.display().to_string(), Duration::from_millis(200)).unwrap_err();
        assert!(refused.to_string().contains("took longer than"), "{refused}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
