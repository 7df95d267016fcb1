//! What says how a session ended, beside its spans' status: an attribute of the user's choice, or a tool that the agent
//! calls when it is done.

use super::extraction::Extraction;
use super::json_scan::{self, Json};
use crate::config;
use crate::genai::vocabulary::OutcomeSource;
use crate::glob::Glob;
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// The user's words for the end of a session, compiled.
#[derive(Clone, Debug, Default)]
pub struct SessionEnd {
    attribute: Option<Slot>,
    done_tool: Option<String>,
    /// Where in the tool's arguments its status stands.
    done_status: Vec<String>,
    /// Tools whose calls cannot be undone.
    pub irreversible: Vec<Glob>,
}

// === impl SessionEnd ===

impl SessionEnd {
    /// Compiles the user's words, adding their keys to `keys`.
    pub fn compile(config: &config::Sessions, keys: &mut KeyTable) -> Self {
        let outcome = &config.outcome;
        let status = outcome.done_status.iter().flat_map(|path| path.split('.')).map(str::to_owned).collect();
        Self {
            attribute: outcome.attribute.as_deref().and_then(|key| keys.add(key)),
            done_tool: outcome.done_tool.clone(),
            done_status: status,
            irreversible: config.irreversible_tools.iter().map(|text| Glob::new(text)).collect(),
        }
    }

    /// The outcome of its session that a span reports, and the source that says so.
    pub(in crate::genai) fn outcome<'a>(
        &self,
        visit: &Visit<'a, '_>,
        extraction: Option<&Extraction<'a, '_>>,
    ) -> Option<(OutcomeSource, &'a str)> {
        let attribute = self.attribute.and_then(|slot| visit.attributes.get(slot));
        let said = match attribute {
            Some(AnyValue::Str(text)) => text.trim(),
            Some(AnyValue::Bool(true)) => "true",
            Some(AnyValue::Bool(false)) => "false",
            _ => "",
        };
        if !said.is_empty() {
            return Some((OutcomeSource::Attribute, said));
        }
        let (done, extraction) = self.done_tool.as_deref().zip(extraction)?;
        extraction.tool().filter(|tool| *tool == done.as_bytes())?;
        let status = match json_scan::find(extraction.arguments().unwrap_or_default(), &self.done_status) {
            Some(Json::Text(text) | Json::Word(text)) if !self.done_status.is_empty() => text,
            _ if extraction.failure.is_some() => "error",
            _ => "ok",
        };
        Some((OutcomeSource::DoneTool, status))
    }
}
