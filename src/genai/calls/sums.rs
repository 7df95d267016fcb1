//! What a session comes to: the numbers that rules see and that are written onto its roots.

use super::name_list::NameList;
use crate::genai::vocabulary::{Outcome, OutcomeSource};
use crate::intern::Name;
use crate::pricing::Attodollars;

/// The sums over a session's calls, each call counted once however many spans tell of it.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Calls of language models.
    pub llm_calls: u32,
    /// Calls of tools.
    pub tool_calls: u32,
    /// Of those, the ones that failed.
    pub tool_failures: u32,
    /// Models, providers, regions, prompts and their versions, tools and agents, in the order in which they came.
    pub names: Named,
    /// Calls and failures by tool, beside `names.tools`.
    pub by_tool: Vec<ToolCount>,
    /// Tools that failed at least once.
    pub failed_tools: Vec<Name>,
    /// Tokens of all billed calls.
    pub tokens: TokenSums,
    /// What the billed calls cost together, of those that have a price; `None` where none has.
    pub cost: Option<Attodollars>,
    /// Of the cost: calls that were truncated, failed, broke, were left or were made again.
    pub wasted: Attodollars,
    /// Calls that used something and have no price.
    pub unpriced_calls: u32,
    /// Seconds to the first token: of the first call that tells, and the most of all.
    pub ttft_first: Option<f64>,
    /// See `ttft_first`.
    pub ttft_max: Option<f64>,
    /// Seconds from the start of a turn's root to the first token of its last call, by turn; NaN where that is not told.
    pub felt_ttft: Vec<f64>,
    /// The longest time to completion, seconds.
    pub ttc_max: Option<f64>,
    /// Calls by how they ended, in the order of [`Outcome::ALL`].
    pub outcomes: [u32; Outcome::ALL.len()],
    /// Calls of tools with the same tool and the same arguments as an earlier one.
    pub repeated_tool_calls: u32,
    /// The longest run of such calls, one after the other.
    pub longest_tool_run: u32,
    /// Calls that were made again: later attempts, resent requests, the same answer or the same request once more.
    pub retries: u32,
    /// Spans whose error says that the provider had no room.
    pub rate_limited: u32,
    /// Input tokens of the last call over those of the first.
    pub context_growth: Option<f64>,
    /// The fullest that a model's context window was, 0 to 1.
    pub context_fill: Option<f64>,
    /// Calls of tools that the configuration calls irreversible.
    pub irreversible_calls: u32,
    /// Runs of agents and calls with frameworks around them in which no call of a model was seen.
    pub missing_calls: u32,
    /// The last model call ended broken, failed or errored.
    pub last_call_failed: bool,
    /// What the session came to, and who says so.
    pub outcome: Option<(&'static str, OutcomeSource)>,
}

/// The names that a session's spans gave.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// Models that answered, else that were asked for.
    pub models: Vec<Name>,
    /// Providers.
    pub providers: Vec<Name>,
    /// Where the providers ran the calls.
    pub regions: Vec<Name>,
    /// Prompts.
    pub prompts: Vec<Name>,
    /// Versions of prompts.
    pub prompt_versions: Vec<Box<str>>,
    /// Tools.
    pub tools: NameList,
    /// Agents.
    pub agents: Vec<Name>,
}

/// How often one tool was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ToolCount {
    /// Calls.
    pub calls: u32,
    /// Of those, the ones that failed.
    pub failures: u32,
}

/// Tokens over many calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenSums {
    /// All input.
    pub input: u64,
    /// Of the input: read from a cache.
    pub cache_read: u64,
    /// Of the input: written to a cache.
    pub cache_write: u64,
    /// All output.
    pub output: u64,
    /// Of the output: reasoning.
    pub reasoning: u64,
}

// === impl Sums ===

impl Sums {
    /// Calls that ended so.
    pub fn ended(&self, outcome: Outcome) -> u32 {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }

    /// How often the tool of that name was called.
    pub fn of_tool(&self, name: &str) -> ToolCount {
        let place = self.names.tools.as_slice().iter().position(|tool| tool.text() == name);
        place.and_then(|place| self.by_tool.get(place)).copied().unwrap_or_default()
    }

    /// The most that a turn was felt to wait for its answer, seconds.
    pub fn felt_ttft_max(&self) -> Option<f64> {
        self.felt_ttft.iter().copied().filter(|seconds| seconds.is_finite()).max_by(f64::total_cmp)
    }
}

// === impl TokenSums ===

impl TokenSums {
    /// Input and output together.
    pub fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}
