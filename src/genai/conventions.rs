//! The convention table as data: `config/conventions.yaml`, embedded, or the user's file in its place.

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conventions {
    /// `session.id`: where a session's id stands, the highest rank first.
    pub ids: Vec<IdSource>,
    /// `session.resource_id`
    pub resource_ids: Vec<String>,
    /// `session.tenant`
    pub tenants: Vec<String>,
    /// `session.environment`
    pub environments: Vec<String>,
    /// `session.placeholders`
    pub placeholders: Vec<String>,
    /// `session.end_attributes`
    pub end_attributes: Vec<String>,
    /// `session.end_events`
    pub end_events: Vec<String>,
    /// `error_type.attributes`
    pub error_attributes: Vec<String>,
    /// `error_type.exception_attribute`
    pub exception_attribute: String,
}

/// An attribute that may hold a session's id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdSource {
    /// The attribute's key.
    pub key: String,
    /// Keys to look for in the JSON object that it holds; empty when it holds the id itself.
    pub json: Vec<String>,
}

// === impl Conventions ===

impl Conventions {
    /// shim
    pub fn embedded() -> Self {
        let k = |l: &[&str]| l.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        Self {
            ids: k(&["session.id", "gen_ai.conversation.id"])
                .into_iter()
                .map(|key| IdSource { key, json: vec![] })
                .collect(),
            placeholders: k(&["", "none", "null", "0", "default", "unknown"]),
            end_attributes: k(&["tailsieve.session.end"]),
            ..Self::default()
        }
    }
}
