//! From what a span says to what it costs.

use std::time::Duration;

use super::extract::facts::Charge;
use super::extract::tokens;
use super::vocabulary::Operation;

use crate::otlp::span::SpanView;
use crate::pricing::{Assumptions, Attodollars, Cost, Inclusive, PriceBook, Priced, Source, Status, Tokens, Usage};

impl<'a> Charge<'a> {
    /// What the price book wants to know of the call.
    pub fn usage(&self) -> Usage<'a> {
        let [response_model, request_model] = self.told_models;
        let tokens = self.tokens.as_ref().map(disjoint);
        Usage {
            provider: self.provider,
            vendor: self.vendor,
            server_address: self.server,
            response_model,
            request_model,
            service_tier: self.service_tier,
            region: self.region,
            at: self.start,
            identity: self.identity,
            tokens: tokens.flatten(),
            contradictory: tokens == Some(None),
            ..Usage::default()
        }
    }
}

/// What a span costs, for all who ask; `charge` is what it says of a model.
///
/// A call of a model is priced by the user's own price of its model, else by one of spans that is for it, else by the books.
/// Anything else is priced by an own price of spans, and where there is none but tokens are told, as a call. `None` where it
/// is neither.
pub fn price<'b>(book: &'b PriceBook, span: &SpanView<'_>, charge: Option<&Charge<'_>>) -> Option<Priced<'b>> {
    let of_span = || price_by_attributes(book, span);
    let Some(charge) = charge.filter(|charge| charge.operation.is_model_call() || charge.tokens.is_some()) else {
        return of_span();
    };
    let of_model = price_call(book, charge);
    let by_own = of_model.source == Some(Source::Override) && of_model.status.has_cost();
    if by_own && charge.operation.is_model_call() {
        return Some(of_model);
    }
    let of_span = of_span().map(|priced| Priced { context_window: of_model.context_window, ..priced });
    of_span.or(Some(of_model))
}

/// It sells the models of others by the day's prices, and tells what it took: a book can only be older.
const RESELLER: &str = "openrouter";

/// What a call costs by its model.
///
/// Of a call whose output (or input) is not told, the rest is priced: [`Status::Partial`], with the assumption. Where no
/// book has a price, the cost is what the span itself tells: [`Status::Reported`]. A cost of zero that is told says nothing,
/// because senders tell it of models that they do not know; nor does one of what ran on the user's own machine.
fn price_call<'b>(book: &'b PriceBook, charge: &Charge<'_>) -> Priced<'b> {
    let mut priced = book.price(&charge.usage());
    if charge.provider == RESELLER && priced.source != Some(Source::Override) {
        priced = reported(charge).map_or(priced, |told| Priced { context_window: priced.context_window, ..told });
    }
    match priced.status {
        Status::UnknownModel | Status::NoPrice | Status::NoUsage => reported(charge).unwrap_or(priced),
        Status::Ok | Status::Partial => {
            for unknown in unknown(charge).into_iter().flatten() {
                priced.status = Status::Partial;
                priced.assumptions = priced.assumptions.and(unknown);
            }
            if charge.tokens.is_some_and(|tokens| tokens.lifetime_assumed) {
                priced.assumptions = priced.assumptions.and(Assumptions::CACHE_LIFETIME);
            }
            priced
        }
        Status::SelfHosted | Status::InvalidUsage | Status::Reported => priced,
    }
}

/// What a span costs by the user's own prices of spans, whatever else it is. `None` when none is for it.
pub fn price_by_attributes<'b>(book: &'b PriceBook, span: &SpanView<'_>) -> Option<Priced<'b>> {
    book.price_span(span.name, span.start, Duration::from_nanos(span.duration()), |key| {
        span.attributes().find(|attribute| attribute.key == key).map(|attribute| attribute.value)
    })
}

/// Tokens in the buckets of the price book: sound and pictures apart. `None` where they contradict each other.
fn disjoint(tokens: &tokens::Tokens) -> Option<Tokens> {
    // Of a whole that is not told, parts of sound and pictures tell nothing, and the others are all that is known.
    let of_input = |part| if tokens.input_uncached.is_some() { part } else { 0 };
    let of_output = |part| if tokens.output_visible.is_some() { part } else { 0 };
    let counts = Inclusive {
        input: tokens.input_or_cached(),
        output: tokens.output().unwrap_or(tokens.reasoning),
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_written(),
        cache_write_1h: tokens.cache_write_1h,
        reasoning: tokens.reasoning,
        input_audio: of_input(tokens.audio_input),
        output_audio: of_output(tokens.audio_output),
        input_image: of_input(tokens.image_input),
        output_image: of_output(tokens.image_output),
        cache_read_audio: tokens.audio_cache_read,
        cache_read_image: tokens.image_cache_read,
    };
    Tokens::from_inclusive(&counts).filter(|_| !tokens.contradictory)
}

/// What the span should tell and does not. Only language models have an output.
fn unknown(charge: &Charge<'_>) -> [Option<Assumptions>; 3] {
    let Some(tokens) = charge.tokens else { return [None; 3] };
    let output = charge.operation == Operation::Llm && tokens.output_visible.is_none();
    [
        tokens.input_uncached.is_none().then_some(Assumptions::INPUT_UNKNOWN),
        output.then_some(Assumptions::OUTPUT_UNKNOWN),
        tokens.incomplete.then_some(Assumptions::COUNTS_INCOMPLETE),
    ]
}

