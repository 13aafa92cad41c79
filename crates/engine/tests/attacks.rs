//! Each attack of `tests/plugins/attacks` ends where `docs/plugin-attacks.md` says, and after it the
//! next order is decided as if nothing had been.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cpu_time::ThreadTime;
use lezai_core::policy::Verdict;
use lezai_engine::{
    Compiler, Config, Decision, Engine, Limits, Outcome, PLUGIN_FAILED, Plugin, Refused, compile,
    decide,
};
use support::attacks::{self, Page};
use support::{artifact, clock, order, policy};

/// How many times as long as at our own policy, which has 100 KiB, a look at an attack may take before
/// it is refused. The longest component has two and a half times as much.
const LOOK: u32 = 40;

/// Counts what it is asked.
#[derive(Default)]
struct Counting(AtomicUsize);

impl Compiler for Counting {
    fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Refused> {
        self.0.fetch_add(1, Ordering::SeqCst);
        compile(component)
    }
}

/// An engine, and the standard plugin on it.
struct Scene {
    engine: Engine,
    standard: Arc<Plugin>,
    compiler: Arc<Counting>,
    usual: Decision,
    /// How its clock runs while an attack is decided.
    clock: clock::Run,
}

impl Scene {
    fn new(folder: &std::path::Path, limits: Limits, clock: clock::Run) -> Self {
        clock::set(clock::STANDS);
        let compiler = Arc::new(Counting::default());
        let config = Config {
            limits,
            compiler: compiler.clone(),
            clock: clock::asked,
            ..Config::new(folder)
        };
        let engine = Engine::new(config).unwrap();
        let standard = engine.load(&artifact("policy.wasm")).unwrap();
        let compact = policy().to_compact();
        let usual = decide(&engine, &standard, &compact, None, &order()).unwrap();
        Self { engine, standard, compiler, usual, clock }
    }

    fn decide(&self, own: Option<(&Plugin, &[u8])>) -> Decision {
        decide(&self.engine, &self.standard, &policy().to_compact(), own, &order()).unwrap()
    }

    /// How an attack ends, in the words of the table.
    fn ends(&self, attack: &str, bytes: &[u8]) -> String {
        let compiled = self.compiler.0.load(Ordering::SeqCst);
        clock::set(self.clock);
        let loaded = self.engine.load(bytes);
        let compiled = self.compiler.0.load(Ordering::SeqCst) > compiled;
        let plugin = match loaded {
            Ok(plugin) => plugin,
            Err(refused) => {
                let stage = match (&refused, compiled) {
                    (_, false) => "admission",
                    (Refused::Invalid(_), true) => "compiler",
                    (_, true) => "start",
                };
                return format!("{stage}: {}", word(&refused));
            }
        };
        let decision = self.decide(Some((&plugin, b"")));
        // It cannot tell one order from the next: not by what it answers, nor by the fuel it burns.
        // (The clock stops nobody at the same place twice.)
        let again = self.decide(Some((&plugin, b"")));
        let same = decision == again || !decision.is_replayable();
        assert!(same, "{attack}: {decision:?}, then {again:?}");
        self.falls_back(attack, &plugin, &decision)
    }

    /// The attack's effect on its own decision is what the contract says of a hook without an
    /// answer, and no more.
    fn falls_back(&self, attack: &str, plugin: &Plugin, decision: &Decision) -> String {
        let usual = &self.usual;
        let [hook] = plugin.hooks() else { panic!("{attack} answers more than one hook") };
        let (_, run) = decision.runs().find(|(it, _)| it == hook).unwrap();
        assert_eq!(run.digest, plugin.digest());
        for (other, run) in decision.runs().filter(|(it, _)| it != hook) {
            assert_eq!(run.outcome, Outcome::Answered, "{attack}: {other}");
        }
        assert_eq!(decision.channels, usual.channels, "{attack}");
        assert_eq!(decision.fee, usual.fee, "{attack}");
        assert!(decision.shares.is_empty(), "{attack}");
        if hook.label() != "risk" {
            assert_eq!(decision.risk, usual.risk, "{attack}");
        }
        match &run.outcome {
            Outcome::Answered if hook.label() == "risk" => {
                let verdict = format!("{:?}", decision.risk.verdict).to_lowercase();
                format!("order: answers {verdict} {}", decision.risk.score)
            }
            Outcome::Answered => "order: answers".to_owned(),
            Outcome::Failed(failure) => {
                if hook.label() == "risk" {
                    assert_eq!(decision.risk.verdict, Verdict::Review, "{attack}");
                    assert_eq!(decision.risk.reasons[0].code, PLUGIN_FAILED, "{attack}");
                }
                format!("order: {}", failure.label())
            }
        }
    }
}

