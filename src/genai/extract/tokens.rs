//! Tokens in buckets that do not overlap, out of numbers that do, each producer in its own way.

use crate::genai::vocabulary::InputCounts;

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input that was neither read from nor written to a cache; `None` when no input was told.
    pub input_uncached: Option<u64>,
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a cache for five minutes, or for a time that is not told.
    pub cache_write: u64,
    /// Input written to a cache for an hour.
    pub cache_write_1h: u64,
    /// Output that is no reasoning; `None` when no output was told, or only what a stream begins with.
    pub output_visible: Option<u64>,
    /// Reasoning.
    pub reasoning: u64,
    /// Of the input: audio.
    pub audio_input: u64,
    /// Of the output: audio.
    pub audio_output: u64,
    /// Of the input: images.
    pub image_input: u64,
    /// Of the output: images.
    pub image_output: u64,
    /// Of what was read from a cache: audio.
    pub audio_cache_read: u64,
    /// Of what was read from a cache: images.
    pub image_cache_read: u64,
    /// How the buckets were told apart.
    pub semantics: Semantics,
    /// A part was told to be more than its whole: no one knows which of them is wrong. In the buckets it is as much as its
    /// whole.
    pub contradictory: bool,
    /// More was used than the counts tell of: the total is more than they are, or a whole more than its parts.
    pub incomplete: bool,
    /// For how long the cache keeps what was written is not told: it is what the producer mostly asks for.
    pub lifetime_assumed: bool,
}

/// Of a whole, what is known of its parts; none where they are not told apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Text.
    pub text: Option<u64>,
    /// Audio.
    pub audio: Option<u64>,
    /// Images.
    pub image: Option<u64>,
}

/// Whether the input tokens that were told count the cached ones, and how that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantics {
    /// They do, as the key, the producer or the total says; or nothing was cached.
    #[default]
    Inclusive,
    /// They do not, as the key, the producer or the total says.
    Exclusive,
    /// They do, as far as the names of the keys tell.
    InferredInclusive,
    /// They do not: there are fewer of them than were cached, or the names of the keys tell.
    InferredExclusive,
}

/// The numbers as they were told.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReportedTokens {
    /// Input.
    pub input: Option<u64>,
    /// Output.
    pub output: Option<u64>,
    /// All together.
    pub total: Option<u64>,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache.
    pub cache_write: Option<u64>,
    /// Of those, for five minutes and for an hour.
    pub cache_write_split: Option<(u64, u64)>,
    /// Reasoning.
    pub reasoning: u64,
    /// The reasoning is not counted among the output.
    pub reasoning_beside: bool,
    /// What the keys of the input tokens and of the cached ones say.
    pub counts: InputCounts,
    /// The producer leaves the cached ones out.
    pub exclusive: bool,
    /// The producer passes on the total of the provider, and either way of counting: the total is asked first.
    pub total_decides: bool,
    /// The input, told apart.
    pub input_parts: Parts,
    /// The output, told apart.
    pub output_parts: Parts,
    /// The provider itself leaves the cached ones out.
    pub provider_excludes: bool,
}

/// More tokens than this no call used: who tells of them did not count.
const MOST: u64 = u32::MAX as u64;

// === impl ReportedTokens ===

impl ReportedTokens {
    /// The buckets; `None` when nothing was used or told.
    pub fn normalise(self) -> Option<Tokens> {
        let split = self.cache_write_split.map(|(short, long)| short.saturating_add(long));
        // Some tell as a whole what the parts leave.
        let written = self.cache_write.max(split).unwrap_or(0);
        let long = match (self.cache_write_split, split) {
            (Some((_, long)), Some(sum)) if sum == written => long,
            _ => 0,
        };
        let semantics = self.semantics(written);
        let cached = self.cache_read.saturating_add(written);
        let input_uncached =
            self.input.map(|input| if semantics.is_exclusive() { input } else { input.saturating_sub(cached) });
        let beside = self.is_reasoning_beside(semantics, cached);
        let output_visible =
            self.output.map(|output| if beside { output } else { output.saturating_sub(self.reasoning) });
        let reasoning = if beside { self.reasoning } else { self.reasoning.min(self.output.unwrap_or(u64::MAX)) };
        let contradictory = !semantics.is_exclusive() && self.input.is_some_and(|input| input < cached)
            || !beside && self.output.is_some_and(|output| output < self.reasoning)
            || [self.input, self.output, Some(cached), Some(self.reasoning)].into_iter().flatten().any(|it| it > MOST);
        let told = self.input.is_some() || self.output.is_some();
        let nothing = self.input.unwrap_or(0) == 0 && self.output.unwrap_or(0) == 0 && cached == 0;
        (told && !nothing)
            .then_some(Tokens {
                input_uncached,
                cache_read: self.cache_read,
                cache_write: written - long,
                cache_write_1h: long,
                output_visible,
                reasoning,
                semantics,
                contradictory,
                ..Tokens::default()
            })
            .map(|tokens| Tokens { incomplete: self.is_incomplete(&tokens), ..tokens })
    }

