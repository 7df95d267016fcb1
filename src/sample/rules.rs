//! The rules of the configuration, and the verdict they come to.

use std::sync::Arc;

use crate::config;
use crate::expr::{Compiler, ExprError, SessionExpr};
use crate::flow::{Reason, Session, Verdict};
use crate::otlp::probability::threshold_of;

/// The name that counts sessions which no rule matched.
pub const NO_RULE: &str = "(none)";

/// The name that counts sessions judged without any rules.
pub const ALL: &str = "(all)";

/// The rules, compiled.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    none: Arc<str>,
    all: Arc<str>,
}

#[derive(Clone, Debug)]
struct Rule {
    name: Arc<str>,
    /// Absent for a rule that always matches.
    when: Option<SessionExpr>,
    probability: f64,
    drop: bool,
}

// === impl Rules ===

impl Rules {
    /// Compiles the rules; what they ask of spans is collected by `compiler`.
    ///
    /// # Errors
    /// All that is wrong with their expressions, each with the index of its rule.
    pub fn compile(rules: &[config::Rule], compiler: &mut Compiler<'_>) -> Result<Self, Vec<(usize, ExprError)>> {
        let mut compiled = Vec::with_capacity(rules.len());
        let mut errors = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match rule.when.as_ref().map(|when| compiler.rule(&when.text)).transpose() {
                Ok(when) => compiled.push(Rule {
                    name: rule.name.as_str().into(),
                    when,
                    probability: rule.probability,
                    drop: rule.drop,
                }),
                Err(wrong) => errors.extend(wrong.into_iter().map(|error| (index, error))),
            }
        }
        match errors.is_empty() {
            true => Ok(Self { rules: compiled, none: NO_RULE.into(), all: ALL.into() }),
            false => Err(errors),
        }
    }

    /// Keep or drop. The order of the rules changes nothing but which of equals is named.
    pub fn judge(&self, session: &Session, reason: Reason) -> Verdict {
        let matching = self.rules.iter().filter(|rule| rule.matches(session)).collect::<Vec<_>>();
        let (rule, probability) = self.decide(&matching);
        let threshold = threshold_of(probability);
        Verdict {
            keep: session.randomness >= threshold,
            probability,
            threshold,
            randomness: session.randomness,
            rule: rule.clone(),
            matched: matching.iter().map(|rule| rule.name.clone()).collect(),
            reason,
        }
    }

    /// The rule that decides and the probability it decides with.
    fn decide<'r>(&'r self, matching: &[&'r Rule]) -> (&'r Arc<str>, f64) {
        if self.rules.is_empty() {
            return (&self.all, 1.0);
        }
        if let Some(rule) = matching.iter().find(|rule| rule.drop) {
            return (&rule.name, 0.0);
        }
        let highest = |best: &'r Rule, rule: &'r Rule| if rule.probability > best.probability { rule } else { best };
        let winner = matching.iter().copied().reduce(highest);
        winner.map_or((&self.none, 0.0), |rule| (&rule.name, rule.probability))
    }
}

// === impl Rule ===

impl Rule {
    fn matches(&self, session: &Session) -> bool {
        self.when.as_ref().is_none_or(|when| when.matches(session))
    }
}
