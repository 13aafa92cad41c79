use proptest::prelude::*;
use proptest::strategy::Strategy as _;

use super::{Strategy, *};
use crate::money::Currency;

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap()
}

const FAST: (u32, u32, Option<u32>) = (20, 20, Some(80));
const SLOW: (u32, u32, Option<u32>) = (20, 20, Some(900));
const SHAKY: (u32, u32, Option<u32>) = (20, 15, Some(80));
const NEW: (u32, u32, Option<u32>) = (4, 4, Some(9_000));

/// A platform's channel by its name: what it costs, and its requests, answers and latency of late.
fn channel(
    (channel, place): (&str, usize),
    cost: Option<i64>,
    (requests, answered, latency_ms): (u32, u32, Option<u32>),
) -> Candidate {
    Candidate {
        channel: channel.to_owned(),
        account: None,
        place,
        is_up: true,
        cost: cost.map(cny),
        measured: Measured { requests, answered, latency_ms },
    }
}

fn down(candidate: Candidate) -> Candidate {
    Candidate { is_up: false, ..candidate }
}

fn own(candidate: Candidate) -> Candidate {
    Candidate { account: Some("19000".to_owned()), cost: None, ..candidate }
}

fn asked(strategy: Strategy, premium_ppm: u32) -> Asked<'static> {
    let preference = Preference { strategy, premium_ppm };
    Asked { amount: cny(10_000), ordered_by: None, drawn: None, preference }
}

