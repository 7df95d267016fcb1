//! The names that a model may have in a book, the nearest to what the span said first.

use super::nouns::Match;
use super::providers::{Naming, Provider};

/// Longest name of a model that is looked up, in bytes.
const MAX_NAME: usize = 512;

/// What Bedrock puts before a model to choose the way to it.
const ROUTES: [&str; 6] = ["converse/", "invoke/", "mantle/", "chat_completions/", "converse_like/", "async_invoke/"];

/// Where a Bedrock inference profile computes.
const PROFILES: [&str; 9] = ["us-gov.", "us.", "eu.", "apac.", "jp.", "au.", "ca.", "in.", "global."];

/// A name to look for, and what has been done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) matched: Match,
}

/// The forms of a model's name, each once. Empty when it has none: nothing was said, or an opaque id.
pub(super) fn forms(model: &str, provider: Option<&Provider>) -> Vec<Form> {
    let whole = model.trim();
    if whole.is_empty() || whole.len() > MAX_NAME {
        return Vec::new();
    }
    let whole = whole.to_lowercase();
    let naming = provider.map_or(Naming::Plain, |provider| provider.naming);
    let mut forms: Vec<Form> = Vec::new();
    let mut add = |name: &str, matched| {
        if !name.is_empty() && forms.iter().all(|form| form.name != name) {
            forms.push(Form { name: name.to_owned(), matched });
        }
    };
    let own = provider.map_or(whole.as_str(), |provider| without_provider(&whole, provider));
    if naming == Naming::Bedrock && own.contains("arn:") && named_by_arn(own).is_none() {
        return Vec::new();
    }
    add(own, Match::Exact);
    // Each step goes on from what the one before has left.
    let name = tail(own, naming);
    add(name, Match::Alias);
    let (path, name) = if naming == Naming::Bedrock { without_region_path(name) } else { (None, name) };
    let region = if path.is_some() { Match::StrippedRegion } else { Match::Alias };
    add(name, region);
    let name = if naming == Naming::Bedrock { without_profile(name) } else { name };
    add(without_window(name), Match::StrippedRegion);
    let name = without_window(name);
    let name = name.split_once('@').filter(|_| naming == Naming::Google).map_or(name, |(name, _)| name);
    add(name, Match::StrippedDate);
    if name.starts_with("ft:") {
        // The base of a fine-tuned model has a row of its own, or there is none: `ft:` is never dropped.
        let mut parts = name.rsplitn(4, ':');
        add(parts.nth(3).filter(|base| base.contains(':')).unwrap_or_default(), Match::Alias);
        return forms;
    }
    let dashed = dashed_date(name);
    add(&dashed, Match::Alias);
    let undated = without_date(&dashed);
    add(undated, Match::StrippedDate);
    if naming == Naming::Google {
        add(without_version(undated), Match::StrippedDate);
    }
    if own != whole {
        add(&whole, Match::Exact);
    }
    forms
}

/// The names that the user's own prices may have for a model: as it was told, without its provider's name, and the end of
/// its path. Nothing that was told of it is dropped otherwise: `us.` and dates are prices of their own.
pub(super) fn told(model: &str, provider: Option<&Provider>) -> Vec<String> {
    let whole = model.trim().to_lowercase();
    if whole.is_empty() || whole.len() > MAX_NAME {
        return Vec::new();
    }
    let own = provider.map_or(whole.as_str(), |provider| without_provider(&whole, provider));
    let end = tail(own, provider.map_or(Naming::Plain, |provider| provider.naming));
    let mut names = vec![own.to_owned(), end.to_owned()];
    names.dedup();
    if own != whole {
        names.push(whole);
    }
    names
}

/// Without the provider's own name before it: `openai/gpt-4o` at OpenAI.
fn without_provider<'a>(model: &'a str, provider: &Provider) -> &'a str {
    match model.split_once('/') {
        Some((first, rest)) if provider.is_called(first) && !rest.is_empty() => rest,
        _ => model,
    }
}

/// The model that an ARN of Bedrock's ends with. Other resources, as application inference profiles, end with an id of the
/// account's, which tells nothing of the model even where it looks like one.
pub fn named_by_arn(arn: &str) -> Option<&str> {
    [":inference-profile/", ":foundation-model/"].iter().find_map(|kind| arn.split_once(kind)).map(|(_, name)| name)
}

/// The end of a path: of an ARN, of a resource of Google's, behind a route of Bedrock's.
fn tail(name: &str, naming: Naming) -> &str {
    match naming {
        Naming::Google => {
            let end = name.rsplit_once("/models/").map_or(name, |(_, end)| end);
            ["models/", "google/"].iter().fold(end, |end, path| end.strip_prefix(path).unwrap_or(end))
        }
        Naming::Bedrock if name.contains("arn:") => named_by_arn(name).unwrap_or(name),
        Naming::Bedrock => ROUTES.iter().fold(name, |name, route| name.strip_prefix(route).unwrap_or(name)),
        Naming::Plain | Naming::Azure => name,
    }
}

/// `eu-west-1/` before the name.
fn without_region_path(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((region, rest)) if is_region(region) => (Some(region), rest),
        _ => (None, name),
    }
}

