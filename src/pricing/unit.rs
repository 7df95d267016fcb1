//! What is counted and priced, and what it costs together.

use super::amount::{Rate, Ratio, Sum};
use super::nouns::{Cost, Tokens, Usage};

/// One kind of thing that has a count and a price. They are disjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit {
    Input,
    InputAudio,
    InputImage,
    InputVideo,
    CacheRead,
    CacheReadAudio,
    CacheReadImage,
    CacheWrite,
    CacheWrite1h,
    Output,
    Reasoning,
    OutputAudio,
    OutputImage,
    OutputVideo,
    WebSearch,
    RerankQuery,
    /// The call itself.
    Request,
}

/// How many units there are.
const UNITS: usize = 17;

/// Something for each unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PerUnit<T>([T; UNITS]);

/// What each unit costs in one call, and what that had to assume.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    /// `None`: there is no price for it.
    pub(super) of: PerUnit<Option<Rate>>,
    /// On everything.
    pub(super) ratio: Ratio,
    /// A tier was asked for that has no price of its own.
    pub(super) tier_missing: bool,
    /// The units that are priced as what they are billed as, for want of a price of their own, a bit for each.
    pub(super) inherited: u32,
}

/// What a call comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bill {
    /// All that was used has a price.
    Whole(Cost),
    /// Some of it has none.
    Part(Cost),
    /// Nothing of it has.
    Unpriced,
    /// More than can be counted.
    Overflow,
}

// === impl Unit ===

impl Unit {
    /// All of them.
    pub(super) const ALL: [Self; UNITS] = [
        Self::Input,
        Self::InputAudio,
        Self::InputImage,
        Self::InputVideo,
        Self::CacheRead,
        Self::CacheReadAudio,
        Self::CacheReadImage,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::Output,
        Self::Reasoning,
        Self::OutputAudio,
        Self::OutputImage,
        Self::OutputVideo,
        Self::WebSearch,
        Self::RerankQuery,
        Self::Request,
    ];

    /// The unit that it is billed as where it has no price of its own.
    pub(super) fn parent(self) -> Option<Self> {
        match self {
            Self::InputAudio | Self::InputImage | Self::InputVideo | Self::CacheRead | Self::CacheWrite => {
                Some(Self::Input)
            }
            Self::CacheReadAudio | Self::CacheReadImage => Some(Self::CacheRead),
            Self::CacheWrite1h => Some(Self::CacheWrite),
            Self::Reasoning | Self::OutputAudio | Self::OutputImage | Self::OutputVideo => Some(Self::Output),
            Self::Input | Self::Output | Self::WebSearch | Self::RerankQuery | Self::Request => None,
        }
    }

    /// Itself as a bit.
    pub(super) fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The part of the bill that it is in.
    fn part(self, cost: &mut [Sum; 5]) -> Option<&mut Sum> {
        cost.get_mut(match self {
            Self::Input | Self::InputAudio | Self::InputImage | Self::InputVideo => 0,
            Self::Output | Self::Reasoning | Self::OutputAudio | Self::OutputImage | Self::OutputVideo => 1,
            Self::CacheRead | Self::CacheReadAudio | Self::CacheReadImage => 2,
            Self::CacheWrite | Self::CacheWrite1h => 3,
            Self::WebSearch | Self::RerankQuery | Self::Request => 4,
        })
    }
}

// === impl PerUnit ===

impl<T: Copy + Default> Default for PerUnit<T> {
    fn default() -> Self {
        Self([T::default(); UNITS])
    }
}

impl<T: Copy + Default> PerUnit<T> {
    /// What stands for a unit.
    pub(super) fn get(&self, unit: Unit) -> T {
        self.0.get(unit as usize).copied().unwrap_or_default()
    }

    /// Puts it there.
    pub(super) fn set(&mut self, unit: Unit, value: T) {
        if let Some(place) = self.0.get_mut(unit as usize) {
            *place = value;
        }
    }
}