/// The order as `channel:reason`, an own account with a star.
fn order(asked: &Asked<'_>, candidates: &[Candidate]) -> String {
    let ranked = route(asked, candidates);
    let words = ranked.iter().map(|it| {
        let Candidate { channel, account, .. } = &candidates[it.index];
        let star = if account.is_some() { "*" } else { "" };
        format!("{channel}{star}:{}", it.reason.as_str())
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn each_strategy_puts_channels_in_order_and_says_why() {
    let a = |cost, measured| channel(("a", 0), cost, measured);
    let b = |cost, measured| channel(("b", 1), cost, measured);
    let (policy, cost, latency) = (Strategy::Policy, Strategy::Cost, Strategy::Latency);
    for (strategy, premium_ppm, candidates, expected) in [
        (policy, 0, vec![a(Some(60), SLOW), b(Some(38), FAST)], "a:policy b:policy"),
        (policy, 0, vec![a(None, FAST)], "a:only"),
        (policy, 0, vec![], ""),
        // A channel that is down is left behind, and tried only if there is no other.
        (policy, 0, vec![down(a(None, FAST)), b(None, FAST)], "b:only a:circuit_open"),
        (
            policy,
            0,
            vec![down(a(None, FAST)), down(b(None, FAST))],
            "a:circuit_open b:circuit_open",
        ),
        (cost, 0, vec![a(Some(60), FAST), b(Some(38), SLOW)], "b:cheapest a:costlier"),
        (cost, 0, vec![a(None, FAST), b(Some(38), SLOW)], "b:cheapest a:costlier"),
        (cost, 0, vec![a(Some(38), SLOW), b(Some(38), FAST)], "b:fastest a:slower"),
        (cost, 0, vec![a(Some(38), FAST), b(Some(38), FAST)], "a:policy b:policy"),
        // Nobody said what they cost: they stay as they are listed.
        (cost, 0, vec![a(None, SLOW), b(None, FAST)], "a:policy b:policy"),
        // What is down does not say what cheap is.
        (cost, 0, vec![down(a(Some(1), FAST)), b(Some(60), FAST)], "b:only a:circuit_open"),
        // 2,200 parts per million of 100.00 are 0.22: to the edge of it another one may be better.
        (cost, 2_200, vec![a(Some(60), FAST), b(Some(38), SLOW)], "a:fastest b:slower"),
        (cost, 2_199, vec![a(Some(60), FAST), b(Some(38), SLOW)], "b:cheapest a:costlier"),
        (cost, 2_200, vec![a(Some(60), FAST), b(Some(38), FAST)], "b:cheapest a:costlier"),
        (latency, 0, vec![a(Some(1), SLOW), b(Some(38), FAST)], "b:fastest a:slower"),
        (latency, 0, vec![a(None, SHAKY), b(None, SLOW)], "b:most_reliable a:less_reliable"),
        (latency, 0, vec![a(Some(60), FAST), b(Some(38), FAST)], "b:cheapest a:costlier"),
        // One that was hardly asked of late is tried, whatever it was like.
        (latency, 0, vec![a(None, SLOW), b(None, NEW)], "b:unmeasured a:slower"),
        (latency, 0, vec![a(None, FAST), b(None, NEW)], "a:policy b:policy"),
        // It never answers.
        (latency, 0, vec![a(None, (5, 0, None)), b(None, SLOW)], "b:most_reliable a:less_reliable"),
    ] {
        assert_eq!(order(&asked(strategy, premium_ppm), &candidates), expected);
    }
}

#[test]
fn what_is_explicit_wins_over_any_strategy() {
    let candidates = [
        channel(("a", 0), Some(60), SLOW),
        channel(("b", 1), Some(38), FAST),
        channel(("c", 2), Some(1), FAST),
    ];
    let free = asked(Strategy::Cost, 0);
    let by = |ordered_by, drawn| Asked { ordered_by, drawn, ..free };
    for (asked, expected) in [
        (by(None, None), "c:cheapest b:costlier a:costlier"),
        (by(Some(OrderedBy::Plugin), None), "a:plugin b:plugin c:plugin"),
        (by(Some(OrderedBy::Policy), None), "a:policy b:policy c:policy"),
        // The one that was drawn is first, and the others are by cost.
        (by(None, Some("a")), "a:share c:not_drawn b:costlier"),
        // In a fixed order it has the place that the policy gave it.
        (by(Some(OrderedBy::Policy), Some("a")), "a:share b:policy c:policy"),
        (by(None, Some("elsewhere")), "c:cheapest b:costlier a:costlier"),
    ] {
        assert_eq!(order(&asked, &candidates), expected);
    }
    // A share does not hold up a channel that is down.
    let [a, b, c] = candidates;
    let candidates = [down(a), b, c];
    assert_eq!(order(&by(None, Some("a")), &candidates), "c:cheapest b:costlier a:circuit_open");
}

#[test]
fn a_merchants_own_account_stands_before_the_platforms() {
    let (a, b) = (channel(("a", 0), Some(60), SLOW), channel(("b", 1), Some(38), FAST));
    let candidates = [own(b.clone()), b, own(a.clone()), a];
    let with = |strategy| order(&asked(strategy, 0), &candidates);
    // As listed: each channel with its own account first.
    assert_eq!(with(Strategy::Policy), "a*:account a:account b*:policy b:account");
    assert_eq!(with(Strategy::Cost), "b*:fastest a*:slower b:account a:costlier");
    assert_eq!(with(Strategy::Latency), "b*:fastest a*:slower b:account a:slower");
}

#[test]
fn the_decision_is_kept_with_its_figures_and_bounded() {
    let many: Vec<_> =
        (0..20).map(|place| channel((&format!("c{place:02}"), place), Some(38), FAST)).collect();
    let asked = asked(Strategy::Cost, 0);
    let kept = record(&asked, &many, &route(&asked, &many));
    assert_eq!(kept.candidates.len(), ROUTED_MAX);
    let json = serde_json::to_string(&Routed { candidates: kept.candidates[..1].to_vec(), ..kept });
    let json = json.unwrap();
    assert_eq!(
        json,
        r#"{"by":"cost","candidates":[{"channel":"c00","reason":"policy","cost":38,"requests":20,"answered":20,"latency_ms":80}]}"#
    );
    let bare =
        r#"{"by":"plugin","candidates":[{"channel":"a","account":"19000","reason":"only"}]}"#;
    let read: Routed = serde_json::from_str(bare).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), bare);
}

#[test]
fn words_are_those_of_the_json() {
    for reason in [
        Reason::Only,
        Reason::CircuitOpen,
        Reason::Share,
        Reason::NotDrawn,
        Reason::Account,
        Reason::Plugin,
        Reason::Policy,
        Reason::Cheapest,
        Reason::Costlier,
        Reason::MostReliable,
        Reason::LessReliable,
        Reason::Fastest,
        Reason::Slower,
        Reason::Unmeasured,
    ] {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
    for by in [RoutedBy::Plugin, RoutedBy::Policy, RoutedBy::Cost, RoutedBy::Latency] {
        assert_eq!(serde_json::to_value(by).unwrap(), by.as_str());
    }
}

fn costs(json: &str) -> Vec<Cost> {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_payment_costs_what_its_row_says() {
    let rows = costs(
        r#"[{"currency":"CNY","rate_ppm":6000},
            {"method":"h5","currency":"CNY","rate_ppm":3800,"fixed":5,"min":20,"cap":100},
            {"method":"h5","currency":"USD","fixed":30}]"#,
    );
    let usd = |minor| Money::new(minor, Currency::from_code("USD").unwrap()).unwrap();
    for (method, amount, cost) in [
        ("qr", cny(10_000), Some(60)),
        // Half up.
        ("qr", cny(83), Some(0)),
        ("qr", cny(84), Some(1)),
        ("h5", cny(10_000), Some(43)),
        ("h5", cny(1_000), Some(20)),
        ("h5", cny(1_000_000), Some(100)),
        // Never more than the payment.
        ("h5", cny(7), Some(7)),
        ("h5", usd(10_000), Some(30)),
        ("qr", usd(10_000), None),
    ] {
        assert_eq!(cost_of(&rows, method, amount).map(Money::minor), cost, "{method} {amount}");
    }
    assert_eq!(cost_of(&[], "qr", cny(1)), None);
}

#[test]
fn costs_are_checked() {
    for (rows, fault) in [
        (r#"[]"#, None),
        (r#"[{"currency":"CNY","rate_ppm":1000000,"fixed":0,"min":1,"cap":1}]"#, None),
        (r#"[{"currency":"CNY","rate_ppm":1000001}]"#, Some("costs[0].rate_ppm")),
        (r#"[{"currency":"CNY"},{"currency":"USD","fixed":-1}]"#, Some("costs[1].fixed")),
        (r#"[{"currency":"CNY","min":-1}]"#, Some("costs[0].min")),
        (r#"[{"currency":"CNY","min":2,"cap":1}]"#, Some("costs[0].cap")),
        (r#"[{"method":"card","currency":"CNY"}]"#, Some("costs[0].method")),
        (
            r#"[{"method":"qr","currency":"CNY"},{"currency":"CNY"},{"method":"qr","currency":"CNY"}]"#,
            Some("costs[2]"),
        ),
    ] {
        let fault_found = Cost::check(&costs(rows), ["qr", "h5"].into_iter()).err();
        assert_eq!(fault_found.map(|it| it.member).as_deref(), fault, "{rows}");
    }
    let many = vec![costs(r#"[{"currency":"CNY"}]"#).remove(0); COSTS_MAX + 1];
    assert_eq!(Cost::check(&many, ["qr"].into_iter()).unwrap_err().member, "costs");
    for strict in [
        r#"[{"currency":"RMB"}]"#,
        r#"[{"currency":"CNY","rate":1}]"#,
        r#"[{"currency":"CNY","rate_ppm":0.5}]"#,
        "[{}]",
    ] {
        assert!(serde_json::from_str::<Vec<Cost>>(strict).is_err(), "{strict}");
    }
}

fn measured() -> impl proptest::strategy::Strategy<Value = Measured> {
    (0..60_u32, 0..=100_u32, 0..2_000_u32).prop_map(|(requests, percent, ms)| {
        let answered = requests * percent / 100;
        Measured { requests, answered, latency_ms: (answered > 0).then_some(ms) }
    })
}

fn candidates() -> impl proptest::strategy::Strategy<Value = Vec<Candidate>> {
    let one = (any::<bool>(), any::<bool>(), proptest::option::of(0..200_i64), measured());
    proptest::collection::vec(one, 0..9).prop_map(|all| {
        let one =
            |(place, (is_up, is_own, cost, measured)): (usize, (bool, bool, Option<i64>, _))| {
                let account = is_own.then(|| "own".to_owned());
                let cost = cost.filter(|_| !is_own).map(cny);
                Candidate { channel: format!("c{place}"), account, place, is_up, cost, measured }
            };
        all.into_iter().enumerate().map(one).collect()
    })
}

fn any_asked() -> impl proptest::strategy::Strategy<Value = Asked<'static>> {
    let strategies = [Strategy::Policy, Strategy::Cost, Strategy::Latency];
    let fixed = [None, None, Some(OrderedBy::Plugin), Some(OrderedBy::Policy)];
    let drawn = [None, Some("c0"), Some("c3")];
    use proptest::sample::select;
    let fixed = select(fixed.to_vec());
    (select(strategies.to_vec()), 0..20_000_u32, fixed, select(drawn.to_vec())).prop_map(
        |(strategy, premium_ppm, ordered_by, drawn)| Asked {
            ordered_by,
            drawn,
            ..asked(strategy, premium_ppm)
        },
    )
}

proptest! {
    #[test]
    fn each_candidate_has_one_place_and_those_that_are_down_the_last(
        asked in any_asked(), all in candidates(),
    ) {
        let ranked = route(&asked, &all);
        let mut indices: Vec<_> = ranked.iter().map(|it| it.index).collect();
        let ups: Vec<_> = indices.iter().map(|it| all[*it].is_up).collect();
        prop_assert!(ups.is_sorted_by(|one, next| one >= next));
        for it in &ranked {
            prop_assert_eq!(it.reason == Reason::CircuitOpen, !all[it.index].is_up);
        }
        indices.sort_unstable();
        prop_assert_eq!(indices, (0..all.len()).collect::<Vec<_>>());
    }

    #[test]
    fn the_order_does_not_depend_on_how_candidates_are_given(
        asked in any_asked(), (all, shuffled) in candidates().prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
    ) {
        prop_assert_eq!(order(&asked, &all), order(&asked, &shuffled));
    }

    #[test]
    fn an_order_that_is_fixed_is_that_of_the_places(asked in any_asked(), all in candidates()) {
        let fixed = Asked { ordered_by: Some(OrderedBy::Policy), drawn: None, ..asked };
        let places: Vec<_> = route(&fixed, &all).iter().map(|it| (!all[it.index].is_up, all[it.index].place)).collect();
        prop_assert!(places.is_sorted());
    }

    #[test]
    fn the_one_that_was_drawn_is_first_if_it_is_up(asked in any_asked(), all in candidates()) {
        let is_free = asked.ordered_by.is_none() && asked.preference.strategy != Strategy::Policy;
        let is_it = |it: &&Candidate| Some(it.channel.as_str()) == asked.drawn && it.is_up;
        if let Some(drawn) = all.iter().find(is_it).filter(|_| is_free) {
            prop_assert_eq!(&all[route(&asked, &all)[0].index], drawn);
        }
    }

    #[test]
    fn by_cost_no_payment_costs_more_than_the_premium(premium_ppm in 0..20_000_u32, all in candidates()) {
        let asked = asked(Strategy::Cost, premium_ppm);
        let all: Vec<_> = all.into_iter().filter(|it| it.account.is_none()).collect();
        let known = all.iter().filter(|it| it.is_up).filter_map(|it| it.cost).map(Money::minor);
        if let Some(cheapest) = known.min() {
            let first = all[route(&asked, &all)[0].index].cost.unwrap().minor();
            prop_assert!(first <= cheapest + 10_000 * i64::from(premium_ppm) / 1_000_000);
        }
    }

    #[test]
    fn by_latency_none_before_the_first_answers_more_often_and_faster(all in candidates()) {
        let all: Vec<_> = all.into_iter().filter(|it| it.is_up && it.account.is_none()).collect();
        let ranked = route(&asked(Strategy::Latency, 0), &all);
        let values = |it: &Ranked| all[it.index].measured.marks().map(|mark| mark.value);
        if let Some(first) = ranked.first() {
            prop_assert!(ranked.iter().all(|it| values(first) <= values(it)));
        }
    }
}
