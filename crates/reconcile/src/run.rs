//! A run: both sides are spread over partitions by the hash of their references, each partition is joined by
//! itself, and what came of them is put into one order. So memory is that of the largest partition, partitions
//! may be joined by several threads, processes or machines, and the result is the same bytes whoever did it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use crate::class::{self, Class, Joined, Terms};
use crate::movement::{CurrencyCode, Damaged, Movement};
use crate::rules::{self, Rules};

/// The most partitions: each has a file open while its side is read, and a process may often have 1024 open.
pub const PARTITIONS_MAX: u16 = 256;
/// The most rows of one reference on one side; a bill with more is no bill.
pub const SAME_KEY_MAX: usize = 4096;

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The channel's: lines of bills.
    Theirs,
    /// Our own: what was expected.
    Ours,
}

/// A file that a run keeps its work in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Movements of one side in one partition.
    Movements(Side, u16),
    /// The outcomes of one partition.
    Outcomes(u16),
}

/// Where a run keeps what does not fit in memory.
pub trait Partitions: Sync {
    /// A file that is written once.
    type Write: Write;
    /// A file that was written.
    type Read: Read;

    /// Begins a file, in place of one that may be there.
    ///
    /// # Errors
    ///
    /// The file cannot be made.
    fn create(&self, part: Part) -> io::Result<Self::Write>;

    /// Opens a file that was written.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    fn open(&self, part: Part) -> io::Result<Self::Read>;
}

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A file of the run cannot be read or written.
    #[error("a partition's file: {0}")]
    Io(#[from] io::Error),
    /// A file of the run is not as it was written.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// A partition has more than fits.
    #[error("one partition has more than {0} bytes; use more partitions or more memory")]
    PartitionTooLarge(usize),
    /// One reference too often.
    #[error("more than {SAME_KEY_MAX} rows have the reference {0:?}")]
    SameKey(String),
    /// Rows or sums got lost or doubled: a fault of this program. Nothing may be concluded.
    #[error("the classes do not add up to both sides: {0}")]
    NotConserved(String),
}

/// Sums by currency, in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<CurrencyCode, i128>);

impl Sums {
    fn add(&mut self, movement: &Movement<'_>) {
        *self.0.entry(movement.currency).or_default() += i128::from(movement.minor);
    }

    fn add_all(&mut self, other: &Self) {
        for (currency, minor) in &other.0 {
            *self.0.entry(*currency).or_default() += minor;
        }
    }

    /// Each currency with its sum.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i128)> {
        self.0.iter().map(|(code, minor)| (std::str::from_utf8(code).unwrap_or("???"), *minor))
    }
}

/// How many there are of something, and what they add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Bill lines.
    pub lines: u64,
    /// Expected movements.
    pub movements: u64,
    /// How many of the lines have one of the movements for their other half.
    pub pairs: u64,
    /// The sums of the lines.
    pub theirs: Sums,
    /// The sums of the movements.
    pub ours: Sums,
}

impl Total {
    fn add(&mut self, theirs: Option<&Movement<'_>>, ours: Option<&Movement<'_>>) {
        if let Some(line) = theirs {
            self.lines += 1;
            self.theirs.add(line);
        }
        if let Some(movement) = ours {
            self.movements += 1;
            self.ours.add(movement);
        }
        self.pairs += u64::from(theirs.is_some() && ours.is_some());
    }

    /// How many outcomes there are: a line and its movement are one.
    pub fn outcomes(&self) -> u64 {
        self.lines + self.movements - self.pairs
    }

    fn add_all(&mut self, other: &Self) {
        self.lines += other.lines;
        self.movements += other.movements;
        self.pairs += other.pairs;
        self.theirs.add_all(&other.theirs);
        self.ours.add_all(&other.ours);
    }
}

// ---- Spreading ---------------------------------------------------------------------------------

/// The bytes gathered for a partition before they are written.
const GATHERED: usize = 32 * 1024;

/// Spreads one side's movements over partitions.
pub struct Spread<W> {
    side: Side,
    files: Vec<(Vec<u8>, W)>,
    total: Total,
}

