//! The file into rows. Numbers are read from their digits, so nothing goes through a float.

use serde_json::value::RawValue;

use super::super::amount::{Rate, Ratio};
use super::super::calendar::{self, EVERY_DAY, Window};
use super::super::found::Unpriced;
use super::super::json::{Object, count, number, text};
use super::super::tier::Tier;
use super::super::unit::{PerUnit, Unit};
use super::keys;
use super::{Book, OffPeak, Price, Range, Row, Uplift};

/// Keys of the file that are no models.
const NO_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];
/// Most rows, and the longest key.
const MAX_ROWS: usize = 200_000;
const MAX_KEY: usize = 512;
/// What a cached token costs at Fireworks where the row does not tell: half of an uncached one.
const HALF_WHEN_CACHED: &str = "fireworks_ai";

/// Reads the file.
///
/// # Errors
/// What is wrong with it, with line and column where it is not JSON.
pub(in super::super) fn read(text: &str) -> Result<Book, String> {
    let object: Object<'_> = serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?;
    if object.len() > MAX_ROWS {
        return Err(format!("has {} rows, at most {MAX_ROWS} are read", object.len()));
    }
    let mut book = Book::default();
    for (key, raw) in object.iter().filter(|(key, _)| !NO_MODELS.contains(&key.as_str())) {
        match row(key, raw, &mut book.unknown_keys) {
            Ok(row) => {
                let at = u32::try_from(book.rows.len()).map_err(|_| "has too many rows")?;
                book.by_key.insert(key.to_lowercase().into(), at);
                book.rows.push(row);
            }
            Err(wrong) => {
                book.skipped += 1;
                book.first_skipped.get_or_insert(format!("{key:.80}: {wrong}"));
            }
        }
    }
    match book.first_skipped {
        Some(first) if book.skipped > book.rows.len() => {
            Err(format!("is no price book of LiteLLM's: {} rows cannot be read, the first is {first}", book.skipped))
        }
        None if book.rows.is_empty() => Err("is no price book of LiteLLM's: it has no models".into()),
        first_skipped => Ok(Book { first_skipped, ..book }),
    }
}

fn row(key: &str, raw: &RawValue, unknown_keys: &mut usize) -> Result<Row, String> {
    if key.len() > MAX_KEY {
        return Err(format!("its key is longer than {MAX_KEY} bytes"));
    }
    let object: Object<'_> = serde_json::from_str(raw.get()).map_err(|_| "is no object")?;
    let provider = object.get("litellm_provider").and_then(|raw| text(raw)).ok_or("has no litellm_provider")?;
    let (mut prices, mut others) = (Vec::new(), false);
    for (key, raw) in &object {
        let Some(number) = number(raw) else { continue };
        match keys::parse(key) {
            Some((unit, above, tier)) => prices.push(Price { above, tier, unit, rate: rate(key, &number)? }),
            None if key.contains("cost") => {
                *unknown_keys += 1;
                others |= key.contains("cost_per_") && !Rate::parse(&number, 0).is_ok_and(Rate::is_zero);
            }
            None => {}
        }
    }
    if let Some(rate) = search(&object)? {
        prices.push(Price { above: 0, tier: Tier::Standard, unit: Unit::WebSearch, rate });
    }
    let ranges = ranges(&object)?;
    let off_peak = object.get("off_peak_pricing").map(|raw| off_peak(raw)).transpose()?;
    let unpriced = unpriced(&prices, &ranges, others);
    let by_query = prices.iter().any(|price| price.unit == Unit::RerankQuery && !price.rate.is_zero());
    // Where queries are paid for, tokens without a price have none; they are not free.
    prices.retain(|price| !(by_query && price.unit != Unit::RerankQuery && price.rate.is_zero()));
    if provider == HALF_WHEN_CACHED {
        halve_cached(&mut prices);
    }
    prices.sort_unstable();
    Ok(Row {
        key: key.into(),
        provider: provider.as_str().into(),
        context_window: object.get("max_input_tokens").and_then(|raw| count(raw)),
        unpriced,
        prices: prices.into(),
        ranges: ranges.into(),
        off_peak: off_peak.map(Box::new),
        uplifts: uplifts(&object, &provider)?.into(),
    })
}

fn unpriced(prices: &[Price], ranges: &[Range], others: bool) -> Option<Unpriced> {
    let of_tokens = |price: &&Price| price.unit != Unit::WebSearch;
    let in_range = |range: &Range| Unit::ALL.iter().any(|unit| range.rates.get(*unit).is_some_and(|it| !it.is_zero()));
    if prices.iter().filter(of_tokens).any(|price| !price.rate.is_zero()) || ranges.iter().any(in_range) {
        return None;
    }
    Some(match prices.iter().any(|price| of_tokens(&price)) {
        _ if others => Unpriced::OtherUnits,
        true => Unpriced::Zero,
        false => Unpriced::Nothing,
    })
}

fn halve_cached(prices: &mut Vec<Price>) {
    let flat = |unit| move |price: &&Price| price.unit == unit && price.above == 0 && price.tier == Tier::Standard;
    if prices.iter().find(flat(Unit::CacheRead)).is_none()
        && let Some(input) = prices.iter().find(flat(Unit::Input)).copied()
    {
        prices.push(Price { unit: Unit::CacheRead, rate: input.rate.half(), ..input });
    }
}