/// Whether that is a region of AWS: `eu-west-1`.
fn is_region(text: &str) -> bool {
    let digits = text.rsplit('-').next().unwrap_or_default();
    text.matches('-').count() >= 2 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn without_profile(name: &str) -> &str {
    PROFILES.iter().find_map(|profile| name.strip_prefix(profile)).unwrap_or(name)
}

/// Without the size of the context window behind it: `[1m]`, `:0:51k`.
fn without_window(name: &str) -> &str {
    if let Some((name, inside)) = name.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) {
        let word = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if word && inside.ends_with(['k', 'm']) {
            return name;
        }
    }
    match name.rsplit_once(':') {
        Some((rest, size)) if rest.contains(':') && is_number(size.strip_suffix('k').unwrap_or_default()) => rest,
        _ => name,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date without dashes at the end or before `-` or `:` with them: `-20251211` is `-2025-12-11`.
fn dashed_date(name: &str) -> String {
    let parts: Vec<&str> = name.split('-').collect();
    let dated = parts.iter().enumerate().map(|(at, part)| {
        let (date, rest) = part.split_once(':').map_or((*part, None), |(date, rest)| (date, Some(rest)));
        let [year, month, day] = [date.get(..4), date.get(4..6), date.get(6..)].map(Option::unwrap_or_default);
        let real = date.len() == 8 && is_number(date) && year.starts_with("20") && is_day(month, day);
        match rest {
            _ if at == 0 || !real => (*part).to_owned(),
            Some(rest) => format!("{year}-{month}-{day}:{rest}"),
            None => format!("{year}-{month}-{day}"),
        }
    });
    dated.collect::<Vec<_>>().join("-")
}

fn is_day(month: &str, day: &str) -> bool {
    let within = |text: &str, most: u8| text.parse::<u8>().is_ok_and(|number| (1..=most).contains(&number));
    within(month, 12) && within(day, 31)
}

/// Without `-2025-12-11` at the end.
fn without_date(name: &str) -> &str {
    let Some(at) = name.len().checked_sub("-2025-12-11".len()) else { return name };
    let date = name.get(at..).unwrap_or_default();
    let shape = date.bytes().enumerate().all(|(at, byte)| match at {
        0 | 5 | 8 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if shape && date.len() == 11 { name.get(..at).unwrap_or(name) } else { name }
}

/// Without `-001` at the end. Shorter numbers belong to the name: `claude-sonnet-4-5` is no version of `claude-sonnet-4`.
fn without_version(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((rest, version)) if version.len() == 3 && is_number(version) => rest,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(provider: &str, model: &str) -> Vec<String> {
        forms(model, Provider::named(provider)).into_iter().map(|form| form.name).collect()
    }

    #[test]
    fn names_are_tried_from_the_nearest_to_the_farthest() {
        assert_eq!(
            names("openai", " OpenAI/GPT-4o-2024-05-13 "),
            ["gpt-4o-2024-05-13", "gpt-4o", "openai/gpt-4o-2024-05-13"]
        );
        assert_eq!(names("openai", "gpt-5.2-20251211"), ["gpt-5.2-20251211", "gpt-5.2-2025-12-11", "gpt-5.2"]);
        assert_eq!(names("openai", "ft:gpt-4o-mini-2024-07-18:my-org::abc123")[1..], ["ft:gpt-4o-mini-2024-07-18"]);
        assert_eq!(names("openai", "ft:gpt-4o-2024-08-06"), ["ft:gpt-4o-2024-08-06"]);
        assert_eq!(
            names("aws.bedrock", "us.anthropic.claude-opus-4-6-v1[1m]"),
            ["us.anthropic.claude-opus-4-6-v1[1m]", "anthropic.claude-opus-4-6-v1"]
        );
        assert_eq!(
            names("aws.bedrock", "ap-northeast-1/anthropic.claude-haiku-4-5-20251001-v1:0")[..2],
            ["ap-northeast-1/anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"]
        );
        assert_eq!(
            names("gcp.vertex_ai", "projects/p/locations/l/publishers/google/models/gemini-2.5-pro@001")[1..],
            ["gemini-2.5-pro@001", "gemini-2.5-pro"]
        );
        assert_eq!(
            names("gcp.gemini", "models/gemini-2.5-flash-002")[1..],
            ["gemini-2.5-flash-002", "gemini-2.5-flash"]
        );
    }

    #[test]
    fn a_number_of_the_name_is_no_version_of_it() {
        assert_eq!(names("gcp.vertex_ai", "claude-sonnet-4-5"), ["claude-sonnet-4-5"]);
        assert_eq!(names("openai", "gpt-4-0613"), ["gpt-4-0613"]);
        assert_eq!(names("groq", "openai/gpt-oss-120b"), ["openai/gpt-oss-120b"]);
        assert_eq!(names("openai", "model-20259999"), ["model-20259999"]);
    }

    #[test]
    fn what_tells_nothing_has_no_name() {
        for model in ["", "  ", &"x".repeat(513)] {
            assert!(names("openai", model).is_empty());
        }
        for opaque in ["application-inference-profile/us.amazon.nova-lite-v1:0", "provisioned-model/abc", "x"] {
            assert!(names("bedrock", &format!("arn:aws:bedrock:us-east-1:1:{opaque}")).is_empty(), "{opaque}");
        }
        let arn = names("bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0");
        assert_eq!(arn[1..], ["us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"]);
    }

    proptest! {
        #[test]
        fn any_text_has_few_forms(model in "[a-zé0-9:/@\\[\\].-]{0,60}", provider in 0_usize..4) {
            let provider = ["openai", "bedrock", "vertex_ai", ""][provider];
            let forms = names(provider, &model);
            prop_assert!(forms.len() <= 10 && forms.iter().all(|form| !form.is_empty()));
        }
    }
}
