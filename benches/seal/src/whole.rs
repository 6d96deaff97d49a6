//! The bare parts: a plain struct of the whole event, and the validator without the library.

use doorward_events::TraceContext;
use jsonschema::{Draft, PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An event whose ids and instants are texts.
#[derive(Serialize, Deserialize)]
pub struct Whole<D> {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    schema_version: String,
    time: String,
    publisher: Publisher,
    tenant_id: String,
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_context: Option<TraceContext>,
    data: D,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<Origin>,
}

#[derive(Serialize, Deserialize)]
struct Publisher {
    name: String,
    instance: String,
}

#[derive(Serialize, Deserialize)]
struct Origin {
    recorded_at: String,
    journal_id: String,
    sequence: u64,
    type_sequence: u64,
}

/// The schema as the library compiles it: Draft-04, formats, patterns in linear time.
pub fn validator(schema: &str) -> Result<Validator, Box<dyn std::error::Error>> {
    let schema: Value = serde_json::from_str(schema)?;
    Ok(jsonschema::options()
        .with_draft(Draft::Draft4)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .build(&schema)
        .map_err(|e| e.to_string())?)
}