impl<W: Write> Spread<W> {
    /// Begins the files of a side.
    ///
    /// # Errors
    ///
    /// A file cannot be made.
    pub fn new(
        partitions: &impl Partitions<Write = W>,
        side: Side,
        count: u16,
    ) -> io::Result<Self> {
        let file = |number| {
            let file = partitions.create(Part::Movements(side, number))?;
            Ok((Vec::with_capacity(GATHERED + 256), file))
        };
        let files = (0..count.clamp(1, PARTITIONS_MAX)).map(file).collect::<io::Result<_>>()?;
        Ok(Self { side, files, total: Total::default() })
    }

    /// Puts a movement where it belongs.
    ///
    /// # Errors
    ///
    /// The partition's file cannot be written.
    pub fn put(&mut self, movement: &Movement<'_>) -> io::Result<()> {
        match self.side {
            Side::Theirs => self.total.add(Some(movement), None),
            Side::Ours => self.total.add(None, Some(movement)),
        }
        let count = u64::try_from(self.files.len()).unwrap_or(1);
        // The upper half says where, the whole says which within.
        let number = usize::try_from((movement.key_hash() >> 32) % count).unwrap_or_default();
        let (gathered, file) = &mut self.files[number];
        movement.encode(gathered);
        if gathered.len() >= GATHERED {
            file.write_all(gathered)?;
            gathered.clear();
        }
        Ok(())
    }

    /// Writes what is still gathered, and says what the side adds up to.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn finish(self) -> io::Result<Total> {
        for (gathered, mut file) in self.files {
            file.write_all(&gathered)?;
            file.flush()?;
        }
        Ok(self.total)
    }
}

// ---- Joining -----------------------------------------------------------------------------------

/// Which outcomes are written down one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All.
    All,
    /// All but what matched.
    Differences,
}

/// The settings of a run, apart from its files.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In what time.
    pub terms: Terms,
    /// The rules that clear without a person.
    pub rules: Rules,
    /// The outcomes that are written down.
    pub keep: Keep,
    /// The most bytes of one partition, both sides together.
    pub partition_max: usize,
}

/// The outcome of one line, one movement, or both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The class.
    pub class: Class,
    /// The number of the rule that cleared it, from 1; 0 if none did.
    pub rule: u8,
    /// The bill's line.
    pub theirs: Option<Movement<'a>>,
    /// The movement.
    pub ours: Option<Movement<'a>>,
}

/// Where an outcome stands among all: lines in the order of the bills, then what only the books have.
type Place = (bool, u16, u64);

impl<'a> Outcome<'a> {
    fn place(&self) -> Place {
        match (&self.theirs, &self.ours) {
            (Some(it), _) => (false, it.file, it.line),
            (None, Some(it)) => (true, it.file, it.line),
            (None, None) => (true, u16::MAX, u64::MAX),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let sides = u8::from(self.theirs.is_some()) | u8::from(self.ours.is_some()) << 1;
        out.extend_from_slice(&[self.class as u8, self.rule, sides]);
        for movement in [&self.theirs, &self.ours].into_iter().flatten() {
            movement.encode(out);
        }
    }

    fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, Damaged> {
        let [class, rule, sides, rest @ ..] = bytes else {
            return if bytes.is_empty() { Ok(None) } else { Err(Damaged) };
        };
        let mut read = 0;
        let mut side = |bit: u8| -> Result<Option<Movement<'a>>, Damaged> {
            if sides & bit == 0 {
                return Ok(None);
            }
            let (movement, length) = Movement::decode(&rest[read..])?.ok_or(Damaged)?;
            read += length;
            Ok(Some(movement))
        };
        let (theirs, ours) = (side(1)?, side(2)?);
        let class = *Class::ALL.get(usize::from(*class)).ok_or(Damaged)?;
        Ok(Some((Self { class, rule: *rule, theirs, ours }, 3 + read)))
    }
}

/// The sums of partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    classes: BTreeMap<(Class, u8), Total>,
    /// By rule and bill: what rules with a bound for the whole bill would clear, and how much of it, in
    /// millionths of a minor unit.
    bounded: BTreeMap<(u8, u16), (i128, Total)>,
}

impl Counted {
    fn add(
        &mut self,
        class: Class,
        rule: u8,
        theirs: Option<&Movement<'_>>,
        ours: Option<&Movement<'_>>,
        rules: &Rules,
    ) {
        match theirs.filter(|_| rules.max_bill_micro(rule).is_some()) {
            Some(line) => {
                let (sum, total) = self.bounded.entry((rule, line.file)).or_default();
                *sum += rules::fee_difference(theirs, ours).abs();
                total.add(theirs, ours);
            }
            None => self.classes.entry((class, rule)).or_default().add(theirs, ours),
        }
    }

