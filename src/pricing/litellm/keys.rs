//! The grammar of price keys: `BASE[_above_Nk_tokens][_TIER]`.

use super::super::tier::Tier;
use super::super::unit::Unit;

/// What a key is the price of. The longer of two that begin alike stands first. `_above_1hr` is how long a cache keeps
/// what was written, no number of tokens.
const BASES: [(&str, Unit); 16] = [
    ("cache_creation_input_token_cost_above_1hr", Unit::CacheWrite1h),
    ("cache_creation_input_token_cost", Unit::CacheWrite),
    ("cache_read_input_audio_token_cost", Unit::CacheReadAudio),
    ("cache_read_input_image_token_cost", Unit::CacheReadImage),
    ("cache_read_input_token_cost", Unit::CacheRead),
    ("input_cost_per_audio_token", Unit::InputAudio),
    ("input_cost_per_image_token", Unit::InputImage),
    ("input_cost_per_video_token", Unit::InputVideo),
    ("input_cost_per_token", Unit::Input),
    ("output_cost_per_reasoning_token", Unit::Reasoning),
    ("output_cost_per_audio_token", Unit::OutputAudio),
    ("output_cost_per_image_token", Unit::OutputImage),
    ("output_cost_per_video_token", Unit::OutputVideo),
    ("output_cost_per_token", Unit::Output),
    ("input_cost_per_query", Unit::RerankQuery),
    ("input_cost_per_request", Unit::Request),
];

const TIERS: [(&str, Tier); 7] = [
    ("", Tier::Standard),
    ("_batches", Tier::Batch),
    ("_flex", Tier::Flex),
    ("_priority", Tier::Priority),
    ("_balanced", Tier::Balanced),
    ("_ultrafast", Tier::Ultrafast),
    ("_decisions", Tier::Decisions),
];

/// The unit, the threshold in input tokens (0 for none) and the tier that a key names.
pub(in super::super) fn parse(key: &str) -> Option<(Unit, u64, Tier)> {
    let (unit, rest) = BASES.iter().find_map(|(base, unit)| key.strip_prefix(base).map(|rest| (*unit, rest)))?;
    let (above, rest) = match rest.strip_prefix("_above_") {
        Some(rest) => threshold(rest)?,
        None => (0, rest),
    };
    let (_, tier) = TIERS.iter().find(|(suffix, _)| *suffix == rest)?;
    Some((unit, above, *tier))
}

/// `200k_tokens...`
fn threshold(text: &str) -> Option<(u64, &str)> {
    let (number, rest) = text.split_once("_tokens")?;
    let (digits, scale) = number.strip_suffix('k').map_or((number, 1), |digits| (digits, 1000));
    let digits = digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)?;
    Some((digits.parse::<u64>().ok()?.checked_mul(scale)?, rest))
}

/// All keys without threshold and tier, for who mistypes one.
pub(in super::super) fn bases() -> Vec<&'static str> {
    BASES.iter().map(|(base, _)| *base).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_apart() {
        for (key, wanted) in [
            ("input_cost_per_token", (Unit::Input, 0, Tier::Standard)),
            ("output_cost_per_token_above_200k_tokens", (Unit::Output, 200_000, Tier::Standard)),
            ("cache_read_input_token_cost_above_272k_tokens_priority", (Unit::CacheRead, 272_000, Tier::Priority)),
            ("cache_creation_input_token_cost_above_1hr", (Unit::CacheWrite1h, 0, Tier::Standard)),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                (Unit::CacheWrite1h, 200_000, Tier::Standard),
            ),
            ("input_cost_per_token_above_128_tokens_batches", (Unit::Input, 128, Tier::Batch)),
        ] {
            assert_eq!(parse(key), Some(wanted), "{key}");
        }
        for key in [
            "input_cost_per_token_cache_hit",
            "cache_creation_input_token_cost_above_12hr",
            "cache_creation_input_token_cost_above_12hr_above_272k_tokens",
            "input_cost_per_token_above_99999999999999999999k_tokens",
            "input_cost_per_token_above_k_tokens",
            "input_cost_per_tokens",
            "max_tokens",
        ] {
            assert_eq!(parse(key), None, "{key}");
        }
    }
}