/// The price of a search of the web, with a context of medium size.
fn search(object: &Object<'_>) -> Result<Option<Rate>, String> {
    let Some(raw) = object.get("search_context_cost_per_query") else { return Ok(None) };
    let sizes: Object<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let medium = sizes.get("search_context_size_medium").and_then(|raw| number(raw));
    medium.map(|number| rate("search_context_size_medium", &number)).transpose()
}

fn ranges(object: &Object<'_>) -> Result<Vec<Range>, String> {
    let Some(raw) = object.get("tiered_pricing") else { return Ok(Vec::new()) };
    let tiers: Vec<Object<'_>> =
        serde_json::from_str(raw.get()).map_err(|_| "its tiered_pricing is no list of objects")?;
    let mut ranges = Vec::new();
    // A range of results, not of tokens, prices a search.
    for tier in tiers.iter().filter(|tier| tier.contains_key("range")) {
        let bounds = tier.get("range").and_then(|raw| serde_json::from_str::<[&RawValue; 2]>(raw.get()).ok());
        let bounds = bounds.and_then(|[above, most]| Some((count(above)?, count(most)?)));
        let (above, most) = bounds.ok_or("its tiered_pricing has a range that is not two numbers")?;
        let mut rates = rates(tier)?;
        if rates.get(Unit::Input).is_none() {
            continue;
        }
        if rates.get(Unit::Output).is_none() {
            rates.set(Unit::Output, flat_output(object)?);
        }
        ranges.push(Range { above, most, rates });
    }
    ranges.sort_by_key(|range| range.above);
    Ok(ranges)
}

fn flat_output(object: &Object<'_>) -> Result<Option<Rate>, String> {
    let number = object.get("output_cost_per_token").and_then(|raw| number(raw));
    number.map(|number| rate("output_cost_per_token", &number)).transpose()
}

/// The prices of an object that has neither thresholds nor tiers.
fn rates(object: &Object<'_>) -> Result<PerUnit<Option<Rate>>, String> {
    let mut rates = PerUnit::default();
    for (key, raw) in object {
        if let (Some((unit, 0, Tier::Standard)), Some(number)) = (keys::parse(key), number(raw)) {
            rates.set(unit, Some(rate(key, &number)?));
        }
    }
    Ok(rates)
}

fn off_peak(raw: &RawValue) -> Result<OffPeak, String> {
    let object: Object<'_> = serde_json::from_str(raw.get()).map_err(|_| "its off_peak_pricing is no object")?;
    let zone = object.get("weekday_timezone").and_then(|raw| text(raw));
    let offset = zone.and_then(|zone| calendar::zone(&zone)).unwrap_or_default();
    let mut windows = hours(&object, EVERY_DAY, offset);
    let rules: Vec<Object<'_>> =
        object.get("windows").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    for rule in &rules {
        let days: Option<Vec<u8>> = rule.get("weekdays").and_then(|raw| serde_json::from_str(raw.get()).ok());
        let weekdays = match days {
            Some(days) => days.iter().filter(|day| (1..=7).contains(*day)).fold(0, |bits, day| bits | 1 << (day - 1)),
            None if rule.contains_key("weekdays") => 0,
            None => EVERY_DAY,
        };
        windows.extend(hours(rule, weekdays, offset));
    }
    Ok(OffPeak { windows, rates: rates(&object)? })
}

/// `hours_utc`: `"16:30-00:30"`, or a list of such. What is no such is passed over.
fn hours(object: &Object<'_>, weekdays: u8, offset: u32) -> Vec<Window> {
    let Some(raw) = object.get("hours_utc") else { return Vec::new() };
    let texts = match text(raw) {
        Some(one) => vec![one],
        None => serde_json::from_str::<Vec<String>>(raw.get()).unwrap_or_default(),
    };
    let windows = texts.iter().filter_map(|text| {
        let (start, end) = text.split_once('-')?;
        let (start, end) = (calendar::time_of_day(start.trim())?, calendar::time_of_day(end.trim())?);
        Some(Window { start, end, weekdays, offset })
    });
    windows.collect()
}

fn uplifts(object: &Object<'_>, provider: &str) -> Result<Vec<(Uplift, Ratio)>, String> {
    let mut uplifts = Vec::new();
    let residency = "regional_processing_uplift_multiplier_";
    for (key, raw) in object {
        let uplift = match key.strip_prefix(residency) {
            Some(region) => Uplift::In(region.into()),
            None if key == "regional_endpoint_uplift_multiplier" => Uplift::NotGlobal,
            None => continue,
        };
        let number = number(raw).ok_or_else(|| format!("its {key} is no number"))?;
        uplifts.push((uplift, Ratio::parse(&number)?));
    }
    // Of other providers the same key holds other things.
    if provider == "anthropic"
        && let Some(raw) = object.get("provider_specific_entry")
    {
        let entry: Object<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        for (key, raw) in &entry {
            let Some(number) = number(raw) else { continue };
            let uplift = if key == "fast" { Uplift::Fast } else { Uplift::In(key.as_str().into()) };
            uplifts.push((uplift, Ratio::parse(&number)?));
        }
    }
    Ok(uplifts)
}

fn rate(key: &str, number: &str) -> Result<Rate, String> {
    Rate::parse(number, 0).map_err(|wrong| format!("its {key} {wrong}"))
}