    /// Adds what another partition gave.
    pub fn add_all(&mut self, other: &Self) {
        for (key, total) in &other.classes {
            self.classes.entry(*key).or_default().add_all(total);
        }
        for (key, (sum, total)) in &other.bounded {
            let mine = self.bounded.entry(*key).or_default();
            mine.0 += sum;
            mine.1.add_all(total);
        }
    }
}

/// Joins one partition and writes what came of it.
///
/// # Errors
///
/// See [`RunError`].
pub fn join_partition(
    partitions: &impl Partitions,
    number: u16,
    plan: &Plan,
) -> Result<Counted, RunError> {
    let theirs = load(partitions, Side::Theirs, number, plan.partition_max)?;
    let left = plan.partition_max.saturating_sub(theirs.len());
    let ours = load(partitions, Side::Ours, number, left)?;
    let (lines, movements) = (index(&theirs)?, index(&ours)?);
    let mut work =
        Work { plan, counted: Counted::default(), written: Vec::new(), places: Vec::new() };
    let (mut line, mut movement) = (0, 0);
    while line < lines.len() || movement < movements.len() {
        let hash = match (lines.get(line), movements.get(movement)) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(it), None) | (None, Some(it)) => it.0,
            (None, None) => break,
        };
        let same = |side: &[(u64, u32)], from: usize| {
            from + side[from..].iter().take_while(|it| it.0 == hash).count()
        };
        let (line_end, movement_end) = (same(&lines, line), same(&movements, movement));
        work.same_hash(&theirs, &lines[line..line_end], &ours, &movements[movement..movement_end])?;
        (line, movement) = (line_end, movement_end);
    }
    work.write(partitions.create(Part::Outcomes(number))?)
}

fn load(
    partitions: &impl Partitions,
    side: Side,
    number: u16,
    max: usize,
) -> Result<Vec<u8>, RunError> {
    let file = partitions.open(Part::Movements(side, number))?;
    let mut bytes = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes)?;
    // Within, places are kept in 32 bits.
    if bytes.len() > max || u32::try_from(bytes.len()).is_err() {
        return Err(RunError::PartitionTooLarge(max));
    }
    Ok(bytes)
}

/// Each movement's hash and where it lies, by hash.
fn index(bytes: &[u8]) -> Result<Vec<(u64, u32)>, Damaged> {
    let mut index = Vec::with_capacity(bytes.len() / 64);
    let mut at = 0;
    while let Some((movement, length)) = Movement::decode(&bytes[at..])? {
        index.push((movement.key_hash(), u32::try_from(at).map_err(|_| Damaged)?));
        at += length;
    }
    index.sort_unstable();
    Ok(index)
}

fn at(bytes: &[u8], place: u32) -> Result<Movement<'_>, Damaged> {
    let from = usize::try_from(place).map_err(|_| Damaged)?;
    let (movement, _) = Movement::decode(bytes.get(from..).ok_or(Damaged)?)?.ok_or(Damaged)?;
    Ok(movement)
}

struct Work<'p> {
    plan: &'p Plan,
    counted: Counted,
    written: Vec<u8>,
    places: Vec<(Place, usize, usize)>,
}

