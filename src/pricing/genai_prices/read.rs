//! The file into models. Price keys that are not known are passed over and counted, as its schema asks.

use serde_json::value::RawValue;

use super::super::amount::Rate;
use super::super::calendar::{self, EVERY_DAY, Window};
use super::super::found::Unpriced;
use super::super::json::{Object, count, number, text};
use super::super::unit::Unit;
use super::clause::Clause;
use super::{Book, Holds, Model, Period, Price, Seller, Variant};

/// What a key is the price of, and of how many, as a power of ten.
const KEYS: [(&str, Unit, i32); 17] = [
    ("input_mtok", Unit::Input, 6),
    ("output_mtok", Unit::Output, 6),
    ("cache_read_mtok", Unit::CacheRead, 6),
    ("cache_write_mtok", Unit::CacheWrite, 6),
    ("cache_write_1h_mtok", Unit::CacheWrite1h, 6),
    ("input_audio_mtok", Unit::InputAudio, 6),
    ("cache_audio_read_mtok", Unit::CacheReadAudio, 6),
    ("output_audio_mtok", Unit::OutputAudio, 6),
    ("input_image_mtok", Unit::InputImage, 6),
    ("cache_image_read_mtok", Unit::CacheReadImage, 6),
    ("output_image_mtok", Unit::OutputImage, 6),
    ("input_video_mtok", Unit::InputVideo, 6),
    ("output_video_mtok", Unit::OutputVideo, 6),
    ("output_reasoning_mtok", Unit::Reasoning, 6),
    ("web_searches_kcount", Unit::WebSearch, 3),
    ("rerank_searches_kcount", Unit::RerankQuery, 3),
    ("requests_kcount", Unit::Request, 3),
];

/// Most models, of all providers, and the longest name.
const MAX_MODELS: usize = 200_000;
const MAX_NAME: usize = 512;
/// What ends the id of a model that costs nothing; of others, having no price is no price.
const FREE: &str = ":free";

/// Reads the file.
///
/// # Errors
/// What is wrong with it, with line and column where it is not JSON.
pub(in super::super) fn read(text: &str) -> Result<Book, String> {
    let list: Vec<Object<'_>> = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    let mut book = Book::default();
    for object in &list {
        seller(object, &mut book)?;
    }
    if book.models.len() > MAX_MODELS {
        return Err(format!("has {} models, at most {MAX_MODELS} are read", book.models.len()));
    }
    match book.first_skipped {
        Some(first) if book.skipped > book.models.len() => {
            Err(format!("is no genai-prices data: {} models cannot be read, the first is {first}", book.skipped))
        }
        None if book.models.is_empty() => Err("is no genai-prices data: it has no models".into()),
        first_skipped => Ok(Book { first_skipped, ..book }),
    }
}

fn seller(object: &Object<'_>, book: &mut Book) -> Result<(), String> {
    let id = object.get("id").and_then(|raw| text(raw)).filter(|id| id.len() <= MAX_NAME);
    let id = id.ok_or("is no genai-prices data: a provider has no id")?;
    let models: Option<Vec<Object<'_>>> = object.get("models").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let models = models.ok_or_else(|| format!("is no genai-prices data: the provider {id} has no list of models"))?;
    let resells = object.get("fallback_model_providers").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let mut seller = Seller {
        id: id.as_str().into(),
        by_name: hashbrown::HashMap::default(),
        by_clause: Vec::new(),
        resells: resells.unwrap_or_default(),
    };
    for object in &models {
        match model(&id, object, &mut book.unknown_keys) {
            Ok(model) => {
                let at = u32::try_from(book.models.len()).map_err(|_| "has too many models")?;
                let (names, only) = model.clause.names();
                for name in names {
                    seller.by_name.entry(name.into()).or_insert(at);
                }
                if !only {
                    seller.by_clause.push(at);
                }
                book.models.push(model);
            }
            Err(wrong) => {
                book.skipped += 1;
                book.first_skipped.get_or_insert(format!("{id}: {wrong}"));
            }
        }
    }
    book.sellers.push(seller);
    Ok(())
}

fn model(provider: &str, object: &Object<'_>, unknown_keys: &mut usize) -> Result<Model, String> {
    let id = object.get("id").and_then(|raw| text(raw)).ok_or("a model has no id")?;
    if id.len() > MAX_NAME {
        return Err(format!("the id of a model is longer than {MAX_NAME} bytes"));
    }
    let in_model = |wrong: String| format!("{id}: {wrong}");
    let clause = object.get("match").ok_or_else(|| in_model("has no match".into()))?;
    let raw = object.get("prices").ok_or_else(|| in_model("has no prices".into()))?;
    let before = *unknown_keys;
    let mut periods = periods(raw, unknown_keys).map_err(in_model)?;
    let others = *unknown_keys > before;
    let variants = object.get("price_variants").map(|raw| variants(raw, unknown_keys)).transpose();
    let mut unpriced = None;
    if periods.iter().all(|period| period.prices.is_empty()) {
        if id.ends_with(FREE) && !others {
            let free = |unit| Price { unit, base: Rate::ZERO, above: Vec::new() };
            periods = vec![Period { holds: Holds::Always, prices: vec![free(Unit::Input), free(Unit::Output)] }];
        } else {
            unpriced = Some(if others { Unpriced::OtherUnits } else { Unpriced::Nothing });
        }
    }
    Ok(Model {
        key: format!("{provider}:{id}").into(),
        id_at: provider.len() + 1,
        context_window: object.get("context_window").and_then(|raw| count(raw)),
        unpriced,
        clause: Clause::read(clause).map_err(in_model)?,
        periods,
        variants: variants.map_err(in_model)?.unwrap_or_default(),
    })
}

