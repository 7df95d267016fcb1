use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint,
    exemplar,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::{attributes, ids};
use crate::otlp::json::metrics_from_json;

fn request(json: &str) -> Request {
    let mut out = Vec::new();
    metrics_from_json(json.as_bytes(), &mut out).unwrap_or_else(|error| panic!("{error}"));
    Request::decode(out.as_slice()).unwrap()
}

fn in_metric(fields: &str) -> String {
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{{fields}}}]}}]}}]}}"#)
}

fn data(fields: &str) -> Option<Data> {
    request(&in_metric(fields)).resource_metrics[0].scope_metrics[0].metrics[0].data.clone()
}

fn numbers(points: &str) -> Vec<NumberDataPoint> {
    let Some(Data::Gauge(gauge)) = data(&format!(r#""gauge":{{"dataPoints":[{points}]}}"#)) else { panic!() };
    gauge.data_points
}

fn failure(json: &str) -> String {
    let mut out = b"before".to_vec();
    let error = metrics_from_json(json.as_bytes(), &mut out).unwrap_err();
    assert_eq!(out, b"before", "nothing is appended");
    error.to_string()
}

fn exemplars() -> Vec<Exemplar> {
    let (trace_id, span_id) = ids();
    let with = |value| Exemplar {
        filtered_attributes: attributes(),
        time_unix_nano: 11,
        span_id: span_id.clone(),
        trace_id: trace_id.clone(),
        value,
    };
    vec![with(Some(exemplar::Value::AsDouble(-0.5))), with(Some(exemplar::Value::AsInt(i64::MIN))), with(None)]
}

fn number(value: Option<Value>) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 1,
        time_unix_nano: u64::MAX,
        exemplars: exemplars(),
        flags: u32::MAX,
        value,
    }
}

fn histogram(number: Option<f64>) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: number,
        bucket_counts: vec![0, 1, u64::MAX],
        explicit_bounds: vec![-1.5, 0.0],
        exemplars: exemplars(),
        flags: 1,
        min: number,
        max: number,
    }
}

fn exponential(number: Option<f64>) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: number,
        scale: i32::MIN,
        zero_count: 4,
        positive: Some(Buckets { offset: -7, bucket_counts: vec![0, 300, u64::MAX] }),
        negative: Some(Buckets { offset: i32::MAX, bucket_counts: Vec::new() }),
        flags: 1,
        exemplars: exemplars(),
        min: number,
        max: number,
        zero_threshold: 0.25,
    }
}

fn summary() -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: 4.5,
        quantile_values: vec![ValueAtQuantile { quantile: 0.99, value: 7.25 }, ValueAtQuantile::default()],
        flags: 1,
    }
}

/// A request in which every field is set, and every field that may be absent is absent once and zero once.
fn full() -> Request {
    let cumulative = AggregationTemporality::Cumulative as i32;
    let values = [Value::AsDouble(0.0), Value::AsInt(0), Value::AsInt(-5), Value::AsDouble(2.25)].map(Some);
    let points: Vec<_> = values.into_iter().chain([None]).map(number).collect();
    let optional = [None, Some(0.0), Some(-1.5)];
    let all = [
        Data::Gauge(Gauge { data_points: points.clone() }),
        Data::Sum(Sum { data_points: points, aggregation_temporality: cumulative, is_monotonic: true }),
        Data::Histogram(Histogram {
            data_points: optional.map(histogram).into(),
            aggregation_temporality: AggregationTemporality::Delta as i32,
        }),
        Data::ExponentialHistogram(ExponentialHistogram {
            data_points: optional.map(exponential).into(),
            aggregation_temporality: cumulative,
        }),
        Data::Summary(Summary { data_points: vec![summary(), SummaryDataPoint::default()] }),
        Data::Gauge(Gauge::default()),
    ];
    let metrics = all.into_iter().map(Some).chain([None]).map(|data| Metric {
        name: "name".into(),
        description: "description".into(),
        unit: "1".into(),
        metadata: attributes(),
        data,
    });
    let scope = InstrumentationScope { name: "scope".into(), ..InstrumentationScope::default() };
    let scope_metrics = ScopeMetrics { scope: Some(scope), metrics: metrics.collect(), schema_url: "s".into() };
    let resource = Resource { attributes: attributes(), ..Resource::default() };
    let resource_metrics =
        ResourceMetrics { resource: Some(resource), scope_metrics: vec![scope_metrics], schema_url: "r".into() };
    Request { resource_metrics: vec![resource_metrics, ResourceMetrics::default()] }
}

#[test]
fn every_field_of_metrics_is_read_as_opentelemetry_proto_writes_it() {
    assert_eq!(request(&serde_json::to_string(&full()).unwrap()), full());
}