#[test]
fn each_attack_ends_where_the_table_says() {
    let good = artifact("policy.wasm");
    let code = compile(&wat::parse_str(attacks::framed("(module)")).unwrap()).unwrap();
    let attacks = attacks::all(&good, &code);
    let folder = tempfile::tempdir().unwrap();
    // However slow the machine: no time passes, so fuel and memory alone end what does not end.
    let scene = Scene::new(folder.path(), Limits::default(), clock::STANDS);
    // One whose guests have all the fuel there is, so that the clock alone ends them.
    let endless = Limits { fuel: u64::MAX, ..Limits::default() };
    let patient = Scene::new(folder.path(), endless, clock::RUNS_AWAY);

    // Each row has its attack, and says what the attack says of itself.
    let mut page = Page::read();
    page.check("The table", &attacks);
    let rows = page.rows("The table");
    let mut wrong = Vec::new();
    for attack in &attacks {
        let row = rows.iter().find(|row| row[0] == attack.name).unwrap();
        let expected = &row[2];
        let ends = scene.ends(&attack.name, &attack.bytes);
        if ends != *expected {
            wrong.push(format!("{}: {ends}, and not {expected}", attack.name));
        }
        if ends.ends_with("fuel") {
            // With all the fuel there is they come to an end by themselves, want more memory than
            // there is, or meet the deadline: this returns.
            let ends = patient.ends(&attack.name, &attack.bytes);
            assert!(!ends.ends_with("fuel"), "{}, with all fuel there is: {ends}", attack.name);
        }
        assert_eq!(scene.decide(None), scene.usual, "the order after {}", attack.name);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
    assert!(attacks.len() > 150, "{}", attacks.len());
}

/// Admission is no place to be slow in: whatever is refused there is refused soon. Both sides are this
/// thread's processor time on this machine, the shortest of some.
#[test]
fn a_look_at_an_attack_is_short() {
    let good = artifact("policy.wasm");
    let code = compile(&wat::parse_str(attacks::framed("(module)")).unwrap()).unwrap();
    let limits = Limits::default();
    let look = |bytes: &[u8]| {
        let begun = ThreadTime::now();
        let _ = lezai_engine::hooks(bytes, &limits);
        begun.elapsed()
    };
    let shortest = |bytes: &[u8]| (0..16).map(|_| look(bytes)).min().unwrap();
    let usual = shortest(&good).max(Duration::from_micros(50));
    for attack in attacks::all(&good, &code) {
        if look(&attack.bytes) > usual * LOOK {
            let spent = shortest(&attack.bytes);
            assert!(spent <= usual * LOOK, "{}: {spent:?}, beside {usual:?}", attack.name);
        }
    }
}

/// Why it was refused, in one word.
fn word(refused: &Refused) -> &'static str {
    match refused {
        Refused::TooLarge { .. } => "too_large",
        Refused::Invalid(_) => "invalid",
        Refused::TooMany { .. } => "too_many",
        Refused::Nested(_) => "nested",
        Refused::Glue => "glue",
        Refused::CoreModule => "core_module",
        Refused::Import(_) => "import",
        Refused::Contract(_) => "contract",
        Refused::Compiler(_) => "given_up",
        Refused::Start(text) if text.contains("all of its fuel") => "fuel",
        Refused::Start(text) if text.contains("used up its time") => "deadline",
        Refused::Start(text) if text.contains("more memory than") => "memory",
        Refused::Start(text) if text.contains("it trapped") => "trap",
        Refused::Start(_) => "unfit",
    }
}