impl Work<'_> {
    fn same_hash(
        &mut self,
        theirs: &[u8],
        lines: &[(u64, u32)],
        ours: &[u8],
        movements: &[(u64, u32)],
    ) -> Result<(), RunError> {
        if let ([line], [movement]) = (lines, movements) {
            let (line, movement) = (at(theirs, line.1)?, at(ours, movement.1)?);
            if line.key == movement.key {
                self.same_key(&[line], &[movement]);
                return Ok(());
            }
        }
        let all = |bytes, places: &[(u64, u32)]| -> Result<Vec<Movement<'_>>, Damaged> {
            let mut all = places.iter().map(|it| at(bytes, it.1)).collect::<Result<Vec<_>, _>>()?;
            all.sort_unstable_by(|a: &Movement<'_>, b: &Movement<'_>| {
                // A row may be two movements: its own, and that of its fee.
                (a.key, a.place(), a.kind).cmp(&(b.key, b.place(), b.kind))
            });
            Ok(all)
        };
        let (lines, movements) = (all(theirs, lines)?, all(ours, movements)?);
        let (mut lines, mut movements) = (&lines[..], &movements[..]);
        while let Some(key) = match (lines.first(), movements.first()) {
            (Some(a), Some(b)) => Some(a.key.min(b.key)),
            (Some(it), None) | (None, Some(it)) => Some(it.key),
            (None, None) => None,
        } {
            let (same_lines, rest) = lines.split_at(lines.partition_point(|it| it.key == key));
            lines = rest;
            let end = movements.partition_point(|it| it.key == key);
            let (same_movements, rest) = movements.split_at(end);
            movements = rest;
            if same_lines.len().max(same_movements.len()) > SAME_KEY_MAX {
                return Err(RunError::SameKey(String::from_utf8_lossy(key).into_owned()));
            }
            self.same_key(same_lines, same_movements);
        }
        Ok(())
    }

    fn same_key(&mut self, lines: &[Movement<'_>], movements: &[Movement<'_>]) {
        let terms = &self.plan.terms;
        class::join(lines, movements, |joined| match joined {
            Joined::Both(line, movement) => {
                self.outcome(class::together(line, movement, terms), Some(line), Some(movement));
            }
            Joined::Theirs(line, true) => self.outcome(Class::Duplicate, Some(line), None),
            Joined::Theirs(line, false) => {
                self.outcome(class::line_alone(line, terms), Some(line), None);
            }
            Joined::Ours(movement, true) => self.outcome(Class::Duplicate, None, Some(movement)),
            Joined::Ours(movement, false) => {
                self.outcome(class::movement_alone(movement, terms), None, Some(movement));
            }
        });
    }

    fn outcome(
        &mut self,
        class: Class,
        theirs: Option<&Movement<'_>>,
        ours: Option<&Movement<'_>>,
    ) {
        let Plan { terms, rules, keep, .. } = self.plan;
        let rule = rules.clearing(class, theirs, ours, terms);
        self.counted.add(class, rule, theirs, ours, rules);
        if class == Class::Matched && *keep == Keep::Differences {
            return;
        }
        let outcome = Outcome { class, rule, theirs: theirs.copied(), ours: ours.copied() };
        let from = self.written.len();
        outcome.encode(&mut self.written);
        self.places.push((outcome.place(), from, self.written.len()));
    }

    fn write(mut self, mut file: impl Write) -> Result<Counted, RunError> {
        self.places.sort_unstable();
        let mut gathered = Vec::with_capacity(GATHERED);
        for (_, from, to) in self.places {
            gathered.extend_from_slice(&self.written[from..to]);
            if gathered.len() >= GATHERED {
                file.write_all(&gathered)?;
                gathered.clear();
            }
        }
        file.write_all(&gathered)?;
        file.flush()?;
        Ok(self.counted)
    }
}

// ---- The result --------------------------------------------------------------------------------

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// By class, and by the number of the rule that cleared (0 for open, or matched): what is in it.
    pub classes: BTreeMap<(Class, u8), Total>,
    /// The sums of both sides. The classes add up to the same: [`summary`] has seen to it.
    pub total: Total,
    /// Rules that cleared nothing in a bill because they would have cleared more than their bound, by rule
    /// and bill.
    pub over_bound: Vec<(u8, u16)>,
}

impl Summary {
    /// Outcomes that wait for a person: neither matched nor cleared.
    pub fn open(&self) -> u64 {
        let open =
            self.classes.iter().filter(|((class, rule), _)| *class != Class::Matched && *rule == 0);
        open.map(|(_, total)| total.outcomes()).sum()
    }
}

/// The summary of all partitions, once each of them was counted, and of rows that were not understood.
///
/// # Errors
///
/// [`RunError::NotConserved`] if the classes do not add up to what the two sides were spread with.
pub fn summary(
    counted: Counted,
    unparsed: u64,
    rules: &Rules,
    theirs: &Total,
    ours: &Total,
) -> Result<Summary, RunError> {
    let mut classes = counted.classes;
    let mut over_bound = Vec::new();
    for ((rule, file), (sum, total)) in counted.bounded {
        let within = rules.max_bill_micro(rule).is_some_and(|max| sum <= max);
        if !within {
            over_bound.push((rule, file));
        }
        let key = (Class::Fee, if within { rule } else { 0 });
        classes.entry(key).or_default().add_all(&total);
    }
    let mut total = Total::default();
    for it in classes.values() {
        total.add_all(it);
    }
    let mut both = theirs.clone();
    both.add_all(ours);
    // Of pairs the sides know nothing.
    both.pairs = total.pairs;
    if total != both {
        return Err(RunError::NotConserved(format!("{total:?} in classes, {both:?} given")));
    }
    if unparsed > 0 {
        let rows = Total { lines: unparsed, ..Total::default() };
        total.lines += unparsed;
        classes.insert((Class::Unparsed, 0), rows);
    }
    Ok(Summary { classes, total, over_bound })
}