    /// In this order: what key or producer say, what the total says, what must be, what the names of the keys tell. A
    /// producer that passes on the provider's total says something only where that does not.
    fn semantics(&self, written: u64) -> Semantics {
        let cached = self.cache_read.saturating_add(written);
        let (input, output) = (self.input.unwrap_or(0), self.output.unwrap_or(0));
        let whole = input.saturating_add(output);
        match self.counts {
            InputCounts::Exclusive => return Semantics::Exclusive,
            InputCounts::Inclusive => return Semantics::Inclusive,
            _ if self.exclusive && !self.total_decides => return Semantics::Exclusive,
            _ if cached == 0 => return Semantics::Inclusive,
            _ => {}
        }
        match self.total {
            Some(total) if total == whole.saturating_add(cached) => return Semantics::Exclusive,
            // That is the sum of both whatever the input counts: a sender may have made it up of them.
            _ if self.input.is_some() && cached > input => return Semantics::InferredExclusive,
            Some(total) if total == whole => return Semantics::Inclusive,
            Some(total) if total == whole.saturating_add(self.reasoning) => return Semantics::Inclusive,
            Some(total) if total == whole.saturating_add(cached).saturating_add(self.reasoning) => {
                return Semantics::Exclusive;
            }
            _ => {}
        }
        match self.counts {
            _ if self.exclusive => Semantics::Exclusive,
            InputCounts::Raw if self.provider_excludes => Semantics::InferredExclusive,
            _ => Semantics::InferredInclusive,
        }
    }

    /// Whether the reasoning is beside the output: as the total is right, else as the key, the producer or the provider say.
    fn is_reasoning_beside(&self, semantics: Semantics, cached: u64) -> bool {
        let (Some(total), Some(input), Some(output)) = (self.total, self.input, self.output) else {
            return self.reasoning_beside;
        };
        let input = if semantics.is_exclusive() { input.saturating_add(cached) } else { input };
        let without = input.saturating_add(output);
        match self.reasoning {
            0 => false,
            reasoning if total == without.saturating_add(reasoning) => true,
            reasoning if total == without && reasoning <= output => false,
            _ => self.reasoning_beside,
        }
    }

    /// Whether more was used than `tokens` tell of.
    fn is_incomplete(&self, tokens: &Tokens) -> bool {
        let sum = |counts: [u64; 3]| counts.into_iter().fold(0, u64::saturating_add);
        let whole = tokens.input().zip(tokens.output()).map(|(input, output)| input.saturating_add(output));
        let more = self.total.zip(whole).is_some_and(|(total, whole)| total > whole);
        let parts = |parts: Parts| {
            let Parts { text, audio, image } = parts;
            text.map(|text| sum([text, audio.unwrap_or(0), image.unwrap_or(0)]))
        };
        // What came from a cache may be among the parts or not.
        let unlike = |whole: Option<u64>, parts: Option<u64>| whole.zip(parts).is_some_and(|(all, told)| all > told);
        more || unlike(tokens.input_uncached, parts(self.input_parts))
            || unlike(tokens.output_visible, parts(self.output_parts))
    }
}

// === impl Parts ===

impl Parts {
    /// All of them together; `None` where none is told.
    pub fn sum(self) -> Option<u64> {
        [self.text, self.audio, self.image].into_iter().flatten().reduce(u64::saturating_add)
    }
}

// === impl Tokens ===

impl Tokens {
    /// All input.
    pub fn input(&self) -> Option<u64> {
        self.input_uncached.map(|input| input.saturating_add(self.cached()))
    }

    /// All input; where only that from a cache and into one is told, that.
    pub fn input_or_cached(&self) -> u64 {
        self.input().unwrap_or_else(|| self.cached())
    }

    /// Of the input: written to a cache, for however long.
    pub fn cache_written(&self) -> u64 {
        self.cache_write.saturating_add(self.cache_write_1h)
    }

    /// Whether sound or pictures are told apart from text.
    pub fn has_modalities(&self) -> bool {
        [self.audio_input, self.audio_output, self.image_input, self.image_output].iter().any(|count| *count > 0)
    }