fn periods(raw: &RawValue, unknown_keys: &mut usize) -> Result<Vec<Period>, String> {
    if let Ok(object) = serde_json::from_str::<Object<'_>>(raw.get()) {
        return Ok(vec![Period { holds: Holds::Always, prices: prices(&object, unknown_keys)? }]);
    }
    let list: Vec<Object<'_>> =
        serde_json::from_str(raw.get()).map_err(|_| "its prices are neither object nor list")?;
    let mut periods = Vec::new();
    for object in &list {
        let (holds, prices) = conditional(object, unknown_keys)?;
        periods.push(Period { holds, prices });
    }
    Ok(periods)
}

fn variants(raw: &RawValue, unknown_keys: &mut usize) -> Result<Vec<Variant>, String> {
    let list: Vec<Object<'_>> = serde_json::from_str(raw.get()).map_err(|_| "its price_variants are no list")?;
    let mut variants = Vec::new();
    for object in &list {
        let when: Option<std::collections::BTreeMap<String, String>> =
            object.get("when").and_then(|raw| serde_json::from_str(raw.get()).ok());
        let when = when.filter(|when| !when.is_empty()).ok_or("a variant does not tell when it holds")?;
        let (holds, prices) = conditional(object, unknown_keys)?;
        variants.push(Variant { when: when.into_iter().collect(), holds, prices });
    }
    Ok(variants)
}

/// `{constraint?, prices}`
fn conditional(object: &Object<'_>, unknown_keys: &mut usize) -> Result<(Holds, Vec<Price>), String> {
    let raw = object.get("prices").ok_or("has a period without prices")?;
    let own: Object<'_> = serde_json::from_str(raw.get()).map_err(|_| "has a period whose prices are no object")?;
    let holds = match object.get("constraint") {
        Some(raw) if raw.get() != "null" => holds(raw)?,
        _ => Holds::Always,
    };
    Ok((holds, prices(&own, unknown_keys)?))
}

fn holds(raw: &RawValue) -> Result<Holds, String> {
    let object: Object<'_> = serde_json::from_str(raw.get()).map_err(|_| "has a constraint that is no object")?;
    let of = |key: &str| object.get(key).and_then(|raw| text(raw));
    if let Some(date) = of("start_date") {
        return calendar::date(&date).map(Holds::From).ok_or_else(|| format!("{date:.20} is no date"));
    }
    let time = |key| of(key).and_then(|text| calendar::time_of_day(&text));
    match (time("start_time"), time("end_time")) {
        (Some(start), Some(end)) if start == end => Ok(Holds::Never),
        (Some(start), Some(end)) => Ok(Holds::At(Window { start, end, weekdays: EVERY_DAY, offset: 0 })),
        _ => Err("has a constraint that is neither a date nor hours".into()),
    }
}

fn prices(object: &Object<'_>, unknown_keys: &mut usize) -> Result<Vec<Price>, String> {
    let mut prices = Vec::new();
    for (key, raw) in object.iter().filter(|(_, raw)| raw.get() != "null") {
        match KEYS.iter().find(|(known, _, _)| known == key) {
            Some((_, unit, power)) => prices.push(price(*unit, *power, raw).map_err(|wrong| format!("{key} {wrong}"))?),
            None => *unknown_keys += 1,
        }
    }
    Ok(prices)
}

/// A number, or `{base, tiers: [{start, price}]}`.
fn price(unit: Unit, power: i32, raw: &RawValue) -> Result<Price, String> {
    if let Some(number) = number(raw) {
        return Ok(Price { unit, base: Rate::parse(&number, power)?, above: Vec::new() });
    }
    let object: Object<'_> = serde_json::from_str(raw.get()).map_err(|_| "is neither number nor object")?;
    let rate = |object: &Object<'_>, key: &str| {
        let number = object.get(key).and_then(|raw| number(raw)).ok_or_else(|| format!("has no {key}"))?;
        Rate::parse(&number, power)
    };
    let tiers: Option<Vec<Object<'_>>> = object.get("tiers").and_then(|raw| serde_json::from_str(raw.get()).ok());
    let mut above = Vec::new();
    for tier in &tiers.ok_or("has no tiers")? {
        let start = tier.get("start").and_then(|raw| count(raw)).ok_or("has a tier without a start")?;
        above.push((start, rate(tier, "price")?));
    }
    above.sort_by_key(|(start, _)| *start);
    Ok(Price { unit, base: rate(&object, "base")?, above })
}
