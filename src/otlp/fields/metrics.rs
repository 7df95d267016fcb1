//! Field numbers of the messages of metrics.

/// `ExportMetricsServiceRequest` and `MetricsData`.
pub mod request {
    /// `repeated ResourceMetrics resource_metrics`
    pub const RESOURCE_METRICS: u32 = 1;
}

/// `ResourceMetrics`.
pub mod resource_metrics {
    /// `Resource resource`
    pub const RESOURCE: u32 = 1;
    /// `repeated ScopeMetrics scope_metrics`
    pub const SCOPE_METRICS: u32 = 2;
    /// `string schema_url`
    pub const SCHEMA_URL: u32 = 3;
}

/// `ScopeMetrics`.
pub mod scope_metrics {
    /// `InstrumentationScope scope`
    pub const SCOPE: u32 = 1;
    /// `repeated Metric metrics`
    pub const METRICS: u32 = 2;
    /// `string schema_url`
    pub const SCHEMA_URL: u32 = 3;
}

/// `Metric`; 5 to 11 are the members of one `oneof`.
pub mod metric {
    /// `string name`
    pub const NAME: u32 = 1;
    /// `string description`
    pub const DESCRIPTION: u32 = 2;
    /// `string unit`
    pub const UNIT: u32 = 3;
    /// `Gauge gauge`
    pub const GAUGE: u32 = 5;
    /// `Sum sum`
    pub const SUM: u32 = 7;
    /// `Histogram histogram`
    pub const HISTOGRAM: u32 = 9;
    /// `ExponentialHistogram exponential_histogram`
    pub const EXPONENTIAL_HISTOGRAM: u32 = 10;
    /// `Summary summary`
    pub const SUMMARY: u32 = 11;
    /// `repeated KeyValue metadata`
    pub const METADATA: u32 = 12;
}

/// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram` and `Summary`: what one of them has, it has under this number.
pub mod data {
    /// `repeated NumberDataPoint data_points` and its like in the others
    pub const DATA_POINTS: u32 = 1;
    /// `AggregationTemporality aggregation_temporality`
    pub const AGGREGATION_TEMPORALITY: u32 = 2;
    /// `bool is_monotonic`
    pub const IS_MONOTONIC: u32 = 3;
}

/// `NumberDataPoint`.
pub mod number_data_point {
    /// `fixed64 start_time_unix_nano`
    pub const START_TIME: u32 = 2;
    /// `fixed64 time_unix_nano`
    pub const TIME: u32 = 3;
    /// `double as_double`
    pub const AS_DOUBLE: u32 = 4;
    /// `repeated Exemplar exemplars`
    pub const EXEMPLARS: u32 = 5;
    /// `sfixed64 as_int`
    pub const AS_INT: u32 = 6;
    /// `repeated KeyValue attributes`
    pub const ATTRIBUTES: u32 = 7;
    /// `uint32 flags`
    pub const FLAGS: u32 = 8;
}

/// `HistogramDataPoint`.
pub mod histogram_data_point {
    /// `fixed64 start_time_unix_nano`
    pub const START_TIME: u32 = 2;
    /// `fixed64 time_unix_nano`
    pub const TIME: u32 = 3;
    /// `fixed64 count`
    pub const COUNT: u32 = 4;
    /// `optional double sum`
    pub const SUM: u32 = 5;
    /// `repeated fixed64 bucket_counts`
    pub const BUCKET_COUNTS: u32 = 6;
    /// `repeated double explicit_bounds`
    pub const EXPLICIT_BOUNDS: u32 = 7;
    /// `repeated Exemplar exemplars`
    pub const EXEMPLARS: u32 = 8;
    /// `repeated KeyValue attributes`
    pub const ATTRIBUTES: u32 = 9;
    /// `uint32 flags`
    pub const FLAGS: u32 = 10;
    /// `optional double min`
    pub const MIN: u32 = 11;
    /// `optional double max`
    pub const MAX: u32 = 12;
}

/// `ExponentialHistogramDataPoint`.
pub mod exponential_histogram_data_point {
    /// `repeated KeyValue attributes`
    pub const ATTRIBUTES: u32 = 1;
    /// `fixed64 start_time_unix_nano`
    pub const START_TIME: u32 = 2;
    /// `fixed64 time_unix_nano`
    pub const TIME: u32 = 3;
    /// `fixed64 count`
    pub const COUNT: u32 = 4;
    /// `optional double sum`
    pub const SUM: u32 = 5;
    /// `sint32 scale`
    pub const SCALE: u32 = 6;
    /// `fixed64 zero_count`
    pub const ZERO_COUNT: u32 = 7;
    /// `Buckets positive`
    pub const POSITIVE: u32 = 8;
    /// `Buckets negative`
    pub const NEGATIVE: u32 = 9;
    /// `uint32 flags`
    pub const FLAGS: u32 = 10;
    /// `repeated Exemplar exemplars`
    pub const EXEMPLARS: u32 = 11;
    /// `optional double min`
    pub const MIN: u32 = 12;
    /// `optional double max`
    pub const MAX: u32 = 13;
    /// `double zero_threshold`
    pub const ZERO_THRESHOLD: u32 = 14;
}

/// `ExponentialHistogramDataPoint.Buckets`.
pub mod buckets {
    /// `sint32 offset`
    pub const OFFSET: u32 = 1;
    /// `repeated uint64 bucket_counts`
    pub const BUCKET_COUNTS: u32 = 2;
}

/// `SummaryDataPoint`.
pub mod summary_data_point {
    /// `fixed64 start_time_unix_nano`
    pub const START_TIME: u32 = 2;
    /// `fixed64 time_unix_nano`
    pub const TIME: u32 = 3;
    /// `fixed64 count`
    pub const COUNT: u32 = 4;
    /// `double sum`
    pub const SUM: u32 = 5;
    /// `repeated ValueAtQuantile quantile_values`
    pub const QUANTILE_VALUES: u32 = 6;
    /// `repeated KeyValue attributes`
    pub const ATTRIBUTES: u32 = 7;
    /// `uint32 flags`
    pub const FLAGS: u32 = 8;
}

/// `SummaryDataPoint.ValueAtQuantile`.
pub mod value_at_quantile {
    /// `double quantile`
    pub const QUANTILE: u32 = 1;
    /// `double value`
    pub const VALUE: u32 = 2;
}

/// `Exemplar`.
pub mod exemplar {
    /// `fixed64 time_unix_nano`
    pub const TIME: u32 = 2;
    /// `double as_double`
    pub const AS_DOUBLE: u32 = 3;
    /// `bytes span_id`
    pub const SPAN_ID: u32 = 4;
    /// `bytes trace_id`
    pub const TRACE_ID: u32 = 5;
    /// `sfixed64 as_int`
    pub const AS_INT: u32 = 6;
    /// `repeated KeyValue filtered_attributes`
    pub const FILTERED_ATTRIBUTES: u32 = 7;
}