    fn cached(&self) -> u64 {
        self.cache_read.saturating_add(self.cache_written())
    }

    /// All output.
    pub fn output(&self) -> Option<u64> {
        self.output_visible.map(|output| output.saturating_add(self.reasoning))
    }
}

// === impl Semantics ===

impl Semantics {
    /// Whether the input tokens that were told leave the cached ones out.
    pub fn is_exclusive(self) -> bool {
        matches!(self, Self::Exclusive | Self::InferredExclusive)
    }

    /// `inclusive`, `exclusive`, or `inferred`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inclusive => "inclusive",
            Self::Exclusive => "exclusive",
            Self::InferredInclusive | Self::InferredExclusive => "inferred",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(input: u64, output: u64, cache_read: u64, cache_write: u64) -> ReportedTokens {
        ReportedTokens {
            input: Some(input),
            output: Some(output),
            cache_read,
            cache_write: Some(cache_write),
            ..ReportedTokens::default()
        }
    }

    #[test]
    fn the_producer_then_the_total_then_arithmetic_then_names_tell_what_input_counts() {
        let tokens =
            |told: ReportedTokens| told.normalise().map(|it| (it.input_uncached.unwrap(), it.semantics)).unwrap();
        let base = told(1000, 50, 300, 100);
        assert_eq!(tokens(ReportedTokens { exclusive: true, total: Some(1050), ..base }), (1000, Semantics::Exclusive));
        assert_eq!(tokens(ReportedTokens { counts: InputCounts::Exclusive, ..base }), (1000, Semantics::Exclusive));
        let inclusive = ReportedTokens { counts: InputCounts::Inclusive, exclusive: true, ..base };
        assert_eq!(tokens(inclusive), (600, Semantics::Inclusive));
        assert_eq!(tokens(ReportedTokens { total: Some(1450), ..base }), (1000, Semantics::Exclusive));
        assert_eq!(tokens(ReportedTokens { total: Some(1050), ..base }), (600, Semantics::Inclusive));
        assert_eq!(tokens(told(288, 35, 1024, 512)), (288, Semantics::InferredExclusive));
        let made_up = ReportedTokens { total: Some(323), ..told(288, 35, 1024, 512) };
        assert_eq!(
            tokens(made_up),
            (288, Semantics::InferredExclusive),
            "a total does not make a part of what is more"
        );
        let raw = ReportedTokens { counts: InputCounts::Raw, ..base };
        assert_eq!(tokens(ReportedTokens { provider_excludes: true, ..raw }), (1000, Semantics::InferredExclusive));
        assert_eq!(tokens(raw), (600, Semantics::InferredInclusive));
        assert_eq!(tokens(base), (600, Semantics::InferredInclusive));
        assert_eq!(tokens(told(1000, 50, 0, 0)), (1000, Semantics::Inclusive));
    }

    #[test]
    fn reasoning_is_taken_out_of_the_output_once() {
        let tokens = |told: ReportedTokens| {
            told.normalise().map(|it| (it.output_visible.unwrap(), it.output().unwrap())).unwrap()
        };
        let base = ReportedTokens { reasoning: 40, ..told(100, 60, 0, 0) };
        assert_eq!(tokens(base), (20, 60));
        assert_eq!(tokens(ReportedTokens { reasoning_beside: true, ..base }), (60, 100));
        assert_eq!(tokens(ReportedTokens { total: Some(200), ..base }), (60, 100));
        assert_eq!(tokens(ReportedTokens { total: Some(160), ..base }), (20, 60));
    }

    #[test]
    fn a_part_that_is_more_than_its_whole_contradicts_it() {
        let tokens =
            |told: ReportedTokens| told.normalise().map(|it| (it.contradictory, it.output().unwrap())).unwrap();
        let base = ReportedTokens { reasoning: 500, ..told(1000, 100, 0, 0) };
        assert_eq!(tokens(base), (true, 100));
        assert_eq!(tokens(ReportedTokens { reasoning: 100, ..base }), (false, 100));
        // Beside the output it is no part of it.
        assert_eq!(tokens(ReportedTokens { reasoning_beside: true, ..base }), (false, 600));
        assert_eq!(tokens(ReportedTokens { total: Some(1600), ..base }), (false, 600));
        // Nor is what was cached a part of input that leaves it out.
        assert_eq!(tokens(told(100, 10, 200, 0)), (false, 10));
        assert_eq!(tokens(ReportedTokens { counts: InputCounts::Inclusive, ..told(100, 10, 200, 0) }), (true, 10));
    }

