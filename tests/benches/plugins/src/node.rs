//! The same component in Node, by jco: a child that counts its own processor time.

use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

pub struct Node {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Node {
    /// Starts it with a component and settings.
    pub fn start(component: &Path, settings: &[u8]) -> Self {
        let settings: String = settings.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut child = Command::new("node")
            .arg(super::root().join("tests/benches/plugins/in_node.mjs"))
            .arg(component)
            .arg(super::root().join("tests/vectors/plugin-orders.json"))
            .arg(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, input, output }
    }

    /// Answers a batch, each question by a fresh instance or all by the same.
    pub fn batch(&mut self, fresh: bool, orders: Range<usize>) -> Duration {
        let how = if fresh { "fresh" } else { "warm" };
        writeln!(self.input, "{how} {} {}", orders.start, orders.end).expect("it listens");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("it answers");
        Duration::from_micros(line.trim().parse().expect("microseconds"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