#[test]
fn numbers_that_are_repeated_are_packed() {
    let point = format!(r#"{{"bucketCounts":[{}],"explicitBounds":["NaN",1,"-2.5"]}}"#, r#""0",1,"#.repeat(100) + "2");
    let json = in_metric(&format!(r#""histogram":{{"dataPoints":[{point}]}}"#));
    let mut out = Vec::new();
    metrics_from_json(json.as_bytes(), &mut out).unwrap();
    assert!(out.len() < 201 * 8 + 3 * 8 + 40, "{}", out.len());
    let Some(Data::Histogram(histogram)) = data(&format!(r#""histogram":{{"dataPoints":[{point}]}}"#)) else {
        panic!()
    };
    let point = &histogram.data_points[0];
    assert_eq!((point.bucket_counts.len(), point.bucket_counts.iter().sum::<u64>()), (201, 102));
    assert!(point.explicit_bounds[0].is_nan() && point.explicit_bounds[1..] == [1.0, -2.5]);
}

#[test]
fn metrics_are_read_in_every_form_that_json_may_have() {
    let Some(Data::Sum(sum)) = data(
        r#""name":null,"gauge":null,"sum":{"is_monotonic":true,"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE",
        "data_points":[{"exemplars":null,"attributes":[{"key":"k","value":{"arrayValue":{}}}],"asDouble":"NaN"}]}"#,
    ) else {
        panic!()
    };
    assert_eq!((sum.is_monotonic, sum.aggregation_temporality, sum.data_points.len()), (true, 2, 1));
    assert!(matches!(sum.data_points[0].value, Some(Value::AsDouble(number)) if number.is_nan()));
    let point =
        r#"{"scale":"-3","sum":"Infinity","min":0,"zeroCount":5,"positive":{"offset":"2","bucketCounts":[1,"2"]}}"#;
    let json = format!(r#""exponential_histogram":{{"dataPoints":[{point}]}}"#);
    let Some(Data::ExponentialHistogram(histogram)) = data(&json) else { panic!() };
    let point = &histogram.data_points[0];
    assert_eq!((point.scale, point.sum, point.min, point.max), (-3, Some(f64::INFINITY), Some(0.0), None));
    assert_eq!(point.positive, Some(Buckets { offset: 2, bucket_counts: vec![1, 2] }));
}

#[test]
fn a_value_of_zero_is_a_value_and_the_last_one_counts() {
    let points = numbers(r#"{"asInt":"0"},{"asDouble":0},{},{"asInt":null},{"asDouble":1,"asInt":2}"#);
    let values: Vec<_> = points.into_iter().map(|point| point.value).collect();
    let expected = [Some(Value::AsInt(0)), Some(Value::AsDouble(0.0)), None, None, Some(Value::AsInt(2))];
    assert_eq!(values, expected);
    assert_eq!(data(r#""gauge":{}"#), Some(Data::Gauge(Gauge::default())));
    assert_eq!(data(""), None);
}

#[test]
fn faults_in_metrics_are_told_with_their_place() {
    for (fields, expected) in [
        (r#""sum":{"isMonotonic":"true"}"#, "sum.isMonotonic: expected a boolean, found a string"),
        (r#""gauge":[]"#, "gauge: expected an object, found an array"),
        (r#""gauge":{"dataPoints":[{},{"asInt":1.5}]}"#, "gauge.dataPoints[1].asInt: not a whole number"),
        (
            r#""histogram":{"dataPoints":[{"bucketCounts":[1,-1]}]}"#,
            "histogram.dataPoints[0].bucketCounts[1]: number out of range",
        ),
        (
            r#""histogram":{"dataPoints":[{"explicitBounds":[1,null]}]}"#,
            "histogram.dataPoints[0].explicitBounds[1]: expected a number or a string of one, found null",
        ),
        (
            r#""histogram":{"dataPoints":[{"bucketCounts":7}]}"#,
            "histogram.dataPoints[0].bucketCounts: expected an array, found a number",
        ),
        (
            r#""exponentialHistogram":{"dataPoints":[{"scale":2147483648}]}"#,
            "exponentialHistogram.dataPoints[0].scale: number out of range",
        ),
        (r#""sum":{"aggregationTemporality":"DELTA"}"#, "sum.aggregationTemporality: unknown name \"DELTA\""),
        (
            r#""gauge":{"dataPoints":[{"exemplars":[{"traceId":"xyz"}]}]}"#,
            "gauge.dataPoints[0].exemplars[0].traceId: string is not hex",
        ),
    ] {
        let told = failure(&in_metric(fields));
        let expected = format!("resourceMetrics[0].scopeMetrics[0].metrics[0].{expected} at byte ");
        assert!(told.starts_with(&expected), "{told}");
    }
    let deep = format!(r#""gauge":{{"unknown":{}"#, "[".repeat(1_000_000));
    assert!(failure(&in_metric(&deep)).contains("nested deeper than 300 levels"));
}

#[test]
fn a_request_takes_no_more_room_than_its_text_but_for_packed_numbers() {
    for (points, most) in [
        ("{},".repeat(100_000) + "{}", 1),
        (r#"{"exemplars":[{},{}]},"#.repeat(50_000) + "{}", 1),
        (format!(r#"{{"bucketCounts":[{}0]}}"#, "0,".repeat(100_000)), 4),
        (format!(r#"{{"explicitBounds":[{}0]}}"#, "0,".repeat(100_000)), 4),
    ] {
        let json = in_metric(&format!(r#""histogram":{{"dataPoints":[{points}]}}"#));
        let mut out = Vec::with_capacity(json.len() * most);
        let room = out.capacity();
        metrics_from_json(json.as_bytes(), &mut out).unwrap();
        assert_eq!(out.capacity(), room, "it never grew");
    }
}