    #[test]
    fn a_write_is_split_only_where_the_parts_make_the_whole() {
        let write = |told: ReportedTokens| told.normalise().map(|it| (it.cache_write, it.cache_write_1h)).unwrap();
        let base = told(1000, 50, 0, 100);
        assert_eq!(write(ReportedTokens { cache_write_split: Some((30, 70)), ..base }), (30, 70));
        assert_eq!(write(ReportedTokens { cache_write_split: Some((30, 60)), ..base }), (100, 0));
        let rest = ReportedTokens { cache_write: Some(0), cache_write_split: Some((30, 60)), ..base };
        assert_eq!(write(rest), (30, 60));
        assert_eq!(write(ReportedTokens { cache_write: None, cache_write_split: Some((30, 60)), ..base }), (30, 60));
    }

    #[test]
    fn a_producer_that_passes_on_the_total_says_how_to_count_only_where_that_does_not() {
        let tokens = |told: ReportedTokens| told.normalise().map(|it| (it.input().unwrap(), it.semantics)).unwrap();
        let base = ReportedTokens { exclusive: true, total_decides: true, ..told(6459, 20, 6400, 0) };
        assert_eq!(tokens(base), (12_859, Semantics::Exclusive));
        assert_eq!(tokens(ReportedTokens { total: Some(6479), ..base }), (6459, Semantics::Inclusive));
        assert_eq!(tokens(ReportedTokens { total: Some(12_879), ..base }), (12_859, Semantics::Exclusive));
        assert_eq!(tokens(ReportedTokens { total: Some(7000), ..base }), (12_859, Semantics::Exclusive));
    }

    #[test]
    fn the_total_says_where_the_reasoning_is_and_else_the_key() {
        let output = |told: ReportedTokens| told.normalise().map(|it| (it.output().unwrap(), it.incomplete)).unwrap();
        let base = ReportedTokens { reasoning: 300, reasoning_beside: true, ..told(1000, 500, 400, 0) };
        assert_eq!(output(base), (800, false));
        assert_eq!(output(ReportedTokens { total: Some(1500), ..base }), (500, false));
        assert_eq!(output(ReportedTokens { total: Some(1800), ..base }), (800, false));
        let inside = ReportedTokens { reasoning_beside: false, ..base };
        assert_eq!(output(inside), (500, false));
        assert_eq!(output(ReportedTokens { total: Some(1800), ..inside }), (800, false));
        // More reasoning than output is beside it, even where a total was made up without it.
        let more = ReportedTokens { reasoning: 600, total: Some(1500), ..base };
        assert_eq!(output(more), (1100, false));
    }

    #[test]
    fn counts_that_do_not_add_up_to_what_is_told_are_incomplete() {
        let incomplete = |told: ReportedTokens| told.normalise().unwrap().incomplete;
        let base = told(1000, 50, 0, 0);
        assert!(!incomplete(ReportedTokens { total: Some(1050), ..base }));
        assert!(!incomplete(ReportedTokens { total: Some(1000), ..base }), "it may be less than all");
        assert!(incomplete(ReportedTokens { total: Some(1650), ..base }));
        let parts = |text, audio| Parts { text, audio, image: None };
        for (told, wrong) in [
            (parts(Some(100), Some(900)), false),
            (parts(Some(1000), None), false),
            (parts(None, Some(400)), false),
            (parts(Some(100), Some(400)), true),
            (parts(Some(100), None), true),
        ] {
            assert_eq!(incomplete(ReportedTokens { input_parts: told, ..base }), wrong, "{told:?}");
        }
        // Those from a cache may be counted with the text or not.
        let cached = ReportedTokens { cache_read: 600, input_parts: parts(Some(400), None), ..base };
        assert!(!incomplete(cached));
        assert!(incomplete(ReportedTokens { output_parts: parts(Some(10), Some(20)), ..base }));
    }

    #[test]
    fn nothing_used_or_told_is_unknown() {
        assert_eq!(ReportedTokens::default().normalise(), None);
        assert_eq!(told(0, 0, 0, 0).normalise(), None);
        assert_eq!(ReportedTokens { reasoning: 3, ..ReportedTokens::default() }.normalise(), None);
        let huge = ReportedTokens {
            total: Some(u64::MAX),
            reasoning: u64::MAX,
            ..told(u64::MAX, u64::MAX, u64::MAX, u64::MAX)
        };
        assert_eq!(huge.normalise().unwrap().input(), Some(u64::MAX));
    }
}