/// Gives all outcomes of some partitions in one order: the lines of the bills as they stand there, then what
/// only the books have. Whoever joined the partitions, and however many there are, the order is this.
///
/// # Errors
///
/// A file cannot be read, or is not as it was written, or `give` fails.
pub fn merge(
    partitions: &impl Partitions,
    count: u16,
    over_bound: &[(u8, u16)],
    mut give: impl FnMut(&Outcome<'_>) -> io::Result<()>,
) -> Result<(), RunError> {
    let open = |number| partitions.open(Part::Outcomes(number)).map(Stream::new);
    let mut streams =
        (0..count.clamp(1, PARTITIONS_MAX)).map(open).collect::<io::Result<Vec<_>>>()?;
    let mut heads = std::collections::BinaryHeap::new();
    for (number, stream) in streams.iter_mut().enumerate() {
        if let Some(place) = stream.next_place()? {
            heads.push(std::cmp::Reverse((place, number)));
        }
    }
    while let Some(std::cmp::Reverse((_, number))) = heads.pop() {
        let stream = &mut streams[number];
        let mut outcome = stream.take()?;
        if let Some(line) = outcome.theirs
            && over_bound.contains(&(outcome.rule, line.file))
        {
            outcome.rule = 0;
        }
        give(&outcome)?;
        if let Some(place) = stream.next_place()? {
            heads.push(std::cmp::Reverse((place, number)));
        }
    }
    Ok(())
}

/// Outcomes of one partition, read a block at a time.
struct Stream<R> {
    file: R,
    block: Vec<u8>,
    from: usize,
    ended: bool,
}

/// More than the longest outcome.
const BLOCK: usize = 16 * 1024;

impl<R: Read> Stream<R> {
    fn new(file: R) -> Self {
        Self { file, block: Vec::new(), from: 0, ended: false }
    }

    /// Where the next outcome stands; it is then in memory as a whole.
    fn next_place(&mut self) -> Result<Option<Place>, RunError> {
        while !self.ended && self.block.len() - self.from < 1024 {
            self.block.drain(..self.from);
            self.from = 0;
            let bound = u64::try_from(BLOCK).unwrap_or(u64::MAX);
            let read = (&mut self.file).take(bound).read_to_end(&mut self.block)?;
            self.ended = read < BLOCK;
        }
        let next = Outcome::decode(&self.block[self.from..])?;
        Ok(next.map(|(outcome, _)| outcome.place()))
    }

    fn take(&mut self) -> Result<Outcome<'_>, Damaged> {
        let (outcome, length) = Outcome::decode(&self.block[self.from..])?.ok_or(Damaged)?;
        self.from += length;
        Ok(outcome)
    }
}

/// Files in memory: for tests, and for what is small.
#[derive(Debug, Default)]
pub struct InMemory(std::sync::Arc<std::sync::Mutex<BTreeMap<Part, Vec<u8>>>>);

/// A file of [`InMemory`].
#[derive(Debug)]
pub struct MemoryFile {
    files: std::sync::Arc<std::sync::Mutex<BTreeMap<Part, Vec<u8>>>>,
    part: Part,
}

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut files = self.files.lock().map_err(|_| io::Error::other("a writer panicked"))?;
        files.entry(self.part).or_default().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Partitions for InMemory {
    type Write = MemoryFile;
    type Read = io::Cursor<Vec<u8>>;

    fn create(&self, part: Part) -> io::Result<MemoryFile> {
        let mut files = self.0.lock().map_err(|_| io::Error::other("a writer panicked"))?;
        files.insert(part, Vec::new());
        Ok(MemoryFile { files: self.0.clone(), part })
    }

    fn open(&self, part: Part) -> io::Result<io::Cursor<Vec<u8>>> {
        let files = self.0.lock().map_err(|_| io::Error::other("a writer panicked"))?;
        files.get(&part).cloned().map(io::Cursor::new).ok_or(io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests;
