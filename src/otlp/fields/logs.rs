//! Field numbers of the messages of logs.

/// `ExportLogsServiceRequest` and `LogsData`.
pub mod request {
    /// `repeated ResourceLogs resource_logs`
    pub const RESOURCE_LOGS: u32 = 1;
}

/// `ResourceLogs`.
pub mod resource_logs {
    /// `Resource resource`
    pub const RESOURCE: u32 = 1;
    /// `repeated ScopeLogs scope_logs`
    pub const SCOPE_LOGS: u32 = 2;
    /// `string schema_url`
    pub const SCHEMA_URL: u32 = 3;
}

/// `ScopeLogs`.
pub mod scope_logs {
    /// `InstrumentationScope scope`
    pub const SCOPE: u32 = 1;
    /// `repeated LogRecord log_records`
    pub const LOG_RECORDS: u32 = 2;
    /// `string schema_url`
    pub const SCHEMA_URL: u32 = 3;
}

/// `LogRecord`.
pub mod log_record {
    /// `fixed64 time_unix_nano`
    pub const TIME: u32 = 1;
    /// `SeverityNumber severity_number`
    pub const SEVERITY_NUMBER: u32 = 2;
    /// `string severity_text`
    pub const SEVERITY_TEXT: u32 = 3;
    /// `AnyValue body`
    pub const BODY: u32 = 5;
    /// `repeated KeyValue attributes`
    pub const ATTRIBUTES: u32 = 6;
    /// `uint32 dropped_attributes_count`
    pub const DROPPED_ATTRIBUTES_COUNT: u32 = 7;
    /// `fixed32 flags`
    pub const FLAGS: u32 = 8;
    /// `bytes trace_id`
    pub const TRACE_ID: u32 = 9;
    /// `bytes span_id`
    pub const SPAN_ID: u32 = 10;
    /// `fixed64 observed_time_unix_nano`
    pub const OBSERVED_TIME: u32 = 11;
    /// `string event_name`
    pub const EVENT_NAME: u32 = 12;
}