fn reported<'b>(charge: &Charge<'_>) -> Option<Priced<'b>> {
    let total = charge.cost.and_then(Attodollars::from_usd).filter(|cost| *cost > Attodollars::default())?;
    Some(Priced { status: Status::Reported, cost: Some(Cost { total, ..Cost::default() }), ..Priced::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genai::extract::facts::SpanFacts;
    use crate::pricing::BookFile;

    const ROWS: &str = r#"{"m": {"litellm_provider": "openai", "input_cost_per_token": 1e-06,
        "output_cost_per_token": 1e-05, "input_cost_per_audio_token": 1e-04, "cache_read_input_token_cost": 1e-07},
        "e": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}}"#;

    fn book() -> PriceBook {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prices.json");
        std::fs::write(&path, ROWS).unwrap();
        PriceBook::load(&[BookFile::File(path)]).unwrap()
    }

    fn facts(model: &'static str, tokens: Option<tokens::Tokens>, cost: Option<f64>) -> SpanFacts<'static> {
        SpanFacts {
            operation: Operation::Llm,
            provider: "openai",
            told_models: [model, ""],
            tokens,
            cost,
            ..SpanFacts::NOTHING
        }
    }

    fn used(input: Option<u64>, output: Option<u64>) -> Option<tokens::Tokens> {
        Some(tokens::Tokens { input_uncached: input, output_visible: output, ..tokens::Tokens::default() })
    }

    fn said(facts: &SpanFacts<'_>) -> (Status, String, Vec<&'static str>) {
        let book = book();
        let priced = price_call(&book, &facts.charge());
        assert_eq!(priced.cost.is_some(), priced.status.has_cost(), "{priced:?}");
        let cost = priced.cost.map(|cost| cost.total.to_string()).unwrap_or_default();
        (priced.status, cost, priced.assumptions.names().collect())
    }

    #[test]
    fn sound_is_priced_once_and_no_more_of_it_than_there_is_input() {
        let tokens = |audio_input| {
            let used = used(Some(1000), Some(0)).unwrap();
            Some(tokens::Tokens { audio_input, cache_read: 10, ..used })
        };
        assert_eq!(said(&facts("m", tokens(100), None)), (Status::Ok, "0.010901".into(), vec![]));
        // More than what came from no cache: the others did.
        assert_eq!(said(&facts("m", tokens(1005), None)), (Status::Ok, "0.100001".into(), vec![]));
    }

    #[test]
    fn counts_that_contradict_each_other_have_no_cost() {
        let base = used(Some(1000), Some(100)).unwrap();
        for wrong in [
            tokens::Tokens { contradictory: true, ..base },
            tokens::Tokens { audio_input: 1001, ..base },
            tokens::Tokens { audio_input: 600, image_input: 600, ..base },
            tokens::Tokens { audio_output: 101, ..base },
        ] {
            assert_eq!(
                said(&facts("m", Some(wrong), None)),
                (Status::InvalidUsage, String::new(), vec![]),
                "{wrong:?}"
            );
        }
        // What is not told contradicts nothing.
        let untold = tokens::Tokens { input_uncached: None, audio_input: 5, cache_read: 10, ..base };
        assert_eq!(said(&facts("m", Some(untold), None)).0, Status::Partial);
    }

    #[test]
    fn what_is_not_told_is_no_zero() {
        let partial = |cost: &str, why| (Status::Partial, cost.to_owned(), vec![why]);
        assert_eq!(said(&facts("m", used(Some(1000), Some(100)), None)), (Status::Ok, "0.002".into(), vec![]));
        assert_eq!(said(&facts("m", used(Some(1000), None), None)), partial("0.001", "output_unknown"));
        assert_eq!(said(&facts("m", used(None, Some(100)), None)), partial("0.001", "input_unknown"));
        let embedding = SpanFacts { operation: Operation::Embedding, ..facts("e", used(Some(1000), None), None) };
        assert_eq!(said(&embedding), (Status::Ok, "0.001".into(), vec![]));
        assert_eq!(said(&facts("m", None, None)), (Status::NoUsage, String::new(), vec![]));
    }

    #[test]
    fn what_a_cost_had_to_assume_is_named() {
        let base = used(Some(1000), Some(100)).unwrap();
        let said = |tokens| said(&facts("m", Some(tokens), None));
        let incomplete = tokens::Tokens { incomplete: true, ..base };
        assert_eq!(said(incomplete), (Status::Partial, "0.002".into(), vec!["counts_incomplete"]));
        // There is a price for sound that goes in, and none for what comes out.
        let sound = tokens::Tokens { audio_output: 50, ..base };
        assert_eq!(said(sound), (Status::Partial, "0.002".into(), vec!["priced_as_text"]));
        let lifetime = tokens::Tokens { lifetime_assumed: true, ..base };
        assert_eq!(said(lifetime), (Status::Ok, "0.002".into(), vec!["cache_lifetime_assumed"]));
        // What of the sound came from a cache is not priced as sound once more.
        let cached = tokens::Tokens { cache_read: 100, audio_input: 150, audio_cache_read: 100, ..base };
        assert_eq!(said(cached).1, "0.00696");
    }

    #[test]
    fn a_cost_that_is_told_counts_only_where_no_book_has_a_price() {
        let told = |cost: &str| (Status::Reported, cost.to_owned(), vec![]);
        assert_eq!(said(&facts("m", used(Some(1000), Some(100)), Some(7.0))).1, "0.002");
        assert_eq!(said(&facts("x", used(Some(1000), Some(100)), Some(0.25))), told("0.25"));
        assert_eq!(said(&facts("m", None, Some(0.5))), told("0.5"));
        for nothing in [0.0, -1.0, f64::NAN, 1e300] {
            assert_eq!(said(&facts("x", used(Some(1), Some(1)), Some(nothing))).0, Status::UnknownModel, "{nothing}");
        }
        let own = SpanFacts { server: "localhost", ..facts("x", used(Some(1), Some(1)), Some(0.5)) };
        assert_eq!(said(&own), (Status::SelfHosted, String::new(), vec![]));
    }
}