impl PerUnit<Option<Rate>> {
    /// Gives each unit without a price the price of what it is billed as. Returns those units, a bit for each.
    pub(super) fn inherit(&mut self) -> u32 {
        let mut inherited = 0;
        // Parents stand before their children.
        for unit in Unit::ALL {
            if let (None, Some(parent)) = (self.get(unit), unit.parent()) {
                self.set(unit, self.get(parent));
                inherited |= unit.bit();
            }
        }
        inherited
    }
}

impl PerUnit<u64> {
    /// What a call has used.
    pub(super) fn used(usage: &Usage<'_>, tokens: &Tokens) -> Self {
        let counts = [
            (Unit::Input, tokens.input_uncached),
            (Unit::InputAudio, tokens.input_audio),
            (Unit::InputImage, tokens.input_image),
            (Unit::InputVideo, tokens.input_video),
            (Unit::CacheRead, tokens.cache_read),
            (Unit::CacheReadAudio, tokens.cache_read_audio),
            (Unit::CacheReadImage, tokens.cache_read_image),
            (Unit::CacheWrite, tokens.cache_write_5m),
            (Unit::CacheWrite1h, tokens.cache_write_1h),
            (Unit::Output, tokens.output),
            (Unit::Reasoning, tokens.reasoning),
            (Unit::OutputAudio, tokens.output_audio),
            (Unit::OutputImage, tokens.output_image),
            (Unit::OutputVideo, tokens.output_video),
            (Unit::WebSearch, usage.web_searches),
            (Unit::RerankQuery, usage.rerank_queries),
            (Unit::Request, 1),
        ];
        let mut used = Self::default();
        for (unit, count) in counts {
            used.set(unit, count);
        }
        used
    }
}

/// Units that cost many times as much as text where they have a price: pictures are as often sold as text, these never.
const DEARER_THAN_TEXT: [Unit; 3] = [Unit::InputAudio, Unit::OutputAudio, Unit::OutputVideo];

// === impl Rates ===

impl Rates {
    /// Whether sound or film was used that has no price but that of text.
    pub(super) fn has_sound_as_text(&self, used: &PerUnit<u64>) -> bool {
        DEARER_THAN_TEXT.iter().any(|unit| used.get(*unit) > 0 && self.inherited & unit.bit() != 0)
    }

    /// What was used at these prices.
    pub(super) fn bill(&self, used: &PerUnit<u64>) -> Bill {
        let (mut parts, mut total) = ([Sum::default(); 5], Sum::default());
        let (mut priced, mut missing, mut idle) = (false, false, true);
        for unit in Unit::ALL {
            let (count, rate) = (used.get(unit), self.of.get(unit));
            if count > 0 {
                priced |= rate.is_some();
                // Every call is one, and few have a price for that.
                missing |= rate.is_none() && unit != Unit::Request;
                idle &= unit == Unit::Request;
            }
            let Some(rate) = rate.filter(|_| count > 0) else { continue };
            let added = unit.part(&mut parts).and_then(|part| part.plus(rate, count).map(|sum| *part = sum));
            let Some(sum) = added.and_then(|()| total.plus(rate, count)) else { return Bill::Overflow };
            total = sum;
        }
        // What used nothing costs nothing, where using something would have cost something.
        let would_be = [Unit::Input, Unit::Output].iter().any(|unit| self.of.get(*unit).is_some());
        if !(priced || idle && would_be) {
            return Bill::Unpriced;
        }
        match self.cost(total, &parts) {
            None => Bill::Overflow,
            Some(cost) if missing => Bill::Part(cost),
            Some(cost) => Bill::Whole(cost),
        }
    }

    fn cost(&self, total: Sum, parts: &[Sum; 5]) -> Option<Cost> {
        let [input, output, cache_read, cache_write, other] = parts;
        Some(Cost {
            total: total.round(self.ratio)?,
            input: input.round(self.ratio)?,
            output: output.round(self.ratio)?,
            cache_read: cache_read.round(self.ratio)?,
            cache_write: cache_write.round(self.ratio)?,
            other: other.round(self.ratio)?,
        })
    }
}
