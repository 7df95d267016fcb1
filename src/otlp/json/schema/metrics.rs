//! Metrics.

use super::common::{KEY_VALUE, RESOURCE, SCOPE};
use super::{Field, Kind, Message};
use crate::otlp::fields::metrics::{
    buckets, data, exemplar, exponential_histogram_data_point, histogram_data_point, metric, number_data_point,
    request, resource_metrics, scope_metrics, summary_data_point, value_at_quantile,
};

/// `ExportMetricsServiceRequest`
pub(in crate::otlp::json) static REQUEST: Message =
    Message::of(&[Field::many(request::RESOURCE_METRICS, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))]);

static RESOURCE_METRICS: Message = Message::of(&[
    Field::one(resource_metrics::RESOURCE, "resource", Kind::Message(&RESOURCE)),
    Field::many(resource_metrics::SCOPE_METRICS, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
    Field::one(resource_metrics::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static SCOPE_METRICS: Message = Message::of(&[
    Field::one(scope_metrics::SCOPE, "scope", Kind::Message(&SCOPE)),
    Field::many(scope_metrics::METRICS, "metrics", Kind::Message(&METRIC)),
    Field::one(scope_metrics::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static METRIC: Message = Message::of(&[
    Field::one(metric::NAME, "name", Kind::Text),
    Field::one(metric::DESCRIPTION, "description", Kind::Text),
    Field::one(metric::UNIT, "unit", Kind::Text),
    Field::one(metric::GAUGE, "gauge", Kind::Message(&GAUGE)),
    Field::one(metric::SUM, "sum", Kind::Message(&SUM)),
    Field::one(metric::HISTOGRAM, "histogram", Kind::Message(&HISTOGRAM)),
    Field::one(metric::EXPONENTIAL_HISTOGRAM, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
    Field::one(metric::SUMMARY, "summary", Kind::Message(&SUMMARY)),
    Field::many(metric::METADATA, "metadata", Kind::Message(&KEY_VALUE)),
]);

static GAUGE: Message = Message::of(&[Field::many(data::DATA_POINTS, "dataPoints", Kind::Message(&NUMBER_DATA_POINT))]);

static SUM: Message = Message::of(&[
    Field::many(data::DATA_POINTS, "dataPoints", Kind::Message(&NUMBER_DATA_POINT)),
    Field::one(data::AGGREGATION_TEMPORALITY, "aggregationTemporality", Kind::Enum(&AGGREGATION_TEMPORALITY)),
    Field::one(data::IS_MONOTONIC, "isMonotonic", Kind::Bool),
]);

static HISTOGRAM: Message = Message::of(&[
    Field::many(data::DATA_POINTS, "dataPoints", Kind::Message(&HISTOGRAM_DATA_POINT)),
    Field::one(data::AGGREGATION_TEMPORALITY, "aggregationTemporality", Kind::Enum(&AGGREGATION_TEMPORALITY)),
]);

static EXPONENTIAL_HISTOGRAM: Message = Message::of(&[
    Field::many(data::DATA_POINTS, "dataPoints", Kind::Message(&EXPONENTIAL_HISTOGRAM_DATA_POINT)),
    Field::one(data::AGGREGATION_TEMPORALITY, "aggregationTemporality", Kind::Enum(&AGGREGATION_TEMPORALITY)),
]);

static SUMMARY: Message =
    Message::of(&[Field::many(data::DATA_POINTS, "dataPoints", Kind::Message(&SUMMARY_DATA_POINT))]);

static AGGREGATION_TEMPORALITY: [&str; 3] =
    ["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];

static NUMBER_DATA_POINT: Message = Message::of(&[
    Field::one(number_data_point::START_TIME, "startTimeUnixNano", Kind::Fixed64),
    Field::one(number_data_point::TIME, "timeUnixNano", Kind::Fixed64),
    Field::one(number_data_point::AS_DOUBLE, "asDouble", Kind::Double),
    Field::many(number_data_point::EXEMPLARS, "exemplars", Kind::Message(&EXEMPLAR)),
    Field::one(number_data_point::AS_INT, "asInt", Kind::Sfixed64),
    Field::many(number_data_point::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(number_data_point::FLAGS, "flags", Kind::Uint32),
]);

static HISTOGRAM_DATA_POINT: Message = Message::of(&[
    Field::one(histogram_data_point::START_TIME, "startTimeUnixNano", Kind::Fixed64),
    Field::one(histogram_data_point::TIME, "timeUnixNano", Kind::Fixed64),
    Field::one(histogram_data_point::COUNT, "count", Kind::Fixed64),
    Field::one(histogram_data_point::SUM, "sum", Kind::Double),
    Field::many(histogram_data_point::BUCKET_COUNTS, "bucketCounts", Kind::Fixed64),
    Field::many(histogram_data_point::EXPLICIT_BOUNDS, "explicitBounds", Kind::Double),
    Field::many(histogram_data_point::EXEMPLARS, "exemplars", Kind::Message(&EXEMPLAR)),
    Field::many(histogram_data_point::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(histogram_data_point::FLAGS, "flags", Kind::Uint32),
    Field::one(histogram_data_point::MIN, "min", Kind::Double),
    Field::one(histogram_data_point::MAX, "max", Kind::Double),
]);

static EXPONENTIAL_HISTOGRAM_DATA_POINT: Message = Message::of(&[
    Field::many(exponential_histogram_data_point::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(exponential_histogram_data_point::START_TIME, "startTimeUnixNano", Kind::Fixed64),
    Field::one(exponential_histogram_data_point::TIME, "timeUnixNano", Kind::Fixed64),
    Field::one(exponential_histogram_data_point::COUNT, "count", Kind::Fixed64),
    Field::one(exponential_histogram_data_point::SUM, "sum", Kind::Double),
    Field::one(exponential_histogram_data_point::SCALE, "scale", Kind::Sint32),
    Field::one(exponential_histogram_data_point::ZERO_COUNT, "zeroCount", Kind::Fixed64),
    Field::one(exponential_histogram_data_point::POSITIVE, "positive", Kind::Message(&BUCKETS)),
    Field::one(exponential_histogram_data_point::NEGATIVE, "negative", Kind::Message(&BUCKETS)),
    Field::one(exponential_histogram_data_point::FLAGS, "flags", Kind::Uint32),
    Field::many(exponential_histogram_data_point::EXEMPLARS, "exemplars", Kind::Message(&EXEMPLAR)),
    Field::one(exponential_histogram_data_point::MIN, "min", Kind::Double),
    Field::one(exponential_histogram_data_point::MAX, "max", Kind::Double),
    Field::one(exponential_histogram_data_point::ZERO_THRESHOLD, "zeroThreshold", Kind::Double),
]);

static BUCKETS: Message = Message::of(&[
    Field::one(buckets::OFFSET, "offset", Kind::Sint32),
    Field::many(buckets::BUCKET_COUNTS, "bucketCounts", Kind::Uint64),
]);

static SUMMARY_DATA_POINT: Message = Message::of(&[
    Field::one(summary_data_point::START_TIME, "startTimeUnixNano", Kind::Fixed64),
    Field::one(summary_data_point::TIME, "timeUnixNano", Kind::Fixed64),
    Field::one(summary_data_point::COUNT, "count", Kind::Fixed64),
    Field::one(summary_data_point::SUM, "sum", Kind::Double),
    Field::many(summary_data_point::QUANTILE_VALUES, "quantileValues", Kind::Message(&VALUE_AT_QUANTILE)),
    Field::many(summary_data_point::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(summary_data_point::FLAGS, "flags", Kind::Uint32),
]);

static VALUE_AT_QUANTILE: Message = Message::of(&[
    Field::one(value_at_quantile::QUANTILE, "quantile", Kind::Double),
    Field::one(value_at_quantile::VALUE, "value", Kind::Double),
]);

static EXEMPLAR: Message = Message::of(&[
    Field::one(exemplar::TIME, "timeUnixNano", Kind::Fixed64),
    Field::one(exemplar::AS_DOUBLE, "asDouble", Kind::Double),
    Field::one(exemplar::SPAN_ID, "spanId", Kind::Hex),
    Field::one(exemplar::TRACE_ID, "traceId", Kind::Hex),
    Field::one(exemplar::AS_INT, "asInt", Kind::Sfixed64),
    Field::many(exemplar::FILTERED_ATTRIBUTES, "filteredAttributes", Kind::Message(&KEY_VALUE)),
]);
