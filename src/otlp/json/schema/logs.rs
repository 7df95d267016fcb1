//! Logs.

use super::common::{ANY_VALUE, KEY_VALUE, RESOURCE, SCOPE};
use super::{Field, Kind, Message};
use crate::otlp::fields::logs::{log_record, request, resource_logs, scope_logs};

/// `ExportLogsServiceRequest`
pub(in crate::otlp::json) static REQUEST: Message =
    Message::of(&[Field::many(request::RESOURCE_LOGS, "resourceLogs", Kind::Message(&RESOURCE_LOGS))]);

static RESOURCE_LOGS: Message = Message::of(&[
    Field::one(resource_logs::RESOURCE, "resource", Kind::Message(&RESOURCE)),
    Field::many(resource_logs::SCOPE_LOGS, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
    Field::one(resource_logs::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static SCOPE_LOGS: Message = Message::of(&[
    Field::one(scope_logs::SCOPE, "scope", Kind::Message(&SCOPE)),
    Field::many(scope_logs::LOG_RECORDS, "logRecords", Kind::Message(&LOG_RECORD)),
    Field::one(scope_logs::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static LOG_RECORD: Message = Message::of(&[
    Field::one(log_record::TIME, "timeUnixNano", Kind::Fixed64),
    Field::one(log_record::SEVERITY_NUMBER, "severityNumber", Kind::Enum(&SEVERITY_NUMBER)),
    Field::one(log_record::SEVERITY_TEXT, "severityText", Kind::Text),
    Field::one(log_record::BODY, "body", Kind::Message(&ANY_VALUE)),
    Field::many(log_record::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(log_record::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Uint32),
    Field::one(log_record::FLAGS, "flags", Kind::Fixed32),
    Field::one(log_record::TRACE_ID, "traceId", Kind::Hex),
    Field::one(log_record::SPAN_ID, "spanId", Kind::Hex),
    Field::one(log_record::OBSERVED_TIME, "observedTimeUnixNano", Kind::Fixed64),
    Field::one(log_record::EVENT_NAME, "eventName", Kind::Text),
]);

static SEVERITY_NUMBER: [&str; 25] = [
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];
