use proptest::prelude::*;

use super::rules::{ALL, NO_RULE};
use super::*;
use crate::config::{Rule, Sourced};
use crate::expr::{Compiler, ExprError};
use crate::flow::{Reason, Session, SessionKey, Verdict};
use crate::otlp::keys::KeyTable;
use crate::otlp::probability::{NEVER, threshold_of};
use crate::otlp::span::TraceId;

fn rule(name: &str, when: &str, probability: f64) -> Rule {
    let when = (!when.is_empty()).then(|| Sourced::from(when));
    Rule { name: name.into(), when, probability, drop: false }
}

fn drop_rule(name: &str, when: &str) -> Rule {
    Rule { drop: true, ..rule(name, when, 1.0) }
}

fn compile(rules: &[Rule]) -> Result<Rules, Vec<(usize, ExprError)>> {
    Rules::compile(rules, &mut Compiler::new(&mut KeyTable::default()))
}

fn session(errors: u32, randomness: u64) -> Session {
    Session {
        key: SessionKey::Trace(TraceId([1; 16])),
        sequence: 1,
        randomness,
        turns: Vec::new(),
        spans: 3,
        bytes: 100,
        services: Vec::new(),
        error_types: Vec::new(),
        start: 0,
        end: 0,
        error_count: errors,
        orphans: 0,
        unfinished: 0,
        complete: true,
        predicates: Box::default(),
        calls: Vec::new(),
        book: None,
        sums: None,
    }
}

fn judge(rules: &[Rule], errors: u32, randomness: u64) -> Verdict {
    compile(rules).unwrap().judge(&session(errors, randomness), Reason::Settled)
}

fn names(verdict: &Verdict) -> Vec<&str> {
    verdict.matched.iter().map(|name| &**name).collect()
}

#[test]
fn the_highest_probability_of_the_matching_rules_wins() {
    let rules = [
        rule("routine", "", 0.01),
        rule("errors", "session.error_count > 0", 0.5),
        rule("storm", "session.error_count > 10", 1.0),
    ];
    let verdict = judge(&rules, 0, NEVER - 1);
    assert_eq!((verdict.keep, verdict.probability, &*verdict.rule), (true, 0.01, "routine"));
    let verdict = judge(&rules, 1, threshold_of(0.5));
    assert_eq!((verdict.keep, verdict.probability, &*verdict.rule), (true, 0.5, "errors"));
    assert_eq!(names(&verdict), ["routine", "errors"]);
    assert_eq!((verdict.threshold, verdict.randomness), (threshold_of(0.5), threshold_of(0.5)));
    assert!(!judge(&rules, 1, threshold_of(0.5) - 1).keep);
    let verdict = judge(&rules, 11, 0);
    assert_eq!((verdict.keep, &*verdict.rule, verdict.threshold), (true, "storm", 0));
    assert_eq!(verdict.reason, Reason::Settled);
}

#[test]
fn the_first_of_equal_rules_is_named() {
    let verdict = judge(&[rule("a", "false", 1.0), rule("b", "", 0.5), rule("c", "true", 0.5)], 0, NEVER - 1);
    assert_eq!((&*verdict.rule, names(&verdict)), ("b", vec!["b", "c"]));
}

#[test]
fn a_drop_rule_beats_all() {
    let rules =
        [rule("all", "", 1.0), drop_rule("health", "session.spans == 3"), drop_rule("other", "session.spans > 3")];
    let verdict = judge(&rules, 0, NEVER - 1);
    assert_eq!((verdict.keep, verdict.probability, verdict.threshold), (false, 0.0, NEVER));
    assert_eq!((&*verdict.rule, names(&verdict)), ("health", vec!["all", "health"]));
}

#[test]
fn what_no_rule_matches_is_dropped_and_without_rules_all_is_kept() {
    let verdict = judge(&[rule("errors", "session.error_count > 0", 1.0)], 0, NEVER - 1);
    assert_eq!((verdict.keep, &*verdict.rule, verdict.threshold), (false, NO_RULE, NEVER));
    assert!(verdict.matched.is_empty());
    let verdict = judge(&[], 0, 0);
    assert_eq!((verdict.keep, &*verdict.rule, verdict.probability), (true, ALL, 1.0));
}

#[test]
fn probability_zero_keeps_nothing() {
    let verdict = judge(&[rule("off", "", 0.0)], 0, NEVER - 1);
    assert_eq!((verdict.keep, &*verdict.rule, verdict.threshold), (false, "off", NEVER));
}

#[test]
fn errors_of_all_rules_are_reported_with_their_rules() {
    let rules = [rule("a", "session.faild", 1.0), rule("b", "true", 1.0), rule("c", "session.turns > 'x'", 1.0)];
    let errors = compile(&rules).unwrap_err();
    assert_eq!(errors.iter().map(|(index, error)| (*index, error.offset)).collect::<Vec<_>>(), [(0, 8), (2, 14)]);
}

#[test]
fn fifty_rules_compile_and_share_what_they_ask_of_spans() {
    let rules: Vec<Rule> = (0..50)
        .map(|n| {
            let when = format!(
                "spans.exists(s{n}, s{n}.attributes[\"tenant.tier\"] == \"tier-{}\") && session.turns > {n}",
                n % 25
            );
            rule(&format!("rule-{n}"), &when, 0.5)
        })
        .collect();
    let mut keys = KeyTable::default();
    let mut compiler = Compiler::new(&mut keys);
    Rules::compile(&rules, &mut compiler).unwrap();
    assert_eq!(compiler.finish().len(), 25);
    assert_eq!(keys.len(), 1);
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let whens =
        prop_oneof![Just(""), Just("session.error_count > 2"), Just("session.failed"), Just("session.spans == 3")];
    (whens, 0.0..=1.0_f64, prop::bool::weighted(0.1)).prop_map(|(when, p, drop)| Rule { drop, ..rule("r", when, p) })
}

proptest! {
    #[test]
    fn the_order_of_the_rules_does_not_matter(
        (rules, shuffled) in prop::collection::vec(any_rule(), 0..8)
            .prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        errors in 0..5_u32,
        randomness in 0..NEVER,
    ) {
        let (one, other) = (judge(&rules, errors, randomness), judge(&shuffled, errors, randomness));
        prop_assert_eq!((one.keep, one.threshold), (other.keep, other.threshold));
    }

    #[test]
    fn a_session_is_kept_exactly_when_its_randomness_passes(p in 0.0..=1.0_f64, randomness in 0..NEVER) {
        let verdict = judge(&[rule("r", "", p)], 0, randomness);
        prop_assert_eq!(verdict.keep, randomness >= threshold_of(p));
    }
}
